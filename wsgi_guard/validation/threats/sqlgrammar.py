"""What injected SQL looks like as letters of `sqltokens`: readings, each with a score. Pure.

`TAILS` are what follows the quote with which a value ends the literal it stands in; `BARE` is a value that stands in a
statement without quotes, as numbers do. All match from the start. Letters are at most 60, so `{0,n}?` costs little.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from wsgi_guard.recent import Recent

from .evidence import Hit, hit
from .sqltokens import Tokens

Reading = tuple[str, re.Pattern[str], int]

# An operand: a literal, a name, a call. A call's own arguments are not read.
_LITERAL = r"[!(a]*[1sS](?:a+[1sS]){0,8}"
_OPERAND = r"[!(a]*(?:[1sSvFE]|f\()"
_COMPARED = r"[Oo]+k?"
_END = r"\)*(?:[c;&]|$)"

TAILS: tuple[Reading, ...] = (
    ("union-select", re.compile(r"\)*(?:[1v]?\)*)U[d(]*[Ek](?!$)"), 7),
    ("union-select", re.compile(r"\)*U[d(]*E$"), 5),
    ("union-select", re.compile(r"\)*[^;&]{0,6}?U[d(]*E(?:[1sF]|v,|a)"), 6),
    ("tautology", re.compile(rf"\)*(?:&|H)+{_LITERAL}\)*{_COMPARED}{_LITERAL}"), 7),
    ("boolean", re.compile(rf"\)*(?:&|H)+[!(a]*(?:v|f\()[^;&c]{{0,12}}?{_COMPARED}[!(a]*[sSF]"), 6),
    ("boolean", re.compile(rf"\)*(?:&|H)+[!(a]*(?:v|f\()[^;&]{{0,12}}?{_COMPARED}[!(a]*(?:1|v|f\(|E)[^;]{{0,9}}?c"), 6),
    ("boolean", re.compile(rf"\)*(?:&|H)+[!(a]*[1sS]\)*{_COMPARED}{_OPERAND}"), 6),
    ("boolean", re.compile(r"\)*(?:&|H)+[!(a]*1\)*(?:c|;|$|&)"), 5),
    ("boolean", re.compile(r"\)*(?:&|H)+[!(a]*vo!?1"), 5),
    ("boolean", re.compile(r"\)*&[!(a]*[sS]\)*(?:c|$|&)"), 5),
    ("boolean", re.compile(r"\)*&[!(ax]*(?:v|f\()[^;&]{0,6}?\)*;?c$"), 5),
    ("boolean", re.compile(r"\)*&?[!(a]*vo!?(?:1|v|x|f\()?\)*;?c"), 6),
    ("function", re.compile(r"\)*[&Oao,(H!]+[^;&]{0,3}?F"), 6),
    ("function", re.compile(r"\)*;+E?\(*F"), 6),
    ("function", re.compile(r"\)*(?:&|a)[!(]*f\([^;]{0,20}?\)\)*(?:c|a[sS]|&S)"), 6),
    ("subquery", re.compile(r"\)*[&Oao,!H]+[(!]*\(E"), 7),
    ("subquery", re.compile(r"\)*[(;,&Oao]+E(?:[1sFa(]|v[k,(]|f\()"), 7),
    ("stacked", re.compile(r"\)*;[;(]*D(?:v|k|s|S|\(|1|D)"), 6),
    ("stacked", re.compile(r"\)*;+[vDf(].*c$"), 5),
    ("comparison", re.compile(rf"\)*{_COMPARED}[!(a]*[1sSvF]\)*;?c"), 6),
    ("comparison", re.compile(rf"\)*!?{_COMPARED}!?[!(a]*(?:v|x)?\)*;?c$"), 6),
    ("comparison", re.compile(rf"\)*{_COMPARED}[!(a]*[1sS]\)*(?:$|&)"), 5),
    ("arithmetic", re.compile(rf"\)*a+[!(a]*[1sSvF]\)*(?:{_COMPARED}[1sSv])?;?c"), 6),
    ("arithmetic", re.compile(r"\)*(?:a|&)+[!(a]*f\([^;]{0,20}?\)(?:a|&)[sS]$"), 6),
    ("order-by-probe", re.compile(r"\)*Bb[(]*[1v][^;&]{0,8}c"), 6),
    ("order-by-probe", re.compile(r"\)*Bb[(]*1(?:,1)*$"), 5),
    ("clause", re.compile(r"\)*k[^;]{0,8}?[1sv]O[1sv]"), 5),
    ("clause", re.compile(r"\)*k[1v](?:,1)?(?:k|c)"), 5),
    ("clause", re.compile(r"\)*kv[sS]"), 5),
    ("cast", re.compile(r"Tv"), 5),
    ("comment-end", re.compile(r"\)*;?c$"), 5),
    ("ended", re.compile(r"\)*;$"), 3),
)
# A number, with what may stand around it.
_N = r"[(a!]*1\)*"
BARE: tuple[Reading, ...] = (
    ("union-select", re.compile(r"[(a]*(?:[1sv]\)*)?\)*U[d(]*E[d(]*(?:[1s]|a|[Ff]|v,|vk|\()"), 7),
    ("union-select", re.compile(r"[(a]*1?\)*U[d(]*E$"), 5),
    ("tautology", re.compile(rf"{_N}(?:&|H)+{_LITERAL}\)*[Oo][!(]*[sS]"), 7),
    ("tautology", re.compile(rf"\)*(?:&|H)+[!(a]*s[^;&]{{0,6}}?{_COMPARED}[!(]*[sSv1]"), 6),
    ("tautology", re.compile(r"s(?:Tv)(?:&|[Oo]|a)+s|vOsTv"), 6),
    ("boolean", re.compile(rf"{_N}(?:&|H)+[!(a]*(?:v|f\()[^;&]{{0,12}}?{_COMPARED}[!(a]*[sSF1]"), 5),
    ("boolean", re.compile(r"\)*(?:&|H)+[!(a]*(?:vo[sS]|f\([^;&]{0,12}?\)O[sS1])"), 5),
    ("boolean", re.compile(rf"{_N}&+[!(a]*[1v]\)*;?c$"), 5),
    ("cut-boolean", re.compile(r"\)*&+[!(a]*1\)*;?c$"), 5),
    ("function", re.compile(r"(?:[(a]*[1v]?|[);]+)\)*[&Oao,;H]+[^;&]{0,3}?E?\(*F"), 6),
    ("function", re.compile(rf"{_N}[&o,;]+[!(]*f\(+E?"), 5),
    ("subquery", re.compile(rf"{_N}[&Oaok,]+[!(]*\(+E"), 6),
    ("subquery", re.compile(r"\)*(?:[o&]|&[!(a]*v[Oo])[!(]*\(+E[^;]{0,8}?k"), 6),
    ("subquery", re.compile(r"\(+E(?:F|a|f|\(|1[,ck)]|s,)"), 6),
    ("stacked", re.compile(rf"{_N};[;(]*E(?:[1sa(F]|v[,k(]|f\(|$)"), 6),
    ("stacked", re.compile(r"(?:[(a]*1)?[);]*;[;(]*D(?:v|k|s|S|\(|1|D)[^;]{0,30}?(?:c|;)"), 6),
    ("order-by-probe", re.compile(rf"{_N}Bb[(]*1(?:,1)*c"), 6),
    ("order-by-probe", re.compile(rf"{_N}Bb1(?:,1)*$"), 5),
    ("order-by-probe", re.compile(r"\)*Bb1(?:,1)*c"), 6),
    ("clause", re.compile(rf"{_N}kv?k?[^;]{{0,4}}?[1s]O[1s]"), 5),
    ("case", re.compile(rf"[(E]*(?:{_N}[&a])?[(]*k[kv]?[^;]{{0,4}}?[1s]O[1s]\)*k"), 6),
    ("call", re.compile(r"E?d?F\([^;]{0,40}?\)+(?:c|;|$)"), 4),
)
# What matched letters that were met lately.
_TAILED: Recent[str, tuple[tuple[str, int, int], ...]] = Recent(256)
_BARED: Recent[str, tuple[tuple[str, int, int], ...]] = Recent(256)
# A comparison between the sides of which the letters say nothing.
_SIDES = r"((?:&|H)+)[!(a]*(1|s|v)(?:a+[1v]){0,8}\)*[Oo]+\(*(1|S|s|v)(?:a+[1v]){0,8}\)*"
_SIDES_BARE, _SIDES_QUOTED = re.compile(rf"[^;]{{0,12}}?{_SIDES}"), re.compile(rf"\)*{_SIDES}")
# Letters of a comment that only cuts off what follows in the statement.
_SHORT_COMMENT = 14
_SAYING = re.compile(r"[a-z0-9]")
# Readings without a word of the language: passwords of random signs have them too, so all around must be in order.
_WORDLESS = frozenset({"comment-end", "cut-boolean", "comparison", "arithmetic"})
_NAMELIKE = re.compile(r"[\w.@+% ()-]*+$")


class Read(NamedTuple):
    """`view` read from `at` on, and whether as what follows a quote."""

    view: str
    tokens: Tokens
    at: int
    quoted: bool


class Found(NamedTuple):
    """A reading that matched: where it starts in the view, and how many tokens it has."""

    rule: str
    score: int
    start: int
    length: int


def judge(read: Read, before: str) -> Hit | None:
    """The best reading; `before` is what stands in front of the quote."""
    letters = read.tokens.letters
    if not letters:
        return None
    best: Found | None = None
    for name, score, length in _matching(letters, read.quoted):
        if (best is None or score > best.score) and _holds(name, read, before):
            best = Found(name, score, read.at - read.quoted, length)
    if best is None or best.score < 6:
        equal = _tautology(read)
        if equal is not None and (best is None or equal.score > best.score):
            best = equal
    return hit(best.rule, best.score, read.view, best.start, _end(read, best.length)) if best is not None else None


def _matching(letters: str, quoted: bool) -> tuple[tuple[str, int, int], ...]:
    """The readings that match, each with its score and length; texts of one kind read alike."""
    known = _TAILED if quoted else _BARED
    found = known.get(letters)
    if found is None:
        tried = ((name, score, pattern.match(letters)) for name, pattern, score in (TAILS if quoted else BARE))
        found = tuple((name, score, match.end()) for name, score, match in tried if match is not None)
        known.put(letters, found)
    return found


def _end(read: Read, count: int) -> int:
    at = max(count, 1) - 1
    return read.tokens.starts[at] + len(read.tokens.texts[at])


def _holds(name: str, read: Read, before: str) -> bool:
    if name not in _WORDLESS:
        return True
    letters, comment = read.tokens.letters, read.tokens.texts[-1]
    bare = letters[-1] != "c" or (len(comment) < _SHORT_COMMENT and _SAYING.search(comment) is None)
    ended = letters[-1] == "c" or name == "comparison"
    return bare and ended and len(before) < 80 and _NAMELIKE.match(before) is not None


def _tautology(read: Read) -> Found | None:
    """Sums are prose too ("2 and 3 = 5"): it takes equal sides, a comment that cuts the rest off, or no space."""
    found = (_SIDES_QUOTED if read.quoted else _SIDES_BARE).match(read.tokens.letters)
    if found is None:
        return None
    texts, starts = read.tokens.texts, read.tokens.starts
    left, right = found.start(2), found.start(3)
    same = texts[left].strip("'\"") == texts[right].strip("'\"")
    cut = "c" in read.tokens.letters[found.end() : found.end() + 1]
    ended = found.end() == len(texts) or read.tokens.letters[found.end()] in "&H);,BUk"
    compact = starts[right] - starts[left] == sum(map(len, texts[left:right]))
    numbers = found[2] != "v" and found[3] != "v"
    named = read.tokens.letters[0] not in "(a1&H)!"
    score = 6 if same and (cut or ended) else 6 if cut and numbers else 5 if compact and numbers and ended else 3
    if named and not (same and (cut or compact)):
        score = min(score, 4 if cut and numbers else 3)
    return Found("tautology", score, starts[found.start(1)], found.end())
