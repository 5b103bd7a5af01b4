"""What a statement looks like without its values, so that a log may show it and the same statement is known again.

Pure text in, text out. What a literal holds never comes out, also of a statement that is cut off or does not parse.
Every pattern is anchored on its first character and never goes back, so the time is linear for any text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

READ = 8192
"""Characters of a statement that are looked at; what was cut off within a literal counts as part of it."""
KEPT = 1000
"""Characters of a shape."""

# What PostgreSQL takes for letters of a name: all that is not ASCII, and not what Unicode calls so.
_FIRST, _NEXT = r"[A-Za-z_\x80-\U0010ffff]", r"[A-Za-z0-9_\x80-\U0010ffff]"
# A literal goes on in quotes on a later line, under the rules of its beginning.
_ON = r"(?:[ \t\f\v]|--[^\n\r]*+)*+[\n\r](?:[ \t\f\v\n\r]|--[^\n\r]*+[\n\r])*+'"
_ESCAPED = r"(?:[^'\\]++|''|\\[\s\S])*+(?:'|\Z)"
_TOKEN = re.compile(
    r"(?P<gone>--[^\n\r]*+|/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+(?:\*/|\Z)|(?P<nested>/\*))"
    rf"|[eE]'{_ESCAPED}(?:{_ON}{_ESCAPED})*+"
    r"|(?:[bBxXnN]|[uU]&)?'(?:[^']++|'')*+(?:'|\Z)"
    r"|(?P<kept>\"(?:[^\"]++|\"\")*+(?:\"|\Z)|%%|%\(\w*+\)[stb]|%[stb]|\$[0-9]++)"
    rf"|(?P<name>{_FIRST}(?:{_NEXT}|\$)*+)"
    rf"|\$(?P<tag>(?:{_FIRST}{_NEXT}*+)?)\$(?:[^$]++|\$(?!(?P=tag)\$))*+(?:\$(?P=tag)\$|\Z)"
    r"|0[xXoObB][0-9a-fA-F_]++|(?:[0-9][0-9_]*+(?:\.[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9]++)?"
)
# Comments nest in PostgreSQL, which no pattern can count.
_EDGE = re.compile(r"/\*|\*/")
# Statements that change no row, unless one that does stands within them.
_READ = frozenset({
    "select", "show", "values", "table", "explain", "with", "set", "reset", "fetch", "move", "close", "declare",
    "begin", "start", "commit", "end", "rollback", "savepoint", "release", "listen", "unlisten", "discard",
    "deallocate", "prepare",
})  # fmt: skip
_WORD = re.compile(r"\W*+(\w++)")
_CHANGES = ("into", "delete", "create", "execute", "refresh", "update")
_CHANGE = re.compile(r"\b(?:into|delete|create|execute|refresh|(?<!for )(?<!key )update)\b")
_OUT = re.compile(r" to stdout\b[^\"]*+\Z")
_SPACE = re.compile(r"\s++")
_VALUE = r"(?:\?|%s|%b|%t|\$[0-9]++)(?:::\w++)?"
_LIST = re.compile(rf"({_VALUE}) ?(?:, ?{_VALUE} ?)++")
_ROWS = re.compile(r"(\([^()]*+\)) ?(?:, ?\([?%$][^()]*+\) ?)++")


class Statement(NamedTuple):
    """What is known of a text that was sent: how it looks without values, and whether it changes rows."""

    shape: str
    """In one line: `?` for each literal, one value for a list of them, one row for several."""
    writes: bool
    """By what it says, and also where that is not known; functions that it calls may change rows besides."""


def read(text: str) -> Statement:
    """The statement, or the several, of a text."""
    plain = _SPACE.sub(" ", _plain(text[:READ]))
    known = _LIST.sub(r"\1, ..", plain.strip(" ;"))
    known = _ROWS.sub(r"\1, ..", known)
    # Of what lies beyond, the words of literals and comments count too.
    return Statement(known[:KEPT], any(map(_changes, (plain + text[READ:]).lower().split(";"))))


def _changes(statement: str) -> bool:
    found = _WORD.match(statement)
    if found is None:
        return False
    reads = found[1] in _READ or (found[1] == "copy" and _OUT.search(statement) is not None)
    # Looking for plain words first is what makes a long text cheap.
    return not reads or (any(map(statement.__contains__, _CHANGES)) and _CHANGE.search(statement) is not None)


def _plain(text: str) -> str:
    parts: list[str] = []
    at = 0
    while (found := _TOKEN.search(text, at)) is not None:
        parts += text[at : found.start()], _replaced(found)
        at = found.end() if found["nested"] is None else _end_of_comment(text, found.start())
    return "".join((*parts, text[at:]))


def _end_of_comment(text: str, start: int) -> int:
    depth = 0
    for edge in _EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return len(text)


def _replaced(found: re.Match[str]) -> str:
    kept = found["kept"] or found["name"]
    if kept is not None:
        return kept
    return " " if found["gone"] is not None else "?"
