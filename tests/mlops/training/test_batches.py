from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mlops.training.baseline import baseline_probabilities
from mlops.training.batches import batches_order, in_length_order, rows_repeated
from mlops.training.data import LabelledTexts
from mlops.training.modelling import group_loss
from mlops.training.recipe import RecipeError, recipe_load, recipe_seeded
from tests.mlops.training.corpus import RECIPE


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return recipe_load(str(path))


def test_it_works():
    lengths = np.random.default_rng(0).integers(3, 40, 1000)
    batches = batches_order(lengths, 16, seed=1, epoch=0)
    assert sorted(np.concatenate(batches)) == list(range(1000))
    spread = np.mean([np.ptp(lengths[batch]) for batch in batches])
    assert spread < np.ptp(lengths) / 4


def test_the_order_depends_on_seed_and_epoch_only():
    lengths = np.arange(100)
    first = batches_order(lengths, 8, seed=1, epoch=0)
    again = batches_order(lengths, 8, seed=1, epoch=0)
    other = batches_order(lengths, 8, seed=1, epoch=1)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any(len(a) != len(b) or (a != b).any() for a, b in zip(first, other, strict=True))


def test_scoring_starts_with_the_longest():
    parts = list(in_length_order(np.array([3, 9, 5]), 2))
    assert [part.tolist() for part in parts] == [[1, 2], [0]]


def test_rows_of_rare_labels_are_repeated(recipe):
    targets = np.zeros((1000, 2), dtype=np.float32)
    targets[:, 0], targets[:10, 1] = 1, 1
    rows = rows_repeated(targets, 1005, replace(recipe, rare_share=0.04))
    counts = np.bincount(rows, minlength=1005)
    assert (counts[:10] == 2).all()
    assert (counts[10:] == 1).all()


def test_nothing_is_repeated_without_a_share(recipe):
    targets = np.eye(50, dtype=np.float32)
    rows = rows_repeated(targets, 50, replace(recipe, rare_share=0.0))
    assert rows.tolist() == list(range(50))


def test_a_group_is_there_if_any_of_its_labels_is():
    logits = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 0.0, 1.0]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    members = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    absent = 1 - torch.sigmoid(logits)
    groups = torch.stack([1 - absent[:, 0] * absent[:, 1], 1 - absent[:, 2]], dim=1)
    expected = torch.nn.functional.binary_cross_entropy(groups, targets, reduction="sum") / 2
    assert group_loss(logits, targets, members).item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_group_that_is_surely_there_costs_nothing_and_breaks_nothing():
    logits = torch.tensor([[40.0, -40.0]], requires_grad=True)
    loss = group_loss(logits, torch.tensor([[1.0, 0.0]]), torch.eye(2))
    loss.backward()
    assert loss.item() < 1e-3
    assert torch.isfinite(logits.grad).all()


def test_the_baseline_learns_and_survives_a_constant_label():
    texts = ["good day", "good good", "bad day", "bad bad"] * 5
    targets = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]] * 5, dtype=np.float32)
    data = LabelledTexts(texts, targets)
    probabilities = baseline_probabilities(data, data)
    assert ((probabilities[:, :2] > 0.5) == targets[:, :2].astype(bool)).all()
    assert (probabilities[:, 2] == 0).all()


def test_a_recipe_with_a_misspelt_key_is_refused(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.replace("dropout", "drop_out"))
    with pytest.raises(RecipeError, match="drop_out, dropout"):
        recipe_load(str(path))


def test_a_teacher_inherits_what_it_does_not_change(recipe):
    (teacher,) = recipe.teachers
    assert teacher.dropout == 0
    assert teacher.batch_size == recipe.batch_size
    assert teacher.teachers == ()


def test_a_teacher_without_a_name_is_refused(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.replace('name = "teacher-a"', ""))
    with pytest.raises(RecipeError, match="a teacher needs a name"):
        recipe_load(str(path))


def test_averaging_with_a_teacher_of_another_start_is_refused(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE + "seed = 2\n")
    with pytest.raises(RecipeError, match="the recipe's own seed"):
        recipe_load(str(path))


def test_another_seed_is_the_teachers_too_where_they_share_it(recipe):
    seeded = recipe_seeded(recipe, 9)
    assert [seeded.seed, *(teacher.seed for teacher in seeded.teachers)] == [9, 9]
