"""What a database's error repeats of the data, taken out of the error's text; names of constraints and columns stay.

Such texts do not escape what they repeat, so a value may hold whatever ends it: quotes, brackets, lines, the very words
that follow. So a value is taken to end where the last of its possible ends is. What lies between two values may go
with them; no part of a value stays.

Wordings are those of PostgreSQL (src/backend, in English; a key in any language), of libpq's report (fe-protocol3.c),
of SQLAlchemy (exc.StatementError), asyncpg, MySQL (share/messages_to_clients.txt) and SQLite.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .shapes import MARK

Interval = tuple[int, int]

_KEY_ENDS = (
    ") already exists.", ") is duplicated.", ') is not present in table ', ') is still referenced from table ',
)  # fmt: skip
_CONFLICT = ") conflicts with "
_EXCERPT = re.compile(r"LINE \d{1,9}: |JSON data, line \d{1,9}: ")
_CARET = re.compile(r"\n[ \t]{0,999}\^")
# What is bound has a name in a statement; one that was put together by hand has its values in quotes.
_STATEMENT, _LITERAL = "[SQL: ", re.compile(r"['\"]|\$(?!\d)")
_OUT_OF_RANGE = '" is out of range for type '
# Parts of statements, not of values: as the token at which a statement makes no sense.
_NEAR = re.compile(
    r"near \\{0,7}\"(?!(?:[^\w\s\"'\\]{1,3}|(?i:select|insert|update|delete|from|where|and|or|not|in|is|null|values"
    r"|set|returning|order|group|by|having|limit|offset|join|on|as|into|with|union|all|distinct|end|user|table|using"
    r"|for|conflict|do|case|when|then|else|between|like|create|alter|drop|primary|key|references|default))"
    r"\\{0,7}\"(?:\n|\Z))"
)

# Where values begin, and the words behind the last of them. Without any the text ends with a value.
_RULES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"Failing row contains \(|Partition key of the failing row contains \([^()]{0,200}\) = \("), (").",)),
    (re.compile(r"DETAIL:(?! {1,2}(?:Key \(|Failing row |Partition key ))[^(\n]{0,200}\("), (")",)),
    (re.compile(r"invalid input (?:syntax|value) for [^\"\n]{1,200}: \\{0,7}\""), ('"',)),
    (
        re.compile(
            r"(?:malformed [a-z]{1,20} literal|out of range|ts(?:query|vector)|invalid [a-z]{1,20} (?:digit|value)"
            r"|invalid value for parameter \\{0,7}\"[^\"\n]{1,99}\"|unrecognized token|COPY [^\"\n]{1,200}"
            r"|DETAIL: {1,2}Expected [^\n]{1,99} found):? \\{0,7}\""
        ),
        ('"',),
    ),
    (re.compile(r"(?<!\w)(?:value|time zone|Token) \\{0,7}\""), ('"',)),
    (re.compile(r"(?:SQL (?:statement|expression)|PL/pgSQL (?:assignment|expression)) \\{0,7}\""), ('"',)),
    (re.compile(r"parameters?:? \$\d{1,9} = (?:\\{0,7}')?"), ("'",)),
    (re.compile(r"DETAIL: {1,2}line \d{1,9}: "), ()),
    (re.compile(r"QUERY:  "), ("\nCONTEXT:  ",)),
    (re.compile(r"query argument \$\d{1,9}: "), (" (",)),
    (re.compile(r"\[parameters: "), ("]",)),
    (_NEAR, ('"',)),
    (re.compile(r"Duplicate entry \\{0,7}'"), ("' for key ", "\\' for key ")),
    (re.compile(r"ncorrect [a-zA-Z]{1,20} value: \\{0,7}'"), ("'",)),
    (re.compile(r"syntax to use near \\{0,7}'"), ("' at line ",)),
)


def values(text: str, *, whole: bool = True) -> str:
    """`text` with each value that a database repeats replaced by MARK.

    Unless it is the `whole` text, all from the first value on goes: where that ends cannot be known then.
    """
    found = sorted(_intervals(text))
    if not found:
        return text
    if not whole:
        return text[: found[0][0]] + MARK
    kept, done = [], 0
    for start, end in found:
        if start >= done:
            kept += [text[done:start], MARK]
        done = max(done, end)
    return "".join([*kept, text[done:]])


def _intervals(text: str) -> Iterator[Interval]:
    """Where values may stand; some overlap."""
    if " " not in text and ")=(" not in text:
        return
    for start, ends in _RULES:
        first = start.search(text)
        if first is not None:
            end = _last(text, ends)
            for found in start.finditer(text, first.start()):
                yield found.end(), end if end >= found.end() else len(text)
    yield from _keys(text)
    yield from _excerpts(text)
    literal = _LITERAL.search(text, text.index(_STATEMENT)) if _STATEMENT in text else None
    if literal is not None:
        yield literal.start(), _last(text, ("'", '"', "$")) + 1
    end = text.rfind(_OUT_OF_RANGE)
    if end >= 0:
        yield min(text.find('"') + 1, end), end


def _keys(text: str) -> Iterator[Interval]:
    """Of `Key (column)=(value) already exists.` and the like, which have these brackets in all languages."""
    first = text.find(")=(")
    if first < 0:
        return
    ends = (*_KEY_ENDS, ").") if _CONFLICT in text else _KEY_ENDS
    end = _last(text, ends) if "Key (" in text[:first] else -1
    end = end if end > first else text.rfind(")")
    yield first + 3, end if end > first + 2 else len(text)


def _excerpts(text: str) -> Iterator[Interval]:
    """Lines of a statement or document, each with the line that points into it."""
    for found in _EXCERPT.finditer(text):
        end = text.find("\n", found.end())
        caret = _CARET.match(text, end) if end >= 0 else None
        yield found.end(), caret.end() if caret else end if end >= 0 else len(text)


def _last(text: str, ends: tuple[str, ...]) -> int:
    return max((text.rfind(end) for end in ends), default=-1)
