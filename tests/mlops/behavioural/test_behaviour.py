"""The shipped model, as it is served, against the behavioural suite."""

from __future__ import annotations

import pytest

from mlops.evaluation.behaviour.suite import GROUPS, WORDS, cases_read, pass_rates, suite_run

# What was promised of the model, in percent. The model card has the measured rates.
PROMISED = {"negation": 80, "names": 95, "pronouns": 95, "neutral": 85}
# Measured rates less a small margin: a later model must not be worse unnoticed.
KEPT = {
    "casing": 95,
    "emoji": 85,
    "idioms": 25,
    "intensifiers": 75,
    "mixed": 50,
    "punctuation": 90,
    "questions": 70,
    "rare_names": 60,
    "typos": 85,
}


@pytest.fixture(scope="module")
def outcomes(classifier):
    return suite_run(classifier)


def test_it_works(outcomes):
    assert set(pass_rates(outcomes)) == set(PROMISED) | set(KEPT)


@pytest.mark.parametrize(("capability", "floor"), [*PROMISED.items(), *KEPT.items()])
def test_the_capability_is_kept(outcomes, capability, floor):
    passed, total = pass_rates(outcomes)[capability]
    failing = [
        f"{outcome.text} [{outcome.expectation}] {outcome.found}"
        for outcome in outcomes
        if outcome.capability == capability and not outcome.passed
    ]
    assert 100 * passed / total >= floor, "\n".join(failing)


def test_there_are_at_least_300_cases_and_none_twice():
    cases = cases_read()
    assert len(cases) >= 300
    assert len({(case.expectation, case.texts) for case in cases}) == len(cases)


def test_every_label_a_case_names_is_the_models(classifier):
    for case in cases_read():
        for term in case.expectation.split(" & "):
            kind, _, names = term.partition("=")
            if kind == "swap":
                assert names in WORDS
            for name in names.split("|") if kind in {"top", "has", "not", "more"} else []:
                assert name in GROUPS or name in classifier.manifest.labels


def test_training_rows_about_negation_are_not_in_the_suite():
    from mlops.training.negation import AFFIRMED, NEGATED, PLEASANT, UNPLEASANT

    written = {
        template.format(word).casefold()
        for template in NEGATED + AFFIRMED
        for word in (*PLEASANT, *UNPLEASANT)
    }
    assert not written & {text.casefold() for case in cases_read() for text in case.texts}


def test_the_rare_names_are_on_no_list_of_ours():
    from mlops.training.augment import names_read

    assert not set(WORDS["rare"]) & set(names_read())
    assert set(WORDS["name"]) <= set(names_read())
