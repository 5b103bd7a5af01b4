"""SQL injection: a value that ends the literal it stands in and goes on in grammar.

Judged by tokens, as if the value stood in a statement bare or inside quotes. Words alone are no evidence:
"select ... from" in prose, `--`, `;` and O'Brien pass.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from .normalise import for_sql

# Without a match of this there is nothing to look at: each reading below starts at one of these places, and each
# signature holds one of these words.
SUSPECT = re.compile(
    r"['\"`] ?[)\s]{0,9}(?:[^\w\s]|(?:or|and|xor|not|union|having|order|group|limit|like|rlike|in|is|between|div|mod"
    r"|select|procedure|waitfor|as|into|where|;)\b|$)"
    r"|^[\s(+-]{0,9}\d[\d.]{0,19}[)\s]{0,9}(?:[^\w\s.,:@-]|--|(?:or|and|xor|union|having|order|group|div|mod|rlike)\b|\)*;)"
    r"|^[\s);/*]{0,9}(?:or|and|xor)\b|union|waitfor|select|information_schema|xp_|@@|pg_sleep|benchmark|extractvalue|updatexml|outfile|dumpfile"
    r"|load_file|dbms_|utl_|sleep"
)
# Tokens looked at: an injection shows its grammar early.
_TOKENS = 60
_TOKEN = re.compile(
    r"(?P<c>--.*+|#.*+|/\*.*+)"
    r"|(?P<s>'[^'\\]*+(?:(?:''|\\.)[^'\\]*+)*+'?|\"[^\"\\]*+(?:(?:\"\"|\\.)[^\"\\]*+)*+\"?)"
    r"|(?P<n>0x[0-9a-f]++|\d++(?:\.\d++)?)"
    r"|(?P<w>@{0,2}[a-z_$\x80-\U0010ffff][\w$.]*+|@@\w*+|`[^`]*+`?)"
    r"|(?P<o><=>|<>|!=|<=|>=|:=|=|<|>|!|~)"
    r"|(?P<l>\|\||&&)"
    r"|(?P<a>[-+*/%^|&])"
    r"|(?P<p>[(),;.])"
    r"|(?P<x>[^\s])",
    re.S,
)
# One letter a kind of token, the alphabet of the readings below.
_LETTER = {"c": "c", "s": "s", "n": "1", "o": "O", "l": "&", "a": "a", "x": "x"}
_WORDS = {
    **dict.fromkeys(("or", "and", "xor"), "&"),
    **dict.fromkeys(("like", "rlike", "regexp", "between", "in", "is", "sounds"), "o"),
    **dict.fromkeys(("div", "mod"), "a"),
    **dict.fromkeys(("null", "true", "false"), "1"),
    **dict.fromkeys(("all", "distinct", "distinctrow"), "d"),
    **dict.fromkeys(("from", "where", "into", "limit", "procedure", "as", "when", "then", "case", "if"), "k"),
    "union": "U", "select": "E", "not": "!", "order": "B", "group": "B", "by": "b", "having": "H",
}  # fmt: skip
# Functions of databases whose call in a value is meant for a database.
_FUNCTIONS = frozenset({
    "pg_sleep", "sleep", "benchmark", "extractvalue", "updatexml", "load_file", "randomblob", "dbms_lock.sleep",
    "dbms_pipe.receive_message", "utl_inaddr.get_host_name", "utl_inaddr.get_host_address", "utl_http.request",
    "xmltype", "ascii", "substring", "substr", "mid", "char", "chr", "concat", "concat_ws", "group_concat", "version",
    "database", "user", "current_user", "count", "convert", "cast", "hex", "unhex", "length", "exists", "make_set",
    "elt", "row", "if",
})  # fmt: skip

# Readings inside quotes: the value's own quote ends the literal (s), then grammar goes on.
QUOTED = (
    ("union-select", re.compile(r"s\)*U[d(]*E")),
    ("tautology", re.compile(r"s\)*[&H][!(]*(?:[1s]\)*[Oo][!(]*[1svfF]|[vfF]\)*O\(*[1svfF]|v\)*o[1s(fF])")),
    ("boolean", re.compile(r"s\)*&[!(]*1\)*(?:c|;|$|&|[Oo])")),
    ("subquery", re.compile(r"s\)*[&Oao,!;(H]*\(+E|s\)*[&a]\(*E")),
    ("function", re.compile(r"s\)*[&Oao,!;(k]+E?\(*F")),
    ("empty-comparison", re.compile(r"e\)*O[es]")),
    ("order-by-probe", re.compile(r"s\)*Bb1(?:,1)*(?:c|;|$)")),
    ("comment-end", re.compile(r"s\)*;?c$")),
)
# Readings of a value that stands bare, as numbers do.
BARE = (
    ("union-select", re.compile(r"[(a]*1?\)*U[d(]*E(?:[1s]|a|[fF]|v,|vk|\()|v?\)*U[d(]*E(?:1,|s,|F|1k|1c)")),
    ("subquery", re.compile(r"[(a]*1\)*[&Oao,]+[!(]*\(E|\(+E(?:F|a|1[,ck)]|s,)")),
    ("function", re.compile(r"(?:[(a]*1|[);]+)\)*[&Oao,;]+[!(]*E?\(*F")),
    ("order-by-probe", re.compile(r"[(a]*1\)*Bb1(?:,1)*c")),
    ("empty-comparison", re.compile(r"[(a]*1\)*&[!(]*s\)*O\(*s")),
)
_NUMERIC = re.compile(r"(?:[(a]*1|[);]*)\)*[&H][!(]*([1sv])\)*[Oo]\(*([1sv])\)*")
# What is meant for a database wherever it stands.
SIGNATURES = (
    ("stacked", re.compile(
        r"['\"\d)] ?;[; ]*(?:(?:drop|truncate|alter|create) (?:table|database|schema|user|view|index|procedure|role)\b"
        r"|(?:begin )?declare @|if ?\(|insert into\b|update \w{1,60} set\b|delete from\b|exec(?:ute)?\b|shutdown\b"
        r"|select\b|waitfor\b)"
    )),
    ("timing", re.compile(r"\bwaitfor (?:delay|time) ?['\"]|\bpg_sleep ?\( ?\d|\bbenchmark ?\( ?\d{4}")),
    ("procedure", re.compile(
        r"\bxp_(?:cmdshell|dirtree|regread|fileexist)\b|\b(?:extractvalue|updatexml) ?\( ?[\d'\"]"
    )),
    ("catalogue", re.compile(
        r"['\"\d)(,] ?(?:from|join|,) ?(?:information_schema\.|sysobjects\b|sys\.\w|pg_catalog\.|sqlite_master\b)"
        r"|select[^;]{1,200}?from (?:information_schema\.|sqlite_master\b|mysql\.user\b|sysobjects\b|sys(?:cat|ibm)\.)"
        r"|(?:select|union|[=,(]) ?@@version\b"
    )),
    ("outfile", re.compile(r"\binto (?:out|dump)file ?['\"]")),
)  # fmt: skip


class Tokens(NamedTuple):
    """The letters of the first tokens, and their texts."""

    letters: str
    texts: list[str]


def find(text: str) -> str | None:
    """The name of the first rule that matches decoded, lower-case `text`; None when none does."""
    if SUSPECT.search(text) is None and "/*" not in text:
        return None
    view = for_sql(text).strip()
    for name, pattern in SIGNATURES:
        if pattern.search(view):
            return name
    return _bare(tokens(view)) or _quoted(view, "'") or _quoted(view, '"')


def tokens(view: str) -> Tokens:
    """What a statement would be made of."""
    letters, texts = [], []
    for found in islice(_TOKEN.finditer(view), _TOKENS):
        word = found[0]
        letters.append(_letter(str(found.lastgroup), word, view[found.end() : found.end() + 2]))
        texts.append(word)
    return Tokens("".join(letters), texts)


def _letter(kind: str, word: str, after: str) -> str:
    if kind == "p":
        return word if word != "." else "x"
    if kind != "w":
        return _LETTER[kind]
    if word in _FUNCTIONS and after.lstrip()[:1] == "(":
        return "F"
    known = _WORDS.get(word)
    if known is not None:
        return known
    return "f" if after[:1] == "(" else "v"


def _quoted(view: str, quote: str) -> str | None:
    """A reading of the value inside quotes of this kind, which it must end itself."""
    if quote not in view:
        return None
    found = tokens(quote + view)
    letters = found.letters
    if len(letters) < 2 or not _is_closed(found.texts[0]):
        return None
    if found.texts[0] == quote * 2:
        letters = "e" + letters[1:]
    for name, pattern in QUOTED:
        start = letters if name == "empty-comparison" else "s" + letters[1:]
        if pattern.match(start) and (name != "comment-end" or _is_bare_comment(found.texts[-1])):
            return name
    return None


def _is_closed(literal: str) -> bool:
    return len(literal) > 1 and literal[-1] == literal[0]


def _is_bare_comment(text: str) -> bool:
    """Nothing is said behind the sign: it only cuts off what follows in the statement."""
    return len(text) < 12 and not any(char.isalpha() for char in text)


def _bare(found: Tokens) -> str | None:
    for name, pattern in BARE:
        if pattern.match(found.letters):
            return name
    numeric = _NUMERIC.match(found.letters)
    return "tautology" if numeric and _is_tautology(found, numeric) else None


def _is_tautology(found: Tokens, numeric: re.Match[str]) -> bool:
    """Sums are prose too ("2 and 3 = 5"): it takes equal sides, or a comment that cuts the rest off."""
    end = numeric.end()
    if found.letters[end : end + 1] == "c":
        return True
    left, right = (found.texts[numeric.start(side)].strip("'\"") for side in (1, 2))
    return left == right and end == len(found.letters)
