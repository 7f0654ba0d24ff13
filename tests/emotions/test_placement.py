"""A share of the cores for each server process"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings as project

from emotions import checks
from emotions.placement import core_numbers, cores, on_core, shares

# Claims, says so, and holds the share until its input ends.
PROCESS = """
import os, pathlib, sys, threading
from emotions.placement import cores, share_claim
seen, done = [], threading.Event()
other = threading.Thread(target=lambda: (done.wait(), seen.append(os.sched_getaffinity(0))))
other.start()
share = share_claim(cores(), pathlib.Path(sys.argv[1]))
done.set()
other.join()
print(share, os.sched_getaffinity(0) == seen[0] == set(share or seen[0]), flush=True)
sys.stdin.read()
"""


def start(folder) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(folder)],
        cwd=project.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.communicate()


def test_it_works(tmp_path):
    processes = [start(tmp_path) for _ in range(cores())]
    claimed = {said(process) for process in processes}
    assert len(claimed) == cores()
    assert all(line.endswith("] True") for line in claimed)
    for process in processes:
        end(process)


def test_whoever_comes_in_place_of_another_takes_its_share_over(tmp_path):
    processes = [start(tmp_path) for _ in range(cores())]
    first, *_ = [said(process) for process in processes]
    one_too_many = start(tmp_path)
    assert said(one_too_many) == "[] True"
    end(processes[0])
    successor = start(tmp_path)
    assert said(successor) == first
    for process in (*processes[1:], one_too_many, successor):
        end(process)


@pytest.mark.parametrize(
    ("allowed", "workers", "expected"),
    [
        ([0, 1], 2, [[0], [1]]),
        ([4, 5, 6, 7], 2, [[4, 5], [6, 7]]),
        ([0, 1], 1, [[0, 1]]),
        ([0, 1, 2], 2, []),
        ([0, 1], 4, []),
        ([], 2, []),
    ],
)
def test_shares_are_equal_or_there_are_none(allowed, workers, expected):
    assert shares(allowed, workers) == expected


def test_cores_that_cannot_be_divided_are_a_warning(settings):
    settings.PIN_WORKERS, settings.WORKERS = True, cores() + 1
    assert [each.id for each in checks.placement_check(None)] == ["emotions.W001"]
    settings.WORKERS = cores()
    assert checks.placement_check(None) == []


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no cores to be chosen here")
def test_a_thread_keeps_to_a_core_meanwhile_and_to_none_afterwards():
    before = core_numbers()
    for number in range(len(before) + 1):  # around
        with on_core(number):
            assert core_numbers() == [before[number % len(before)]]
        assert core_numbers() == before
