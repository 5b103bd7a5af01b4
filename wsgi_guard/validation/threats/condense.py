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


def condensed(text: str, wordy: Callable[[str], bool]) -> str:
    """Decoded, lower-case `text` with a space for the inside of long stretches of which `wordy` is not true."""
    if len(text) <= _LONG:
        return text
    kept, at, probe = [], 0, 0
    while probe < len(text):
        found = _PLAIN.match(text, probe)
        end = found.end() if found is not None else probe
        if end > probe + 2 * _KEPT and not wordy(text[probe + _KEPT : end - _KEPT]):
            kept += [text[at : probe + _KEPT], " "]
            at = end - _KEPT
        # A stretch that is long enough meets one of the probes.
        probe = max(end + 1, probe + _KEPT)
    return "".join([*kept, text[at:]]) if kept else text
