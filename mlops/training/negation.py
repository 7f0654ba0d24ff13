"""Short written rows that teach negation: Reddit comments say "not angry" far too rarely.

Every feeling comes affirmed as often as negated, so that the word itself keeps its meaning. The
sentences are others than those of the behavioural suite, which stays held out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mlops.training.data import LabelledTexts

# Adjective -> label it expresses. Only labels that the model has are used.
PLEASANT = {
    "happy": "joy",
    "glad": "joy",
    "cheerful": "joy",
    "pleased": "joy",
    "thrilled": "excitement",
    "excited": "excitement",
    "proud": "pride",
    "amused": "amusement",
    "impressed": "admiration",
    "grateful": "gratitude",
    "thankful": "gratitude",
    "hopeful": "optimism",
    "relieved": "relief",
}
UNPLEASANT = {
    "angry": "anger",
    "mad": "anger",
    "furious": "anger",
    "annoyed": "annoyance",
    "irritated": "annoyance",
    "frustrated": "annoyance",
    "sad": "sadness",
    "upset": "sadness",
    "depressed": "sadness",
    "heartbroken": "grief",
    "scared": "fear",
    "afraid": "fear",
    "terrified": "fear",
    "worried": "nervousness",
    "nervous": "nervousness",
    "anxious": "nervousness",
    "embarrassed": "embarrassment",
    "ashamed": "embarrassment",
    "disgusted": "disgust",
    "disappointed": "disappointment",
    "guilty": "remorse",
    "sorry": "remorse",
}
NEGATED = (
    "i'm really not {}",
    "Honestly, I'm not {} or anything",
    "I don't feel {}",
    "I'm not feeling {} today",
    "We weren't {} in the least",
    "My sister isn't {} about the news",
    "They are not even {}",
    "You don't look {}",
    "It did not make me {}",
    "He hasn't been {} for weeks",
    "I've stopped being {} about work",
    "Nobody in the room was {}",
    "Neither of us felt {}",
    "There's no need to be {}, is there",
    "I haven't felt {} about this in ages",
    "She doesn't get {} anymore",
    "I used to be {}, now I am not",
    "The kids were anything but {}",
)
AFFIRMED = (
    "i'm really {}",
    "I feel {}",
    "I'm feeling {} today",
    "We were {} the whole time",
    "My sister is {} about the news",
    "It made me {}",
    "He has been {} for weeks",
    "Everybody in the room was {}",
    "I couldn't be more {}",
    "I have never been so {}",
    "Never felt more {} in my life",
    "I can't even tell you how {} I am",
    "Not only me, all of us are {}",
    "I don't know why I'm so {}",
    "I didn't sleep, I'm too {}",
)
# Shares of what readers see in a negated feeling: a dislike of something, or a plain statement.
AFTER_PLEASANT = {"disappointment": 0.35, "disapproval": 0.3, "neutral": 0.35, "sadness": 0.2}
AFTER_UNPLEASANT = {"neutral": 0.75, "approval": 0.15, "relief": 0.05}
AFFIRMED_SHARE = 0.9
NEGATED_SHARE = 0.03
# Templates tried per word and kind: about 2 % of GoEmotions' rows in all.
PER_WORD = 10


def negation_rows(labels: Sequence[str], *, seed: int) -> LabelledTexts:
    """Affirmed and negated feelings with soft targets ``(rows, labels)``, seeded."""
    rng = np.random.default_rng((seed, 2))
    rows = list(_rows(rng))
    targets = np.zeros((len(rows), len(labels)), dtype=np.float32)
    for index, (_, shares) in enumerate(rows):
        for label, share in shares.items():
            if label in labels:
                targets[index, list(labels).index(label)] = share
    return LabelledTexts([text for text, _ in rows], targets)


def _rows(rng: np.random.Generator) -> Iterator[tuple[str, dict[str, float]]]:
    for words, after in ((PLEASANT, AFTER_PLEASANT), (UNPLEASANT, AFTER_UNPLEASANT)):
        for word, label in words.items():
            for template in rng.choice(NEGATED, PER_WORD, replace=False):
                yield str(template).format(word), {**after, label: NEGATED_SHARE}
            for template in rng.choice(AFFIRMED, PER_WORD, replace=False):
                yield str(template).format(word), {label: AFFIRMED_SHARE}
