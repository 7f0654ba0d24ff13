"""What the tokeniser itself rewrites: emoji become words, first names become GoEmotions' mask.

Both live in the artifact's tokenizer.json, so serving needs no code for them, and offsets still
point into the text as it was sent.

Emoji: the encoder's vocabulary holds hardly any, without this they are all one unknown token.
Words, unlike new tokens, bring what pre-training knows, also for emoji that training never shows.

Names: GoEmotions' authors masked them, and a sentence should score the same whoever it is about.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, normalizers

from mlops.training.augment import NAME_MASK, names_read

# One replacement per meaning, not per emoji: each costs about a microsecond a text.
MEANINGS: dict[str, str] = {
    "😂🤣😆😹😸": "haha",
    "💀☠": "dead laughing",
    "😀😃😄😁😊🙂☺😇😺😌": "happy smile",
    "❤♥💕💖💗💓💙💚💛💜🧡🖤🤍🤎💞💘💝💟😍🥰😘😗😙😚😻💋": "love",
    "😭😢😿😥🥲": "crying",
    "😞😔☹🙁😟": "sad",
    "💔": "heartbroken",
    "😩😫😣😖😓": "ugh",
    "😡😠🤬👿😤🖕": "angry",
    "🙄😒😑": "annoyed eye roll",
    "🤔🧐": "hmm curious",
    "🤷": "shrug i do not know",
    "🤦": "facepalm",
    "😱😨😰👻": "scared",
    "😮😯😲🤯😦😧": "wow surprised",
    "😳🙈🫣": "embarrassed",
    "🤢🤮🤧": "disgusting",
    "👍👌💯✅✔": "good",
    "👎❌": "bad",
    "👏🙌🏆🥇": "well done",
    "🎉🥳🎊🎂🎈🍾": "congratulations",
    "🙏": "thank you",
    "😬😅": "nervous",
    "😎🔥💪⭐🌟✨🤘": "awesome",
    "🤩": "so excited",
    "😴🥱😪": "tired",
    "🤗🫂": "hug",
    "😉😏😜🤪😝😛": "just kidding",
    "🙃": "oh well",
    "😐😶": "meh",
    "🥺": "please",
    "😋🤤": "delicious",
    "👀": "looking",
    "😕": "confused",
}
# Skin tones, and the gender signs that follow a joiner, carry no emotion.
_MODIFIERS = "[\U0001f3fb-\U0001f3ff]|\u200d[♀♂]\ufe0f?"


def emoji_as_words(tokenizer: Tokenizer) -> None:
    """Make *tokenizer* read each emoji of ``MEANINGS`` as its words, in place."""
    steps = [normalizers.Replace(Regex(_MODIFIERS), "")]
    steps += [
        normalizers.Replace(Regex(f"[{emoji}]"), f" {words} ") for emoji, words in MEANINGS.items()
    ]
    _put_first(tokenizer, steps)


def names_as_mask(tokenizer: Tokenizer) -> None:
    """Make *tokenizer* read each listed first name as the mask, whatever its case, in place."""
    pattern = trie_pattern(name.lower() for name in names_read())
    _put_first(tokenizer, [normalizers.Replace(Regex(rf"\b(?i:{pattern})\b"), NAME_MASK)])


def trie_pattern(words: Iterable[str]) -> str:
    """A regular expression for any of *words* that shares their beginnings.

    A plain alternation of hundreds of names would be tried at each letter of each text.
    """
    branches: dict[str, list[str]] = {}
    for word in sorted(set(words)):
        branches.setdefault(word[:1], []).append(word[1:])
    ends_here = branches.pop("", None) is not None
    parts = [first + trie_pattern(rest) for first, rest in branches.items()]
    pattern = parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})" if parts else ""
    return f"(?:{pattern})?" if ends_here and pattern else pattern


def _put_first(tokenizer: Tokenizer, steps: list[normalizers.Normalizer]) -> None:
    if tokenizer.normalizer is not None:
        steps = [*steps, tokenizer.normalizer]
    tokenizer.normalizer = normalizers.Sequence(steps)
