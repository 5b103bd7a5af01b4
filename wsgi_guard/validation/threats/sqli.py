"""SQL injection: a value that ends the literal it stands in and goes on in grammar.

Judged by tokens, as if the value stood in a statement bare or inside quotes. Words alone are no evidence:
"select ... from" in prose, `--`, `;` and O'Brien pass.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import or_

from .budget import Budget
from .evidence import Hit, better, hit
from .normalise import for_sql
from .rules import WORDS
from .sqlgrammar import Read, judge
from .sqlsigns import RULES
from .sqltokens import WINDOW, tokens
from .words import holds

# Without one of these a text has neither a breakout nor a statement: a quote, a number or sign at its start, or a word
# of the language.
_QUOTES = ("'", '"', "\xb4", "\u2018", "\u2019")
_START = re.compile(r"[\s(+~!;){-]{0,9}(?:\d|or\b|and\b|xor\b|like\b|in\b|\|\||&&|/\*)")
_WORDS = (
    "select", "union", "sleep", "benchmark", "waitfor", "having", "insert", "delete", "update", "alter", "create",
    "truncate", "order", "group", "declare", "exec", "procedure", "dbms", "drop", "shutdown", "schema", "database",
    "char", "chr", "cast", "case", "call", "rand", "or ", "and ", "||", "(", "_", "@@", ".e", "::", "/*",
)  # fmt: skip
_BITS, _SIGNS = reduce(or_, map(WORDS.add, _WORDS)), WORDS.signs(_WORDS)
# Grammar made of words alone is prose, but for what these begin.
_SIGN = re.compile(r"[^\w .,@:-]")
_WORDS_ALONE = ("union", "--", "_schema", "xp_", "pg_", "sqlite_", "@@", "order by", "group by", "waitfor", "0x2")
# An apostrophe as people write it: letters go on, and no word of the language.
_PROSE = re.compile(r"(?:s|t|d|m|re|ve|ll|n|em)?[ .,!?]{1,2}(?!(?:or|and|xor|union|like|in|is|not|order|group|having"
    r"|limit|rlike|between|into|where|as|procedure|waitfor|div|mod|collate|glob|regexp|sounds|escape"
    r"|similar)\b)[a-z]{1,20}[ .,!?]")
# After a quote that is not the first of a value only this is looked at: enough of a breakout to be one in prose.
_AGAIN = re.compile(
    r"['\"][\s)]{0,5}(?:(?:or|and|xor|&&|\|\|)[\s(!+-]{0,5}['\"\d(]|union\b"
    r"|;\s?(?:drop|insert|update|delete|exec|select|waitfor)\b)"
)
_CURLY = {0xB4: "'", 0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}
# A comment inside a word, for where a filter takes comments out.
_PARTING = re.compile(r"(?<=[a-z])/\*[^*]{0,80}\*/(?=[a-z])")
# Behind a number, a comment where a space would do.
_SPACED_OUT = re.compile(
    r"['\")\s]{0,4}\d{1,12}['\")\s]{0,4}(?:/\*[^*]{0,60}\*/\s?(?:or|and|xor|union|having)\b\s?(?:/\*|['\"\d(!]|true|false|not\b|exists|select)"
    r"|(?:or|and|xor|union)\s?/\*[^*]{0,60}\*/)"
)
# Breakouts that go on the same for so long are one.
_ALIKE = 100
# What a reading costs: 60 tokens and the readings of them.
_READING = 25_000


def find(text: str, budget: Budget) -> Hit | None:
    """The strongest evidence in decoded, lower-case `text`; None when there is none."""
    quoted = holds(text, _QUOTES)
    if not quoted and _SIGN.search(text) is None and not holds(text, _WORDS_ALONE):
        return None
    if not quoted and _START.match(text) is None and not _worded(text, budget):
        return None
    view = for_sql(text).strip()
    if "/*" in text and (found := _SPACED_OUT.match(text)) is not None:
        return hit("comment-space", 6, text, found.start(), found.end())
    best = better(RULES.strongest(view, budget), _bare(view, budget))
    if best is None and "/*" in text and (parted := for_sql(_PARTING.sub("", text)).strip()) != view:
        best = better(RULES.strongest(parted, budget), _bare(parted, budget))
    if not quoted or (best is not None and best.score > 5):
        return best
    return better(best, _broken_out(view, budget))


def _worded(text: str, budget: Budget) -> bool:
    return bool(_BITS & WORDS.within(text, budget) or _SIGNS.within(text))


def _broken_out(view: str, budget: Budget) -> Hit | None:
    """Readings as if `view` stood inside quotes."""
    best: Hit | None = None
    for quote in ("'", '"'):
        best = better(best, _quoted(view, quote, budget))
        if quote * 2 in view:
            # Doubled, as spreadsheets and careless exports do.
            single = _single(view)
            best = better(better(best, _quoted(single, quote, budget)), _again(single, budget))
    if not view.isascii() and (plain := view.translate(_CURLY)) != view:
        # Typographic quotes, which some databases' character sets turn into plain ones.
        best = better(best, _quoted(plain, "'", budget))
    return better(best, _again(view, budget))


def _single(view: str) -> str:
    """`view` with one quote for each run of them."""
    for quote in ("'", '"'):
        while quote * 2 in view:
            view = view.replace(quote * 2, quote)
    return view


def _bare(view: str, budget: Budget) -> Hit | None:
    if _START.match(view) is None and not holds(view[:WINDOW], _WORDS):
        return None
    budget.spend(_READING)
    return judge(Read(view, tokens(view), 0, quoted=False), "")


def _quoted(view: str, quote: str, budget: Budget) -> Hit | None:
    """A reading of the value inside quotes of this kind, which its first one must end."""
    at = _first(view, quote)
    if at < 0 or _PROSE.match(view, at + 1):
        return None
    return _read(view, at + 1, budget)


def _read(view: str, at: int, budget: Budget) -> Hit | None:
    """A reading of what follows the quote in front of `at`."""
    budget.spend(_READING + at // 3)
    return judge(Read(view, tokens(view, at), at, quoted=True), view[max(0, at - 101) : at - 1])


def _first(view: str, quote: str) -> int:
    """Where the first quote stands that is not doubled, which inside a literal is one quote and no end."""
    at = view.find(quote)
    if at > 0 and view.startswith(quote * 2, at) and view[at + 2 : at + 3] not in ("", " ", ")", ";", "-", "#", "/"):
        return view.find(quote, at + 2)
    return at


def _again(view: str, budget: Budget) -> Hit | None:
    """Breakouts further in, where a value holds more than the one that is attacked."""
    best: Hit | None = None
    seen: set[str] = set()
    for found in _AGAIN.finditer(view):
        behind = view[found.start() + 1 : found.start() + _ALIKE]
        if behind in seen:
            continue
        seen.add(behind)
        further = _read(view, found.start() + 1, budget)
        if further is not None:
            best = better(best, further._replace(score=further.score - 1))
            if best is not None and best.score > 5:
                break
    return best
