"""Patterns of JSON Schema, which are ECMA-262 with the flag `u`, as patterns of Python. Pure.

What only Python has is left as Python means it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .properties import members

# ECMA-262 22.2.2.9: what `\s` is, and what ends a line and so is not matched by a dot.
_SPACE = "\\t-\\r \\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff"
_NO_LINE_END = "[^\\n\\r\\u2028\\u2029]"
_PIECE = re.compile(
    r"\\[pP]\{[^{}]*\}|"
    r"\\c[A-Za-z]|\\u\{[0-9A-Fa-f]{1,6}\}|\\k<[A-Za-z_]\w*>|\\[\s\S]|\(\?<(?=[A-Za-z_])|\[\^?\]|\[\^?|[\s\S]|\\\Z", re.A
)
# Words that mean ASCII in ECMA-262 and more in Python.
_ASCII = frozenset({"\\d", "\\D", "\\w", "\\W", "\\b", "\\B"})
# Escapes that only Python has.
_FOREIGN = frozenset({"\\a", "\\A", "\\Z"})
_OUTSIDE = {
    "$": "\\Z", ".": _NO_LINE_END, "\\s": f"[{_SPACE}]", "\\S": f"[^{_SPACE}]", "(?<": "(?P<", "[]": "(?!)",
    "[^]": "[\\s\\S]",
}  # fmt: skip
# The characters with which Python may one day write sets of sets; it warns of them now.
_INSIDE = {"\\s": _SPACE, "[": "\\[", "&": "\\&", "|": "\\|", "~": "\\~"}
# What every engine reads alike: literals, anchors, plain classes, groups, and repetition.
_COMMON = re.compile(
    r"\^?(?:[A-Za-z0-9 _/@:,#%=-]|\\[.\-/+*?()\[\]{}$^|]|\[(?:[A-Za-z0-9_.@+](?:-[A-Za-z0-9])?)+-?\]|"
    r"\(\?:|\((?!\?)|[)|]|[*+?]|"
    r"\{[0-9]{1,3}(?:,[0-9]{0,3})?\})*+\$?"
)


def ecma(pattern: str, property_of: Callable[[str], str] = members) -> str:
    """`pattern` for `re`: `$` is the very end of the text, `\\d` and `\\w` are ASCII, and so on.

    `property_of` says what stands in a class for `\\p{...}`. Raises ValueError for an escape that ECMA-262 does not
    have, and for a property that is not known.
    """
    pieces = _PIECE.findall(pattern)
    foreign = next((piece for piece in pieces if piece in _FOREIGN), None)
    if foreign is not None:
        raise ValueError(f"{foreign!r} is no escape of ECMA-262")
    found = "".join(_translated(pieces, property_of))
    # The words keep their meaning of ASCII in classes too, where they cannot be written out when negated.
    return f"(?a:{found})" if not _ASCII.isdisjoint(pieces) else found


def _translated(pieces: list[str], property_of: Callable[[str], str]) -> Iterator[str]:
    in_class = False
    for piece in pieces:
        if piece[:3] in ("\\p{", "\\P{"):
            inside = property_of(piece)
            yield inside if in_class else f"[{inside}]" if inside else "(?!)"
        elif in_class:
            in_class = piece != "]"
            yield _INSIDE.get(piece) or _escape(piece)
        elif piece in ("[", "[^"):
            in_class = True
            yield piece
        else:
            yield _OUTSIDE.get(piece) or _escape(piece)


def _escape(piece: str) -> str:
    if piece.startswith("\\c") and len(piece) == 3:
        return f"\\x{ord(piece[2]) % 32:02x}"
    if piece.startswith("\\u{"):
        return f"\\U{int(piece[3:-1], 16):08x}"
    if piece.startswith("\\k<"):
        return f"(?P={piece[3:-1]})"
    return piece


def is_common(pattern: str) -> bool:
    """Whether every engine of regular expressions agrees on `pattern`; no for many on which they do agree."""
    return _COMMON.fullmatch(pattern) is not None
