"""How a problem is worded: what was written, what kind of thing it is, what it may have meant.

No secret may come in here: who parses a secret says what was expected and nothing of what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

SHOWN = 60  # characters of a value that a message repeats: it is to be recognised, not copied
LOGIN = re.compile(r"//[^/@\s'\"]{1,500}@")
BARE = re.compile(r"[A-Za-z0-9_-]{1,60}")
KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a number"),
    (str, "a string"),
    (list, "a list"),
    (tuple, "a list"),
    (Mapping, "a table"),
)


def shown(value: object) -> str:
    """`value` as code would write it, cut to SHOWN characters."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python turns into text
        text = "a number too long to show"
    # A URL in a wrong place may carry a password.
    text = LOGIN.sub("//***@", text)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def kind_of(value: object) -> str:
    """What a person calls the type of `value`: "a table", "an integer"."""
    if value is None:
        return "nothing"
    for kind, words in KINDS:
        if isinstance(value, kind):
            return words
    return f"a {type(value).__name__}"


def spelled(key: object) -> str:
    """A key as a message names it: quoted when it could be taken for something else."""
    return key if isinstance(key, str) and BARE.fullmatch(key) else shown(key)


def one_of(words: Iterable[str]) -> str:
    return ", ".join(repr(word) for word in words)


def nearest(word: object, known: Iterable[str]) -> str:
    """A hint to end a sentence with: the known word most like `word`, or nothing when none is like it."""
    # Imported here: only a message needs it, and it costs more than the rest of this module.
    from difflib import get_close_matches

    wanted = word[:SHOWN].lower().replace("-", "_").strip() if isinstance(word, str) else ""
    close = get_close_matches(wanted, sorted(known), 1)
    return f", nearest is {close[0]!r}" if close else ""


def unknown(key: object, known: Iterable[str]) -> str:
    """The sentence about a key that nothing reads: the nearest known one, or all there are."""
    names = sorted(known)
    return f"unknown key{nearest(key, names) or f', known are {one_of(names)}'}"
