"""A value as a shell would read it: what it drops inside words is left out, and commands are told apart. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .commands import BEFORE, SURE, WORDS
from .normalise import one_spaced, undo_references

_IFS = re.compile(r"\$\{?ifs(?:%\?\?|:0:1|,,)?\}?(?:\$\d|\$\(\))?|<>(?=/)")
# What a shell drops inside a word: empty quotes and substitutions, backslashes, carets, variables that are not set.
# Each begins with its sign, so that everything else is passed over fast.
_DROPPED = (
    ("``", re.compile(r"``(?<=[a-z0-9;|&/]``)(?=[a-z0-9/])")),
    ("\\", re.compile(r"\\(?=[a-z/])")),
    ("^", re.compile(r"\^(?<=[a-z]\^)(?=[a-z])")),
    ("$", re.compile(
        r"\$(?:\(\)|[@*?!_#-](?=[a-z/ ]|$)|\{[@*]\}"
        r"|(?<=[a-z/]\$)\{[a-z]{1,3}\}(?=[a-z])|(?<=[a-z/]\$)[a-z]\b(?![({])|(?<=[;|&]\$)[a-z] )"
    )),
)  # fmt: skip
_QUOTED_LETTERS = re.compile(
    r"(['\"])(?:(?<=[a-z].)([a-z]{1,8})\1(?=[a-z /]|\b|$)|(?<![a-z=].)([a-z]{1,12})\1(?=[a-z '\";|]|$))"
)
# Spaces of a form, still encoded; between numbers it is a sum.
_PLUS, _PLUSES = re.compile(r"[;|&]\+|\+[;|&]"), re.compile(r"\+(?!\d)|(?<!\d)\+")
_BRACKET = re.compile(r"\[[!^]?([a-z/?])[/a-z]{0,12}\]")
# Where a command may begin, and the first word of it. Each branch begins with a sign of its own, which is fast.
_BEGIN = re.compile(
    r"(;|\|\|?|&&?|\$\(|`|<\(|>\(|\n|\$\{[^}\s]{0,20}:?[-=?+]|\{)[ ({!@\"'\\]{0,3}([a-z/.][\w.+/-]{0,60})"
)
_NEXT = re.compile(
    r"[\"']?[ \t,]+(?:\d{1,4} |-\w{1,9} |\w{1,20}=\S{0,40} |[(\"'])?([a-z/.][\w.+/-]{0,60})"
)


class Command(NamedTuple):
    """A command in a shell's text: the sign before it, its name, where the sign stands and where the name ends."""

    sign: str
    name: str
    start: int
    end: int
    sure: bool


def for_shell(text: str) -> str:
    """`${IFS}` as a space, quotes and backslashes inside words left out, one space or line break for many."""
    text = text.replace("\x00", "").replace("\r", "\n")
    if "&" in text and ";" in text:
        text = undo_references(text)
    if "ifs" in text or "<>" in text:
        text = _IFS.sub(" ", text)
    if "+" in text and (" " not in text or _PLUS.search(text)):
        text = _PLUSES.sub(" ", text)
    if "[" in text:
        text = _BRACKET.sub(r"\1", text)
    text = text.replace("''", "").replace('""', "")
    for sign, pattern in _DROPPED:
        if sign in text:
            text = pattern.sub("", text)
    if "'" in text or '"' in text:
        text = _QUOTED_LETTERS.sub(lambda found: found[2] or found[3], text)
    return _lines(text) if "\n" in text else one_spaced(text)


def _lines(text: str) -> str:
    """One space for all within a line, and no empty lines."""
    lines = [" ".join(line.split()) for line in text.split("\n")]
    start = "\n" if not lines[0] else " " if text[0].isspace() else ""
    return start + "\n".join(filter(None, lines))


def commands(view: str) -> Iterator[Command]:
    """Every known command that follows a separator or opens a substitution."""
    known = {name for name in {name for _, name in _BEGIN.findall(view)} if _may_run(name)}
    for found in _BEGIN.finditer(view) if known else ():
        if found[2] not in known:
            continue
        name, end = found[2].rpartition("/")[2], found.end()
        for _ in range(3):
            if name not in BEFORE:
                break
            further = _NEXT.match(view, end)
            named = _plain(further[1].rpartition("/")[2]) if further is not None else ""
            if further is None or (named not in SURE and named not in WORDS):
                break
            name, end = named, further.end()
        name = _plain(name)
        if name in SURE or name in WORDS:
            yield Command(found[1], name, found.start(), end, name in SURE)


def _may_run(name: str) -> bool:
    """Whether this is a command, or may stand before one."""
    name = name.rpartition("/")[2]
    plain = _plain(name)
    return name in BEFORE or plain in SURE or plain in WORDS


def _plain(name: str) -> str:
    if name in SURE or name in WORDS:
        return name
    name = name.removesuffix(".exe")
    return name.rstrip("0123456789.") if name[-1:].isdigit() else name
