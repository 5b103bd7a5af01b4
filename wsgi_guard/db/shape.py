"""What a statement looks like without its values, so that a log may show it and the same statement is known again.

Pure text in, text out. What a literal holds never comes out, also of a statement that is cut off or does not parse.
Every pattern is anchored on its first character and never goes back, so the time is linear for any text.
"""

from __future__ import annotations

import re

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
    # Comments nest in PostgreSQL. What holds one within it takes the rest of the statement along.
    r"(?P<gone>--[^\n\r]*+|/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+(?:\*/|\Z)|/\*[\s\S]*+)"
    rf"|[eE]'{_ESCAPED}(?:{_ON}{_ESCAPED})*+"
    r"|(?:[bBxXnN]|[uU]&)?'(?:[^']++|'')*+(?:'|\Z)"
    r"|(?P<kept>\"(?:[^\"]++|\"\")*+(?:\"|\Z)|%%|%\(\w*+\)[stb]|%[stb]|\$[0-9]++)"
    rf"|(?P<name>{_FIRST}(?:{_NEXT}|\$)*+)"
    rf"|\$(?P<tag>(?:{_FIRST}{_NEXT}*+)?)\$(?:[^$]++|\$(?!(?P=tag)\$))*+(?:\$(?P=tag)\$|\Z)"
    r"|0[xXoObB][0-9a-fA-F_]++|(?:[0-9][0-9_]*+(?:\.[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9]++)?"
)
# Statements that change no row, unless one that does stands within them.
_READ = frozenset({
    "select", "show", "values", "table", "explain", "with", "set", "reset", "fetch", "move", "close", "declare",
    "begin", "start", "commit", "end", "rollback", "savepoint", "release", "listen", "unlisten", "discard",
    "deallocate", "prepare",
})  # fmt: skip
_WORD = re.compile(r"\W*+(\w++)")
_CHANGE = re.compile(r"\b(?:into|delete from)\b|(?<!for )(?<!key )\bupdate\b", re.IGNORECASE)
_SPACE = re.compile(r"\s++")
_VALUE = r"(?:\?|%s|%b|%t|\$[0-9]++)(?:::\w++)?"
_LIST = re.compile(rf"({_VALUE}) ?(?:, ?{_VALUE} ?)++")
_ROWS = re.compile(r"(\([^()]*+\)) ?(?:, ?\([?%$][^()]*+\) ?)++")


def shape(text: str) -> str:
    """The statement in one line: `?` for each literal, one value for a list of them, one row for several."""
    plain = _TOKEN.sub(_replaced, text[:READ])
    plain = _SPACE.sub(" ", plain).strip(" ;")
    plain = _LIST.sub(r"\1, ..", plain)
    plain = _ROWS.sub(r"\1, ..", plain)
    return plain[:KEPT]


def writes(known: str) -> bool:
    """Whether a statement of this shape changes rows by what it says; functions that it calls may do so besides."""
    found = _WORD.match(known)
    word = found[1].lower() if found is not None else ""
    if word == "copy":
        return " to stdout" not in known.lower()
    return bool(word) and (word not in _READ or _CHANGE.search(known) is not None)


def _replaced(found: re.Match[str]) -> str:
    kept = found["kept"] or found["name"]
    if kept is not None:
        return kept
    return " " if found["gone"] is not None else "?"
