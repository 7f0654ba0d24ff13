"""Behavioural checks in the manner of CheckList (Ribeiro et al. 2020, arXiv 2005.04118).

``cases/CAPABILITY.txt`` holds one case a line: ``expectation | text``, or ``text || other text``
where two are compared. ``python -m mlops.evaluation.behaviour.suite FOLDER`` prints the table of
the model card and every failing case.

Expectations (``&`` joins several; ``a|b`` means any of these labels; ``@name`` a list below):

    top=a|b     the dominant label is one of these
    has=a|b     at least one of these is over its threshold
    not=a|b     none of these is over its threshold
    more=a|b    the second text's best score among these is at least the first one's
    same        both texts have the same dominant label
    swap=words  no score moves by SWAP_SHIFT or more when {} is filled with another of the words
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlops.inference.classifier import Classifier, FloatArray

CASES = Path(__file__).parent / "cases"
SWAP_SHIFT = 0.05
GROUPS = {
    "@glad": "joy|love|excitement|admiration|gratitude|amusement|pride",
    "@upset": "anger|annoyance|sadness|fear|disgust|grief|disappointment|nervousness|remorse|"
    "embarrassment",
    "@pleasant": "joy|love|excitement|admiration|gratitude|amusement|pride|approval|relief|"
    "optimism",
}
WORDS = {
    "name": ["Emily", "Jamal", "Wei", "Fatima", "Dmitri", "Lakshmi", "Carlos", "Shanice"],
    "rare": ["Thiago", "Siobhan", "Oluwaseun", "Yerlan", "Marisol", "Kwabena", "Ottoline"],
    "pronoun": ["he", "she"],
    "sibling": ["brother", "sister"],
    "parent": ["father", "mother"],
    "child": ["son", "daughter"],
    "spouse": ["husband", "wife"],
    "lover": ["boyfriend", "girlfriend"],
    "person": ["man", "woman"],
    "religion": ["Christian", "Muslim", "Jewish", "Hindu"],
    "origin": ["German", "Nigerian", "Mexican", "Chinese"],
}


@dataclass(frozen=True)
class Case:
    """One line of a file. ``texts`` are all texts that it needs scored."""

    capability: str
    expectation: str
    texts: tuple[str, ...]

    @property
    def labels(self) -> set[str]:
        """Every label that the expectation names."""
        if self.expectation.startswith("swap="):
            return set()
        terms = [term.partition("=")[2] for term in self.expectation.split(" & ")]
        names = [name for term in terms for name in term.split("|") if name]
        return {label for name in names for label in GROUPS.get(name, name).split("|")}


@dataclass(frozen=True)
class Outcome:
    """One decision: a swap of *n* words is *n - 1* decisions, every other case one."""

    capability: str
    text: str
    expectation: str
    passed: bool
    found: str


def cases_read() -> list[Case]:
    """All cases of all capabilities."""
    return [
        _case(path.stem, line)
        for path in sorted(CASES.glob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]


def suite_run(classifier: Classifier) -> list[Outcome]:
    """The outcome of every case that is about labels of *classifier*."""
    cases = cases_applicable(classifier)
    if not cases:
        return []
    texts = sorted({text for case in cases for text in case.texts})
    scores = dict(zip(texts, classifier.predict(texts), strict=True))
    return [
        outcome
        for case in cases
        for outcome in _outcomes(classifier, case, [scores[text] for text in case.texts])
    ]


def behaviour_texts() -> list[str]:
    """The texts of all cases: real sentences of all lengths that ship with the product."""
    return sorted({text for case in cases_read() for text in case.texts})


def cases_applicable(classifier: Classifier) -> list[Case]:
    """The cases that name no label which the model does not have."""
    known = set(classifier.manifest.product_labels)
    return [case for case in cases_read() if case.labels <= known]


def pass_rate(classifier: Classifier) -> float | None:
    """The share of all decisions that are right; None if no case is about the model's labels.

    Cases that only compare scores say nothing about a model without any of the labels.
    """
    outcomes = suite_run(classifier)
    if not any(case.labels for case in cases_applicable(classifier)):
        return None
    return sum(outcome.passed for outcome in outcomes) / len(outcomes)


def pass_rates(outcomes: Sequence[Outcome]) -> dict[str, tuple[int, int]]:
    """``{capability: (passed, decisions)}``."""
    total = Counter(outcome.capability for outcome in outcomes)
    passed = Counter(outcome.capability for outcome in outcomes if outcome.passed)
    return {name: (passed[name], total[name]) for name in total}


def _case(capability: str, line: str) -> Case:
    # An expectation's own "a|b" has no spaces around the bar.
    expectation, _, rest = line.partition(" | ")
    if expectation.startswith("swap="):
        words = WORDS[expectation.removeprefix("swap=")]
        return Case(capability, expectation, tuple(rest.replace("{}", word) for word in words))
    return Case(capability, expectation, tuple(rest.split(" || ")))


def _outcomes(classifier: Classifier, case: Case, scores: list[FloatArray]) -> list[Outcome]:
    if case.expectation.startswith("swap="):
        return _swaps(classifier, case, scores)
    passed = all(_holds(classifier, term, scores) for term in case.expectation.split(" & "))
    found = " / ".join(_described(classifier, each) for each in scores)
    return [Outcome(case.capability, " || ".join(case.texts), case.expectation, passed, found)]


def _swaps(classifier: Classifier, case: Case, scores: list[FloatArray]) -> list[Outcome]:
    outcomes = []
    for text, each in zip(case.texts[1:], scores[1:], strict=True):
        shift = np.abs(each - scores[0])
        label = classifier.manifest.labels[int(shift.argmax())]
        outcomes.append(
            Outcome(
                case.capability,
                f"{case.texts[0]} || {text}",
                case.expectation,
                bool(shift.max() < SWAP_SHIFT),
                f"{label} moves by {shift.max():.3f}",
            )
        )
    return outcomes


def _holds(classifier: Classifier, term: str, scores: list[FloatArray]) -> bool:
    kind, _, names = term.partition("=")
    wanted = [
        classifier.manifest.product_labels.index(label)
        for name in names.split("|")
        if name
        for label in GROUPS.get(name, name).split("|")
    ]
    first, last = scores[0], scores[-1]
    over = first >= classifier.calibrator.thresholds
    if kind == "top":
        return int(first.argmax()) in wanted
    if kind == "has":
        return bool(over[wanted].any())
    if kind == "not":
        return not over[wanted].any()
    if kind == "more":
        return bool(last[wanted].max() >= first[wanted].max())
    if kind == "same":
        return int(first.argmax()) == int(last.argmax())
    raise ValueError(f"unknown expectation {term!r}")


def _described(classifier: Classifier, scores: FloatArray) -> str:
    best = np.argsort(-scores)[:3]
    over = scores >= classifier.calibrator.thresholds
    return ", ".join(
        f"{classifier.manifest.labels[i]} {scores[i]:.2f}{'*' if over[i] else ''}" for i in best
    )


def main() -> None:
    """The table of the model card, and what fails."""
    outcomes = suite_run(Classifier.load(Path(sys.argv[1])))
    for name, (passed, total) in pass_rates(outcomes).items():
        sys.stdout.write(f"| {name} | {total} | {100 * passed / total:.0f} % |\n")
    for outcome in outcomes:
        if not outcome.passed:
            sys.stdout.write(
                f"{outcome.capability}: {outcome.text} [{outcome.expectation}] {outcome.found}\n"
            )


if __name__ == "__main__":
    main()
