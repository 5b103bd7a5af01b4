"""One value, all classes: a cheap look first, the rules only where something could match.

Pure. What the cheap look lets pass no rule can match; a test holds it to that.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from . import cmdi, header, ldap, sqli, traversal, xss
from .budget import Budget, Spent
from .condense import condensed
from .evidence import THRESHOLDS, Hit
from .normalise import decoded, folded
from .prose import without_apostrophes
from .repeats import collapsed
from .sieve import BETWEEN, LONG, Sifted, sifted, telling
from .words import holds

# Most values of everyday traffic are this and nothing more: words, numbers, addresses, dates.
PLAIN = re.compile(r"[\w .,@:-]*+", re.A)
_PLAIN_ABROAD = re.compile(r"[\w .,@:-]*+")
# Attacks that need nothing but words hold one of these. Shorter values cannot hold such an attack.
WORDS = (
    "union", "--", "_schema", "xp_", "pg_sl", "pg_cat", "sqlite_", "@@", "order by", "group by", "waitfor",
    "errorlevel", "cmdext", "exist ", "defined ", "0x2", "sh -c ",
)  # fmt: skip
_UNDERSCORED = tuple(word for word in WORDS if "_" in word)
_BY = tuple(word for word in WORDS if " by" in word)
_OTHER = tuple(word for word in WORDS if word not in (*_UNDERSCORED, *_BY))
# The same in a query whose escapes are not undone yet.
_IN_QUERY = (
    *(word for word in WORDS if " " not in word), "er+by", "er%20by", "up+by", "up%20by", "exist+", "exist%20",
    "defined+", "defined%20", "sh+-c", "sh%20-c", "-%2d", "%2d-", "%2d%2d", "@%40", "%40@", "%40%40",
)  # fmt: skip
_SHORTEST = 8
_PRINTABLE = bytes([9, 10, 13, *range(32, 127)])
# A value that may be text in base64: what that says is looked at too, once.
_BASE64 = re.compile(r"(?:[a-z0-9+/]{4}){3,1365}(?:[a-z0-9+/]{2}==|[a-z0-9+/]{3}=)?", re.I | re.A)

# What decoding costs: a character of a text that is not ASCII, an escape; and for each class its view and a look.
_FOLDED, _ESCAPE, _VIEWED, _LOOK = 15, 100, 12, 1_500
# How many values are decoded singly where they cannot be together.
_SINGLY = 2_000
# Of many values no more escapes are undone than these.
_ESCAPES = 20_000
# The rule of a finding that says that there was no time to look any further.
CROWDED = "crowded"

FINDERS: dict[str, Callable[[str, Budget], Hit | None]] = {
    "sqli": sqli.find, "xss": xss.find, "cmdi": cmdi.find, "traversal": traversal.find, "ldap": ldap.find,
    "header": header.find,
}  # fmt: skip


class Finding(NamedTuple):
    """A class of attack, the rule that says so, its score, and the text it was found in, cut short and not redacted."""

    kind: str
    rule: str
    score: int
    text: str


def is_plain(value: str) -> bool:
    """Whether nothing needs to be looked for in `value`.

    Letters of other scripts are judged by their compatibility forms: "\u2474" is a number to `\\w`, and means "(1)".
    """
    if PLAIN.fullmatch(value) is None:
        plain = without_apostrophes(value) if "'" in value else None
        if plain is None or PLAIN.fullmatch(plain) is None:
            if value.isascii():
                return False
            plain = folded(value)
            if _PLAIN_ABROAD.fullmatch(plain) is None:
                return False
        value = plain
    return len(value) < _SHORTEST or not wordy(value)


def wordy(value: str) -> bool:
    """Whether `value` holds a word of which attacks are made that need nothing but words."""
    text = value.lower()
    # One character is found ten times as fast as a word.
    return ("_" in text and holds(text, _UNDERSCORED)) or (" by" in text and holds(text, _BY)) or holds(text, _OTHER)


def wordy_query(query: str) -> bool:
    """As `wordy`, for a query string as it came."""
    return holds(query.lower(), _IN_QUERY)


def screen(
    value: str,
    classes: Iterable[str],
    least: int = THRESHOLDS[1],
    budget: Budget | None = None,
    view: Sifted | None = None,
) -> list[Finding]:
    """What speaks for one of `classes` in `value` with a score of `least` or more, in the order of `classes`.

    `budget` is that of the request, by default one for this value alone; `view` is what `views` made of the value.
    """
    if is_plain(value):
        return []
    budget = budget or Budget(len(value))
    found = _find(value, classes, least, budget, view)
    if not found and _BASE64.fullmatch(value) is not None:
        inside = _from_base64(value)
        if inside is not None and not is_plain(inside):
            return _find(inside, classes, least, budget)
    return found


def views(values: Sequence[str], budget: Budget) -> tuple[dict[str, Sifted], bool]:
    """Which of `values`, of which none is there twice, tell most, in this order, and what is to be looked at of each.

    And whether all could be looked through, so that the others tell nothing.
    """
    texts, joined, undone = _all_legible(values, budget)
    told, whole = telling(texts, joined, budget)
    return {values[at]: view for at, view in told.items()}, whole and undone


def _all_legible(values: Sequence[str], budget: Budget) -> tuple[list[str], str, bool]:
    """Each of `values` decoded, all of them with `BETWEEN` around each, and whether all are decoded; many cost little
    more than one text of their length."""
    joined = BETWEEN.join(("", *values, ""))
    # So many as hold no more escapes than are undone.
    first = len(values) * _ESCAPES // max(joined.count("%"), _ESCAPES)
    joined = decoded(joined if first == len(values) else BETWEEN.join(("", *values[:first], "")))
    texts = joined.split(BETWEEN)[1:-1]
    parted, whole = len(texts) != first, True
    if parted:
        # Somebody sends what stands between them.
        first = min(first, _SINGLY)
        texts = list(map(decoded, values[:first]))
    if parted or first < len(values) or max(map(len, values)) > LONG:
        texts += map(str.lower, values[first:])
        for at, value in enumerate(values):
            if len(value) > LONG:
                texts[at], undone = _legible(value, budget)
                whole = whole and undone
        joined = BETWEEN.join(("", *texts, ""))
    return texts, joined, whole and first == len(values)


def _find(
    value: str, classes: Iterable[str], least: int, budget: Budget, view: Sifted | None = None
) -> list[Finding]:
    found: list[Finding] = []
    kind = ""
    complete = True
    try:
        undone = True
        if view is None:
            text, undone = _legible(value, budget)
            view = sifted(text, budget)
        complete = undone and view.complete
        for kind in classes:
            budget.spend(len(view.text) * _VIEWED + _LOOK)
            hit = FINDERS[kind](view.text, budget)
            if hit is not None and hit.score >= least:
                found.append(Finding(kind, *hit))
    except Spent:
        complete = False
    return found if found or complete else [Finding(kind, CROWDED, THRESHOLDS[1], "")]


def _legible(value: str, budget: Budget) -> tuple[str, bool]:
    """`value` decoded, without what repeats itself and without stretches of prose; and whether that is all of it."""
    value = collapsed(value)
    most = _decodable(value, budget)
    whole = most >= len(value)
    if not whole:
        # The rest of the budget is for looking at what is decoded.
        value = BETWEEN.join((value[: most * 2 // 3], value[len(value) - most // 3 :]))
    if not value.isascii():
        budget.sieve -= len(value) * _FOLDED
    budget.sieve -= value.count("%") * _ESCAPE
    return condensed(decoded(value), wordy), whole


def _decodable(value: str, budget: Budget) -> int:
    """How many characters of `value` half of what is left decodes, but for short ones, which are decoded anyway."""
    if len(value) <= LONG:
        return len(value)
    cost = value.count("%") * _ESCAPE
    if 2 * cost <= budget.sieve:
        return len(value)
    return max(LONG, len(value) * max(budget.sieve, 0) // (2 * cost))


def _from_base64(value: str) -> str | None:
    """The text that `value` encodes; None when that is not text of printable ASCII."""
    data = b64decode(value)
    return data.decode("ascii") if data.isascii() and not data.translate(None, _PRINTABLE) else None
