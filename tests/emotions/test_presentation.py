"""From probabilities to what a caller reads"""

from __future__ import annotations

import numpy as np

from emotions.presentation import Presenter
from emotions.taxonomy import AMBIGUOUS, EKMAN, NEGATIVE, NEUTRAL, POSITIVE, view_of
from mlops.inference.calibration import rows_pack

LABELS = ["joy", "sadness", "anger", "neutral"]
THRESHOLDS = np.array([0.5, 0.3, 0.3, 0.5], dtype=np.float32)


def present(*scores, labels=LABELS, **options):
    presenter = Presenter(labels, THRESHOLDS[: len(labels)], **options)
    return presenter.present(np.array([scores], dtype=np.float32))[0]


def test_it_works():
    shown = present(0.7, 0.4, 0.1, 0.2)
    assert shown.labels == [("joy", 0.7), ("sadness", 0.4)]
    assert shown.dominant == ("joy", 0.7)
    assert not shown.low_confidence
    assert shown.valence == 0.3


def test_below_all_thresholds_the_strongest_is_shown_with_low_confidence():
    shown = present(0.1, 0.2, 0.15, 0.45)
    assert shown.labels == []
    assert shown.dominant == ("neutral", 0.45)
    assert shown.low_confidence


def test_a_label_over_its_threshold_is_dominant_before_a_stronger_one_under_its_own():
    assert present(0.45, 0.35, 0.0, 0.0).dominant == ("sadness", 0.35)


def test_a_group_is_as_probable_as_its_strongest_label():
    shown = present(0.2, 0.4, 0.6, 0.1, taxonomy="sentiment")
    assert shown.scores == {"positive": 0.2, "negative": 0.6, "neutral": 0.1}
    assert shown.labels == [("negative", 0.6)]


def test_a_model_with_other_labels_has_no_valence():
    shown = present(0.9, 0.1, labels=["toxic", "fine"])
    assert shown.valence is None
    assert shown.dominant == ("toxic", 0.9)


def test_the_groups_cover_every_label_once():
    everything = [*POSITIVE, *NEGATIVE, *AMBIGUOUS, NEUTRAL]
    assert len(everything) == len(set(everything)) == 28
    assert sorted(label for members in EKMAN.values() for label in members) == sorted(everything)


def test_a_group_without_any_of_the_models_labels_is_left_out():
    assert view_of("ekman", ["joy", "fear"]).names == ("fear", "joy")


def test_one_row_alone_is_presented_as_among_others():
    labels = [*POSITIVE, *NEGATIVE, *AMBIGUOUS, NEUTRAL]
    rows = np.random.default_rng(1).random((200, len(labels)), dtype=np.float32)
    rows[:20] = np.round(rows[:20], 1)  # ties
    thresholds = np.full(len(labels), 0.5, dtype=np.float32)
    for options in ({}, {"taxonomy": "ekman", "top_k": 3}, {"threshold": 0.3}):
        presenter = Presenter(labels, thresholds, **options)
        alone = [presenter.present_packed([row])[0] for row in rows_pack(rows)]
        assert presenter.present(rows) == presenter.present_packed(rows_pack(rows)) == alone
