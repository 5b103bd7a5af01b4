"""What `\\p{...}` of ECMA-262 means, as a class of characters for `re`, which has no such tables. Pure.

Known are general categories (by short and long names), a few properties, and the scripts of `scripts`. Categories are
those of Python's own Unicode Character Database.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from itertools import chain, groupby

from .scripts import SCRIPTS

Ranges = tuple[tuple[int, int], ...]
_LAST = sys.maxunicode
# Long names of categories (PropertyValueAliases.txt).
_LONG = {
    "Letter": "L", "Cased_Letter": "LC", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt",
    "Modifier_Letter": "Lm", "Other_Letter": "Lo", "Mark": "M", "Combining_Mark": "M", "Nonspacing_Mark": "Mn",
    "Spacing_Mark": "Mc", "Enclosing_Mark": "Me", "Number": "N", "Decimal_Number": "Nd", "digit": "Nd",
    "Letter_Number": "Nl", "Other_Number": "No", "Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc",
    "Dash_Punctuation": "Pd", "Open_Punctuation": "Ps", "Close_Punctuation": "Pe", "Initial_Punctuation": "Pi",
    "Final_Punctuation": "Pf", "Other_Punctuation": "Po", "Symbol": "S", "Math_Symbol": "Sm", "Currency_Symbol": "Sc",
    "Modifier_Symbol": "Sk", "Other_Symbol": "So", "Separator": "Z", "Space_Separator": "Zs", "Line_Separator": "Zl",
    "Paragraph_Separator": "Zp", "Other": "C", "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Surrogate": "Cs",
    "Private_Use": "Co", "Unassigned": "Cn",
}  # fmt: skip
_SHORT = frozenset(_LONG.values())
_SETS = {"LC": ("Lu", "Ll", "Lt")}
_OTHERS: dict[str, Callable[[int], bool]] = {
    "Any": lambda code: True,
    "ASCII": lambda code: code < 128,
    "Assigned": lambda code: unicodedata.category(chr(code)) != "Cn",
    # Of one character these are the properties of those names.
    "Uppercase": lambda code: chr(code).isupper(),
    "Lowercase": lambda code: chr(code).islower(),
}
_CATEGORY, _SCRIPT = ("General_Category", "gc"), ("Script", "sc")
UNKNOWN = (
    "{0!r} is a property of Unicode that is not known here; known are general categories (L, Lu, Nd, ...), {1}, and as "
    "Script=... {2}; write a class such as [a-z\\u00e0-\\u00ff] for others"
)


def members(piece: str) -> str:
    r"""The inside of the class of characters that `piece`, as `\p{L}` or `\P{Script=Greek}`, stands for.

    Raises ValueError for a property that is not known.
    """
    ranges = _ranges(piece[3:-1])
    return _written(_complement(ranges) if piece[1] == "P" else ranges)


def named(piece: str) -> str:
    """A character in place of `piece`, for a look at the pattern as such. Raises ValueError as `members` does."""
    name = piece[3:-1]
    if _known(name) is None:
        raise ValueError(_unknown(name))
    return "x"


def _known(name: str) -> tuple[str, str] | None:
    """Kind and short name of a property."""
    kind, sign, value = name.rpartition("=")
    if kind in _SCRIPT and value in SCRIPTS:
        return "script", value
    short = _LONG.get(value, value)
    if short in _SHORT and (not sign or kind in _CATEGORY):
        return "category", short
    return ("other", value) if not sign and value in _OTHERS else None


def _unknown(name: str) -> str:
    return UNKNOWN.format(f"\\p{{{name}}}", ", ".join(_OTHERS), ", ".join(SCRIPTS))


@cache
def _ranges(name: str) -> Ranges:
    kind, value = _known(name) or ("", name)
    if kind == "script":
        return tuple(_parsed(SCRIPTS[value]))
    if kind == "category":
        wanted = _SETS.get(value, (value,))
        spans = (spans for category, spans in _categories().items() if category.startswith(wanted))
        return _joined(chain.from_iterable(spans))
    if kind == "other":
        return _runs(_OTHERS[value])
    raise ValueError(_unknown(name))


@cache
def _categories() -> dict[str, list[tuple[int, int]]]:
    """The spans of each category; a look at all characters takes a quarter of a second, once."""
    found: dict[str, list[tuple[int, int]]] = {}
    start = 0
    for category, run in groupby(map(unicodedata.category, map(chr, range(_LAST + 1)))):
        size = sum(1 for _ in run)
        found.setdefault(category, []).append((start, start + size - 1))
        start += size
    return found


def _runs(holds: Callable[[int], bool]) -> Ranges:
    return _joined((code, code) for code in range(_LAST + 1) if holds(code))


def _joined(spans: Iterable[tuple[int, int]]) -> Ranges:
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and found[-1][1] + 1 == first:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return tuple(found)


def _complement(ranges: Ranges) -> Ranges:
    starts = [0, *(last + 1 for _, last in ranges)]
    ends = [*(first - 1 for first, _ in ranges), _LAST]
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start <= end)


def _parsed(text: str) -> Iterable[tuple[int, int]]:
    for span in text.split():
        first, _, last = span.partition("-")
        yield int(first, 16), int(last or first, 16)


def _written(ranges: Ranges) -> str:
    return "".join(
        f"\\U{first:08x}" if first == last else f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges
    )
