"""Where attacks would show in a text that is too long to try all rules on: what stands at the core of them. Pure.

Each kind is found by words that tell by themselves or by patterns that begin with a literal, and is rare in honest
text. Text is decoded and lower case, its white space as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .budget import Budget
from .commands import SURE
from .commands import WORDS as EVERYDAY
from .rules import WORDS, Look, look, rule
from .words import Signs

# What stands between two words of SQL.
_GAP = r"(?:\s|/\*[^*]{0,40}\*/|[+(]){1,4}"
_STATEMENTS = r"(?:drop|truncate|alter|create|insert|update|delete|exec|select|shutdown|grant|declare|waitfor|copy)"
# Two sides that are the same.
_EQUAL = r"[\s(!+~-]{1,6}+(['\"]?)(\w{1,20})\1\s?(?:=|<=>|r?like)\s?(['\"]?)\2\3(?!\w)"
# References to signs and letters of which scripts are made, and to what browsers leave out of them.
_REFERENCES = r"#x?0{0,6}(?:2[28]|3[ac]|6[0-9]|7[0-9]|4[01]|9|a|d|1[01][0-9])|lpar|colon|tab|newline"
_HEADERS = r"[ \t]?(?:set-cookie|content-[a-z]|location\s?:|http/\d|x-[\w-]{2,30}\s?:)"


def kind(name: str, words: tuple[str, ...], *patterns: str) -> Look:
    """A kind of spots: texts that hold one hold one of `words`."""
    return look(rule(name, 0, 0, words, *patterns))


# Words that tell by themselves, by kind.
_WORDS = {
    "database": (
        "waitfor", "sleep(", "sleep (", "benchmark(", "receive_message", "randomblob", "xp_", "sp_oa", "extractvalue",
        "updatexml", "utl_", "dbms_", "ctxsys", "openrowset", "opendatasource", "load_file", "httpuritype", "xmltype",
        "sys_eval", "sys_exec", "procedure analyse", "lo_import", "declare @", "outfile", "dumpfile", "infile",
        "group_concat", "concat(0x", "concat_ws", "exec master",
    ),
    "catalogue": (
        "information_schema", "sysobjects", "syscolumns", "sysusers", "sysdatabases", "pg_", "sqlite_", "mysql.user",
        "mysql.db", "rdb$", "msysaccess", "user_tab", "all_tab", "master.", "from sys.", "sysibm.", "syscat.",
    ),
    "attribute": (
        "srcdoc", "formaction", "datasrc", "http-equiv", "expression(", "-moz-binding", "behavior:", "behaviour:",
        "@import", "url(java", "fromcharcode", "xmlhttprequest", "onerror",
    ),
    "member": (
        "window[", "self[", "top[", "parent[", "frames[", "document[", "document.cookie", "document.domain",
        "document.write", "document.location",
    ),
    "shell": (
        "${ifs", "$ifs", "bin/", "dev/tcp", "cmd /", "cmd.exe", "powershell", "passthru", "proc_open", "subprocess",
        "getruntime", "__import__", "shell_exec",
    ),
    "place": (
        "etc/", "etc\\", "proc/self", "proc/1", "win.ini", "boot.ini", "system32", "php:/", "file:/", "expect:",
        "phar:", "zip:/", "0x2e", "ssh/", "git/", "web-inf", "wp-config", "var/log",
    ),
}  # fmt: skip
# Signs that tell by themselves.
_SIGNS = {"shell": ("/???", "() {", "(){"), "catalogue": ("@@",), "climb": ("\x00",), "parted": ("/**/", "/*!")}
_LOOKS = (
    kind("union", ("union",), rf"union(?<=\bunion)(?:{_GAP}(?:all|distinct|select)\b|[^\w\s])"),
    kind(
        "quote", ("'", '"'),
        rf"(?:'|\")(?=[\s)/oaxhl&|#;-])[\s)]{{0,5}}+(?:/\*[^*]{{0,40}}\*/)?\s?(?:(?:or|and|xor|&&|\|\|)"
        rf"(?:{_GAP}|[!~-]){{0,3}}['\"\d(]"
        rf"|having\b|order by|like\b|(?:--|#)(?:[\s\x01]|$)|;\s?(?:{_STATEMENTS}\b|--|#))",
    ),
    kind("quote", ("\u2018", "\u2019"), r"[\u2018\u2019]\s?(?:or|and)\b"),
    kind("equal", ("or",), rf"\bor{_EQUAL}"),
    kind("equal", ("and",), rf"\band{_EQUAL}"),
    kind("equal", ("having",), rf"\bhaving{_EQUAL}"),
    kind("equal", ("||",), rf"\|\|{_EQUAL}"),
    kind("equal", ("&&",), rf"&&{_EQUAL}"),
    kind("statement", (";",), rf";(?=[\sdtaciuesgw])\s{{0,3}}+{_STATEMENTS}\b"),
    kind("subquery", ("select",), r"\(\s?select\b", r"select\s?[\d(@*'\"]"),
    kind("encoded", ("char", "chr"), r"cha?r\s?\(\s?\d"),
    kind("encoded", ("0x",), r"0x[0-9a-f]{6}"),
    kind("case", ("case",), r"case\s?\(?when\s?\(?['\"]?\d"),
    kind("case", ("if",), r"if\s?\(\s?['\"]?\d+['\"]?\s?[=<>]"),
    kind("dialect", ("exec",), r"exec(?:ute)?\s?(?:\(\s?['\"@]|immediate)"),
    kind("dialect", ("json",), r"::\s?json"),
    kind("dialect", (".e",), r"\.e(?<=\d\.e)[\s.(]"),
    kind("dialect", ("rand",), r"floor\s?\(\s?rand"),
    kind("script", ("script", "scri\x00pt"), r"<[ /\x00]{0,4}(?:[a-z]{1,12}:\s?)?scri\x00?pt"),
    kind("scheme", ("script",), r"script[\s\x00]{0,3}:", r"ja?[\t\n\r]a?v"),
    kind("event", ("=",), r"on(?<=[\s/\"'`;>]on)[a-z]{3,50}\s?=(?!=)"),
    kind("data", ("data",), r"data:(?:text/(?:html|xml|j|v|x-)|application/x|,|image/svg)"),
    kind(
        "tag", ("<",),
        r"<(?=[\sa-z?!])\s?+(?:i?frame|portal|fencedframe|object|embed|applet|base\b|isindex|i?layer|meta\b|animate"
        r"|set\b|handler|foreignobject|listener|link\b|template|eval|xml|\?|!e|!a|!doctype [a-z]+ ?\[|!--#"
        r"|[a-z]{1,9}:)",
    ),
    kind("tag", ("< ", "<f", "<s", "<i", "<o", "<e"), r"<(?=[\sa-z])\s?+[a-z] [a-z] [a-z]\b"),
    kind("style", ("style",), r"style\s?=\s?[\"'][^\"<>{}]{0,100}[}\[]", r"style\s?=\s?[a-z]{1,9}:url"),
    kind("style", ("svg",), r"url\(\s?[\"']?[\w.-]{1,40}\.svg"),
    kind("shown", ("alert", "confirm", "prompt"), r"(?:alert|confirm|prompt)\s?(?:[(`.)\]&\\,?=]|/\*)"),
    kind("call", ("eval",), r"eval\s?[(`]"),
    kind("call", ("atob",), r"atob\s?[(`]"),
    kind("call", ("settimeout", "setinterval"), r"set(?:timeout|interval)\s?[(`]\s?[\"'`ad\\/]"),
    kind("call", ("import",), r"import\s?[(`]\s?[\"'`ad\\/]"),
    kind("call", ("function",), r"function\s?\(\s?['\"`]"),
    kind("call", ("constructor",), r"constructor\s?[\[(.\"'`]"),
    kind("signs", ("[]",), r"\[\]\+\[\]|\(!\[\]|!!\[\]|\[\+!|\[\+\[\]"),
    kind("template", ("${",), r"\$\{\s?(?:ifs|[a-z]{1,12}[:#%]|alert|eval|7)"),
    kind("template", ("{{",), r"\{\{\s?['\"\d(]"),
    kind("reference", ("&",), rf"&(?:{_REFERENCES});?"),
    kind("escape", ("\\",), r"\\(?:x[267]|u\{?0{0,4}[267][0-9a-f])"),
    kind("substitution", ("$(",), r"\$\(\s?(?:[a-z/]{2,20}\s?[)`/|;]|(?:cat|ls|id|curl|wget|sleep|ping|nc)\b)"),
    kind("substitution", ("`",), r"`\s?(?:cat|ls|id|curl|wget|sleep|ping|nc|whoami|uname)\b"),
    kind("substitution", ("$[",), r"\$\[\s?\d"),
    kind(
        "substitution", ("{",),
        r"\{(?=[,a-z]),?+(?:cat|ls|ll|echo|curl|wget|id|nc|ping|bash|sh|ip|uname|rm|perl|php),",
    ),
    kind("climb", ("..",), r"\.\.[/\\;%][/\\]{0,2}(?:\.\.|[/\\]|2f|5c|c0)"),
    kind("header", ("\n",), rf"\n{_HEADERS}"),
    kind("header", ("\r",), rf"\r{_HEADERS}"),
    kind("filter", ("*)",), r"\*\)"),
    kind("filter", (")(",), r"\)\(\s?(?:[|&!]|[a-z]{1,30}[~<>:]?=|\*)"),
    kind("filter", ("(|", "(&"), r"\(\s?[|&]\s?\("),
    kind("filter", ("objectclass",), r"objectclass\s?="),
)  # fmt: skip


class Kinds(NamedTuple):
    """Words that tell by themselves, each with its kind and bit, patterns, and the signs among the words of all."""

    words: tuple[tuple[str, str, int], ...]
    looks: tuple[Look, ...]
    signs: Signs


def kinds(words: dict[str, tuple[str, ...]], looks: tuple[Look, ...]) -> Kinds:
    told = tuple((name, word, WORDS.add(word)) for name, each in words.items() for word in each)
    signs = WORDS.signs((*(word for _, word, _ in told), *(word for one in looks for word in one.rule.words)))
    return Kinds(told, looks, signs)


_KINDS = kinds({name: (*_WORDS.get(name, ()), *_SIGNS.get(name, ())) for name in _WORDS | _SIGNS}, _LOOKS)
_BEGIN = re.compile(r"[;|&]\s?[\"'\\]?([a-z][\w.+-]{1,20})(?=[\s;|&`<>)$/\"'}\x01]|$)")
_COMMANDS = SURE | EVERYDAY
# The letters with which each begins.
_HEADS = frozenset(re.split(r"[^a-z]", name)[0].encode() for name in _COMMANDS)
# What follows a command that is meant for a shell.
_SHELLISH = re.compile(
    r"[\"']?(?:\s?(?:[|;&`)<>]|$)|\s+(?:-{1,2}[a-z\d]|/\w|~|\.{1,2}/|https?:|[\"'$`*]|\d{1,3}\.\d|\d+(?:\s|$|[;|&`)])))"
)
# What a character costs, about.
PRICE = 25
# So many places are told for one pattern, no more; of many texts only some can be looked at anyway.
_MOST, _FEW = 500, 128
# Of places closer together than this one is enough.
_STEP = 24


class Places:
    """Where each kind shows in a text, those that were looked for besides, and whether that is everywhere."""

    __slots__ = ("all", "further", "kinds")

    def __init__(self) -> None:
        self.kinds: dict[str, list[int]] = {}
        self.further: dict[str, list[int]] = {}
        self.all = True

    def add(self, kinds: dict[str, list[int]], name: str, places: Iterator[int], step: int) -> None:
        """Takes the first of many; of those closer together than a step one is enough."""
        found, last = kinds.setdefault(name, []), -step
        for count, at in enumerate(places):
            if count >= (_MOST if step > 1 else _FEW):
                self.all = False
                return
            if at >= last + step:
                found.append(at)
                last = at


def spots(text: str, budget: Budget, further: Kinds | None = None) -> Places:
    """Where each kind shows in `text`, which is of many texts if `further` kinds are looked for: then no place stands
    for another. The budget for finding out where to look may be overdrawn."""
    budget.sieve -= len(text) * PRICE
    runs = WORDS.runs(text)
    present = WORDS.found(runs)
    found, step = Places(), _STEP if further is None else 1
    found.add(found.kinds, "end", (at for at in (text.find("'"), text.find('"')) if at >= 0), step)
    _look_for(_KINDS, text, present, step, found, found.kinds)
    if further is not None:
        _look_for(further, text, present, step, found, found.further)
    if not _HEADS.isdisjoint(runs):
        found.add(found.kinds, "started", _starts(_started(text, further is not None)), step)
    return found


def _look_for(
    kinds: Kinds, text: str, present: int, step: int, found: Places, into: dict[str, list[int]]
) -> None:  # fmt: skip
    present |= kinds.signs.within(text)
    for name, word, bit in kinds.words:
        if bit & present:
            found.add(into, name, _finds(text, word, step), step)
    for one in kinds.looks:
        if one.bits & present:
            for pattern in one.rule.patterns:
                found.add(into, one.rule.name, _starts(pattern.finditer(text)), step)


def _finds(text: str, word: str, step: int) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + step)


def _starts(matches: Iterator[re.Match[str]]) -> Iterator[int]:
    return (match.start() for match in matches)


def _started(text: str, anyhow: bool) -> Iterator[re.Match[str]]:
    """Commands behind separators, as far as what follows is meant for a shell, or anyhow."""
    names = _BEGIN.findall(text)
    if not _COMMANDS.isdisjoint(names):
        for match in _BEGIN.finditer(text):
            if match[1] in _COMMANDS and (anyhow or _SHELLISH.match(text, match.end())):
                yield match
