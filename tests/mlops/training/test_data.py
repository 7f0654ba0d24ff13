from __future__ import annotations

import numpy as np
import pytest

from mlops.training.auxiliary import grouped_texts_read
from mlops.training.data import (
    DataFormatError,
    LabelledTexts,
    duplicates_merged,
    labelled_texts_read,
    labels_read,
)


@pytest.fixture
def write(tmp_path):
    def to_file(content, name="rows.tsv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to_file


def test_it_works(write):
    data = labelled_texts_read(write("good day\t0\ta\nbad day\t1,2\tb\n"), 3)
    assert data.texts == ["good day", "bad day"]
    assert data.targets.tolist() == [[1, 0, 0], [0, 1, 1]]


def test_only_newlines_end_a_row(write):
    text = "a line separator\u2028 and a form\x0cfeed"
    assert labelled_texts_read(write(f"{text}\t0\ta\n"), 1).texts == [text]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no tab here\n", r"rows\.tsv:1: expected text <TAB> label ids"),
        ("good\t0\ta\n \t1\tb\n", r"rows\.tsv:2: expected text"),
        ("good\tjoy\ta\n", r"rows\.tsv:1: label ids must be comma-separated whole numbers"),
        ("good\t3\ta\n", r"label ids \[3\] are outside 0\.\.2"),
        ("", "no rows"),
        (b"good\xff\t0\ta\n", "not UTF-8 at byte 4"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(write, content, message):
    with pytest.raises(DataFormatError, match=message):
        labelled_texts_read(write(content), 3)


def test_a_missing_file_is_refused_with_its_name(tmp_path):
    with pytest.raises(DataFormatError, match=r"none\.tsv: cannot be read"):
        labelled_texts_read(tmp_path / "none.tsv", 3)


def test_repeated_labels_are_refused(write):
    with pytest.raises(DataFormatError, match="repeated: joy"):
        labels_read(write("joy\nanger\njoy\n"))


def test_duplicates_become_one_row_with_averaged_labels():
    data = LabelledTexts(["So good", "bad", "so GOOD "], np.eye(3, dtype=np.float32))
    merged = duplicates_merged(data)
    assert merged.texts == ["So good", "bad"]
    assert merged.targets.tolist() == [[0.5, 0, 0.5], [0, 1, 0]]


def test_groups_are_read_with_their_members(write):
    path = write("id,text,joy,rage\n1,good,2,0\n2,bad,0,3\n", "groups.csv")
    groups = {"joy": ["joy"], "rage": ["anger", "annoyance"]}
    data = grouped_texts_read(path, groups, ["annoyance", "joy", "anger"])
    assert data.targets.tolist() == [[1, 0], [0, 1]]
    assert data.members.tolist() == [[0, 1, 0], [1, 0, 1]]


def test_missing_group_columns_are_named(write):
    path = write("id,text\n1,good\n", "groups.csv")
    with pytest.raises(DataFormatError, match="columns missing: joy"):
        grouped_texts_read(path, {"joy": ["joy"]}, ["joy"])


def test_an_intensity_that_is_no_number_is_refused_with_its_line(write):
    path = write("id,text,joy\n1,good,1\n2,bad,much\n", "groups.csv")
    with pytest.raises(DataFormatError, match=r"groups\.csv:3: column 'joy' .* found 'much'"):
        grouped_texts_read(path, {"joy": ["joy"]}, ["joy"])
