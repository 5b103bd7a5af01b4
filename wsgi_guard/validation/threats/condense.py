"""Long texts without the stretches of plain prose in which no attack can stand, so that padding costs next to nothing.

Of each stretch both ends stay: rules look around signs, and weigh what stands in front of them. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .rules import REACH

# Shorter texts are looked at as they are.
_LONG = 4_000
# What stays of each end: farther than any rule looks.
_KEPT = REACH + 50
# Words and the signs of prose; lines that do not begin as a header does; the apostrophes of it's and don't.
_PIECE = r"[\w .,@:!?-]++"
_JOINT = r"(?:\n(?![ \t]*[\w-]{2,40}+[ \t]{0,4}:)|'(?<=[a-z]')(?:s|t|d|m|re|ve|ll)(?![\w']))"
_PLAIN = re.compile(rf"{_PIECE}(?:{_JOINT}++(?:{_PIECE})?+)*+")


# As long as this only what is encoded goes on without a space or another sign: pictures, keys, compressed text.
_ENCODED = re.compile(r"[\w+/=-]++", re.A)


def condensed(text: str, wordy: Callable[[str], bool]) -> str:
    """Decoded, lower-case `text` with a space for the inside of long stretches of which `wordy` is not true."""
    if len(text) <= _LONG:
        return text
    kept, at, probe = [], 0, 0
    while probe < len(text):
        end = max(_end(_PLAIN, text, probe), _end(_ENCODED, text, probe))
        if end > probe + 2 * _KEPT and not _may_tell(text[probe + _KEPT : end - _KEPT], wordy):
            kept += [text[at : probe + _KEPT], " "]
            at = end - _KEPT
        # A stretch that is long enough meets one of the probes.
        probe = max(end + 1, probe + _KEPT)
    return "".join([*kept, text[at:]]) if kept else text


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return start if found is None else found.end()


def _may_tell(stretch: str, wordy: Callable[[str], bool]) -> bool:
    """Whether words alone may be an attack; what is encoded holds the short ones of them by chance."""
    if _ENCODED.fullmatch(stretch) is not None:
        return "union" in stretch or "select" in stretch
    return wordy(stretch)
