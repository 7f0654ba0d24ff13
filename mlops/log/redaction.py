"""Takes what reaches or names a person out of a text, by patterns and their check digits.

Names of people are not found: a pattern cannot tell them from other words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Check = Callable[[str], bool]
# Words that end an address wherever they stand after a number, and those that need a capital.
_STREET = r"street|avenue|boulevard|blvd|highway|hwy|parkway|pkwy"
_CAPITAL = r"St|Ave|Rd|Road|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Place|Pl|Terrace|Way|Close|Crescent"
_GERMAN = r"straße|strasse|str\.|weg|platz|allee|gasse|ring|ufer|damm"
_ROMANCE = r"rue|avenue|boulevard|place|chemin|impasse|calle|avenida|plaza|via|viale|piazza"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_FLAT = r"(?:,?\s*(?:apt|apartment|suite|unit|flat|#)\.?\s*\w+)?"


def _luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * 2 if index % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _is_card(found: str) -> bool:
    digits = re.sub(r"\D", "", found)
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and _luhn(digits)


def _is_iban(found: str) -> bool:
    compact = re.sub(r"\s", "", found).upper()
    if not 15 <= len(compact) <= 34:
        return False
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(each, 36)) for each in turned)) % 97 == 1


def _is_phone(found: str) -> bool:
    digits = re.sub(r"\D", "", found)
    # A date, a range of years or a sum of money has separators, too, but fewer digits.
    return 7 <= len(digits) <= 15 and not re.fullmatch(r"\d{4}[-./]\d{2}[-./]\d{2}", found)


def _is_secret(found: str) -> bool:
    """Long, and of letters and digits mixed: no word, no plain number, no path."""
    mixed = bool(re.search(r"[A-Za-z]", found) and re.search(r"\d", found))
    return mixed and len(set(found)) > 10


# In this order: what is replaced is not looked at again. Repetitions are bounded, so that no text
# makes a pattern go back and forth over it.
_PATTERNS: tuple[tuple[str, str, Check | None], ...] = (
    ("url", r"(?i)\b(?:https?|ftp)://[^\s<>\"']+|\bwww\.[^\s<>\"']+", None),
    ("email", r"(?i)[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+", None),
    ("key", r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]+", None),
    (
        "key",
        (
            r"\b(?:sk|pk|rk|gh[pors]|github_pat|glpat|xox[abprs]|val|hf|AKIA|ASIA|AIza)"
            r"[-_]?[\w-]{16,}"
        ),
        None,
    ),
    ("iban", r"(?i)\b[a-z]{2}\d{2}(?:\s?[a-z0-9]{4}){2,7}(?:\s?[a-z0-9]{1,3})?\b", _is_iban),
    ("card", r"\b\d(?:[ -]?\d){12,18}\b", _is_card),
    ("key", r"\b[A-Za-z0-9_+/-]{32,}={0,2}", _is_secret),
    ("ip", rf"(?<![\w.]){_OCTET}(?:\.{_OCTET}){{3}}(?![\w.])", None),
    ("ip", r"(?i)\b(?:[0-9a-f]{1,4}:){3,7}(?::|[0-9a-f]{1,4})[0-9a-f:]*", None),
    (
        "address",
        rf"(?i)\b\d{{1,5}}[a-z]?,?\s+(?:[\w'.-]{{1,30}}\s+){{1,2}}(?:{_STREET})\b{_FLAT}",
        None,
    ),
    (
        "address",
        rf"\b\d{{1,5}}[A-Za-z]?,?\s+(?:[A-Z\d][\w'.-]{{0,30}}\s+){{1,3}}(?:{_CAPITAL})\b\.?{_FLAT}",
        None,
    ),
    ("address", rf"(?i)\b[\w-]{{1,40}}(?:{_GERMAN})\s*\d{{1,4}}\s?[a-z]?\b", None),
    (
        "address",
        rf"\b\d{{1,4}},?\s+(?i:{_ROMANCE})\s+(?:d[eu]s?\s+|la\s+)*[A-ZÀ-Ý][\w'-]+",
        None,
    ),
    (
        "address",
        rf"\b(?i:{_ROMANCE})\s+(?:d[eu]s?\s+|la\s+)*[A-ZÀ-Ý][\w'-]+,?\s+\d{{1,4}}\b",
        None,
    ),
    ("address", r"(?i)\bP\.?\s?O\.?\s?Box\s+\d+", None),
    (
        "phone",
        r"(?<![\w.,])(?<!\d[ -])(?:\+|00)?\(?\d(?:[\s().\-/]{0,2}\d){6,14}(?![\w%]|[ -]\d)",
        _is_phone,
    ),
)
_COMPILED = tuple((kind, re.compile(pattern), check) for kind, pattern, check in _PATTERNS)


def text_redact(text: str) -> str:
    """*text* with each find replaced by its kind in brackets, as ``[email]``."""
    for kind, pattern, check in _COMPILED:
        text = pattern.sub(_replacement(f"[{kind}]", check), text)
    return text


def _replacement(mark: str, check: Check | None) -> Callable[[re.Match[str]], str]:
    return lambda match: mark if check is None or check(match[0]) else match[0]
