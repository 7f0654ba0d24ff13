"""manage.py analyze"""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from tests.waiting import PATIENCE, wait_for

TEXTS = ["Thank you so much!", "I am so sad today", "The meeting is at 3 pm"]
EXPECTED = ["gratitude", "sadness", "neutral"]


@pytest.fixture(autouse=True)
def serving(version_folder_int8, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def lines(tmp_path) -> Path:
    return write(tmp_path / "texts.txt", "\n".join(TEXTS) + "\n")


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def analyze(*arguments) -> None:
    call_command("analyze", *map(str, arguments), "--no-progress")


def results(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_works(lines, tmp_path, capsys):
    analyze(lines, "--output", tmp_path / "out.jsonl")
    rows = results(tmp_path / "out.jsonl")
    assert [row["row"] for row in rows] == [0, 1, 2]
    assert [row["dominant"] for row in rows] == EXPECTED
    assert rows[0]["labels"] == ["gratitude"]
    assert len(rows[0]["scores"]) == 28
    assert -1 <= rows[1]["valence"] < 0 < rows[0]["valence"] <= 1
    assert "rows scored            3" in capsys.readouterr().out
    assert not (tmp_path / "out.jsonl.partial").exists()


@pytest.mark.parametrize(
    ("name", "content", "arguments"),
    [
        ("a.csv", "id,text\n" + "".join(f'1,"{text}"\n' for text in TEXTS), []),
        ("a.csv", "id,body\n" + "".join(f'1,"{text}"\n' for text in TEXTS), ["--column", "body"]),
        ("a.csv", "only\n" + "".join(f'"{text}"\n' for text in TEXTS), []),
        ("a.tsv", "text\tid\n" + "".join(f"{text}\t1\n" for text in TEXTS), []),
        ("a.tsv", "".join(f"1\t{text}\n" for text in TEXTS), ["--no-header", "--column", "2"]),
        ("a.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in TEXTS), []),
        (
            "a.jsonl",
            "".join(json.dumps({"say": text}) + "\n" for text in TEXTS),
            ["--column", "say"],
        ),
        ("a.jsonl", "".join(json.dumps(text) + "\n" for text in TEXTS), []),
        ("a.log", "\ufeff" + "\r\n".join(TEXTS), []),
        ("a.log", "text\n" + "\n".join(TEXTS), ["--format", "csv"]),
    ],
)
def test_every_format_is_read(tmp_path, name, content, arguments):
    analyze(write(tmp_path / name, content), *arguments, "--output", tmp_path / "out.jsonl")
    assert [row["dominant"] for row in results(tmp_path / "out.jsonl")] == EXPECTED


def test_csv_output_has_a_column_for_each_label(lines, tmp_path):
    analyze(lines, "--output", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["dominant"] for row in rows] == EXPECTED
    assert float(rows[0]["gratitude"]) > 0.8
    assert rows[0]["labels"] == "gratitude"


def test_parquet_output_is_typed(lines, tmp_path):
    analyze(lines, "--output", tmp_path / "out.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table["dominant"].to_pylist() == EXPECTED
    assert str(table.schema.field("gratitude").type) == "float"
    assert table["labels"].to_pylist()[0] == ["gratitude"]


def test_the_plot_is_a_picture(lines, tmp_path):
    analyze(lines, "--plot", tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_the_summary_can_be_json(lines, capsys):
    analyze(lines, "--json")
    summary = json.loads(capsys.readouterr().out)
    assert summary["rows"] == 3
    assert summary["labels"]["gratitude"]["rows"] == 1


def test_bad_rows_are_named_and_the_good_ones_kept(tmp_path, capsys):
    path = write(tmp_path / "a.csv", f'id,text\n1,{TEXTS[0]}\n2\n3,"  "\n4,{TEXTS[1]}\n')
    analyze(path, "--output", tmp_path / "out.jsonl")
    assert [row["row"] for row in results(tmp_path / "out.jsonl")] == [0, 3]
    problems = capsys.readouterr().err
    assert f"{path}:3: column 'text': the row has no such column" in problems
    assert f"{path}:4: column 'text': The text is empty." in problems


def test_malformed_rows_are_named_by_line(tmp_path, capsys):
    path = write(tmp_path / "a.jsonl", '{"text": "fine"}\n{"text": \n[1]\n{"text": 5}\n')
    analyze(path, "--output", tmp_path / "out.jsonl")
    assert [row["row"] for row in results(tmp_path / "out.jsonl")] == [0]
    problems = capsys.readouterr().err
    assert f"{path}:2: column 'text': malformed row" in problems
    assert f"{path}:3: column 'text': expected a JSON object" in problems
    assert f"{path}:4: column 'text': Expected a string, found int." in problems


def test_strict_makes_a_skipped_row_a_failure(tmp_path):
    path = write(tmp_path / "a.txt", "fine\n\nfine\n")
    with pytest.raises(SystemExit) as failure:
        analyze(path, "--strict")
    assert failure.value.code == 1


@pytest.mark.parametrize(
    ("name", "content", "arguments", "message"),
    [
        ("a.csv", "id,body\n1,x\n", [], r"a.csv:1: no column 'text'; there are: 'id', 'body'"),
        ("a.csv", "", [], r"a.csv:1: no column 'text'; there are: none"),
        ("a.csv", "x\n", ["--no-header", "--column", "body"], "--column is a number from 1"),
        ("a.csv", "x,y\n", ["--no-header", "--column", "0"], "--column is a number from 1"),
        ("a.txt", "x\n", ["--column", "body"], "plain lines have no columns"),
        ("a.txt", "x\n", ["--output", "out.xlsx"], "unknown suffix; use one of .csv, .jsonl"),
        ("a.txt", "x\n", ["--output", "nowhere/out.csv"], "the folder nowhere does not exist"),
        ("a.txt", "x\n", ["--resume"], "--resume needs the --output"),
    ],
)
def test_misuse_says_what_would_be_right(tmp_path, name, content, arguments, message):
    with pytest.raises(CommandError, match=message) as failure:
        analyze(write(tmp_path / name, content), *arguments)
    assert failure.value.returncode == 2


def test_a_missing_file_and_other_encodings_are_named(tmp_path):
    with pytest.raises(CommandError, match=r"nothing.csv: no such file"):
        analyze(tmp_path / "nothing.csv")
    (tmp_path / "latin.txt").write_bytes("café\n".encode("latin-1"))
    with pytest.raises(CommandError, match=r"latin.txt: not UTF-8"):
        analyze(tmp_path / "latin.txt")


# Several chunks: the run must not be over before the interrupt is there.
ROWS = 8000


def test_an_interrupted_run_goes_on_without_scoring_a_row_twice(tmp_path):
    path = write(tmp_path / "many.txt", "".join(f"I am happy about {i}\n" for i in range(ROWS)))
    output = tmp_path / "out.jsonl"
    partial = tmp_path / "out.jsonl.partial"
    interrupt_after_first_chunk(path, output, partial)
    done = [json.loads(line) for line in partial.read_text().splitlines()[1:]]
    assert 0 < len(done) < ROWS
    # A torn last line, as a power cut would leave it.
    with partial.open("a") as file:
        file.write('{"row": 99')
    marked = partial.read_text().replace('"dominant":"', '"dominant":"first run: ', len(done))
    partial.write_text(marked)
    analyze(path, "--output", output, "--resume")
    rows = results(output)
    assert [row["row"] for row in rows] == list(range(ROWS))
    kept = [row for row in rows if row["dominant"].startswith("first run: ")]
    assert len(kept) == len(done)


def test_a_partial_file_of_another_run_is_not_continued(lines, tmp_path):
    (tmp_path / "out.jsonl.partial").write_text('{"file": "other"}\n')
    with pytest.raises(CommandError, match="another run"):
        analyze(lines, "--output", tmp_path / "out.jsonl", "--resume")


def interrupt_after_first_chunk(path: Path, output: Path, partial: Path) -> None:
    from tests.conftest import server_environment

    process = subprocess.Popen(
        [sys.executable, "manage.py", "analyze", str(path), "--output", str(output)],
        cwd=settings.BASE_DIR,
        env=server_environment(output.parent),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )

    def first_chunk_written() -> bool:
        assert process.poll() is None, process.stderr.read()
        return partial.exists() and partial.read_bytes().count(b"\n") > 1

    wait_for(first_chunk_written)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert b"go on with --resume" in message
