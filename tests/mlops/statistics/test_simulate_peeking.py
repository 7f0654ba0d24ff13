"""``manage.py simulate_peeking``"""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("simulate_peeking", *arguments, stdout=out)
    return out.getvalue()


def test_it_works():
    result = json.loads(run("--simulations", "50", "--requests", "5000", "--json"))
    assert result["sequential"] <= 0.1 < result["fixed"]
    assert result["plan"]["every"] == 100


def test_people_read_percentages():
    text = run("--simulations", "20", "--requests", "5000", "--effect", "0.1")
    assert "20 simulations of 5,000 requests" in text
    assert "decisions of the sequential comparison  100.0%" in text


@pytest.mark.parametrize(
    "arguments",
    [["--rate", "1"], ["--every", "0"], ["--effect", "0.9"], ["--requests", "50"]],
    ids=" ".join,
)
def test_misuse_exits_with_two(arguments):
    with pytest.raises(CommandError) as error:
        run(*arguments)
    assert error.value.returncode == 2
