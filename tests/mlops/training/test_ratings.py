from __future__ import annotations

import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from mlops.inference.huggingface import artifact_adopt
from mlops.training.data import DataFormatError
from mlops.training.ratings import rated_texts_read, ratings_fit, ridge_fit
from tests.mlops.inference.models import LABELS, huggingface_folder

HEADER = "id,split,V,A,D,text\n"


@pytest.fixture
def rated(tmp_path):
    rows = [
        f"{i},{split},{3 + i % 3},{3 - i % 2},3.0,{text}"
        for i, (split, text) in enumerate(
            (split, text)
            for split in ("train", "dev", "test")
            for text in ("good day", "bad day", "i am sad", "thank you")
        )
    ]
    path = tmp_path / "rated.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def test_it_works(rated, tmp_path, capsys):
    artifact_adopt(huggingface_folder(tmp_path / "b", "bert"), tmp_path / "artifact", name="bert")
    output = tmp_path / "vad.json"
    call_command("fit_ratings", tmp_path / "artifact", data=rated, output=output)
    fitted = json.loads(output.read_text())
    assert set(fitted["weights"]) == {"valence", "arousal", "dominance"}
    assert set(fitted["weights"]["valence"]) == set(LABELS)
    assert json.loads(capsys.readouterr().out) == fitted["pearson_test"]


def test_the_map_finds_a_linear_truth(rated):
    data = rated_texts_read(rated)
    features = np.random.default_rng(0).random((len(data.texts), 3))
    truth = features @ np.array([[1.0, 0, 0], [0, 2.0, 0], [0, 0, -1.0]]) + 3
    mapped = ridge_fit(features, truth, 1e-6)
    assert np.allclose(mapped.apply(features), truth, atol=1e-3)


def test_test_rows_teach_nothing(rated):
    data = rated_texts_read(rated)
    probabilities = np.random.default_rng(1).random((len(data.texts), 3))
    before = ratings_fit(data, probabilities, LABELS)["weights"]
    data.ratings[data.rows("test")] = 1.0
    assert ratings_fit(data, probabilities, LABELS)["weights"] == before


def test_a_rating_that_is_no_number_is_refused_with_its_line(rated):
    rated.write_text(HEADER + "1,train,high,3,3,good\n")
    with pytest.raises(DataFormatError, match=r"rated\.csv:2"):
        rated_texts_read(rated)


def test_a_missing_split_is_named(rated):
    rated.write_text(HEADER + "1,train,3,3,3,good\n")
    with pytest.raises(DataFormatError, match="no rows of the split dev, test"):
        rated_texts_read(rated)


def test_missing_files_are_misuse(tmp_path, rated):
    with pytest.raises(CommandError, match="no such file or folder") as caught:
        call_command("fit_ratings", tmp_path / "none", data=rated, output=tmp_path / "x.json")
    assert caught.value.returncode == 2
