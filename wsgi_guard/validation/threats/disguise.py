"""How commands are hidden from those who look for their names, where the hiding itself is the evidence. Pure.

Text is as it came, decoded and lower case: a shell's own reading of it is without these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from .budget import Budget
from .commands import SURE, WORDS
from .evidence import Hit, better, hit
from .rules import Rules, rule

_FOLDER = r"/(?:etc|s?bin|proc|root)/"
_FOLDERS = frozenset({"bin", "dev", "etc", "home", "opt", "proc", "root", "sbin", "tmp", "usr", "var"})
_BRACKETED = re.compile(r"/(\w{0,5})\[[!^]?(\w)\w{0,12}\](\w{0,5})/\w")
RULES = Rules(
    rule("field-separator", 6, 60, ("ifs",), r"\$(?<=[\w'\"/;|&`]\$)\{?ifs\b\S{0,20}[\w\"'/$.-]"),
    # one letter of a variable: ${path:0:1}
    rule("slice", 6, 60, ("${",), r"\$\{[a-z_]\w{0,20}:-?\d{1,3}:\d{1,3}\}"),
    rule(
        "globbed", 5, 90, ("/etc/", "bin/", "/proc/", "/root/"),
        rf"{_FOLDER}[\w./-]{{0,40}}\[[!^]?\w{{1,12}}\][\w?*]{{1,20}}",
        rf"^{_FOLDER}\w{{1,12}}[?*]{{1,4}}\w{{1,12}} ?$|^{_FOLDER}[?*]{{1,4}}\w{{2,12}} ?$",
    ),
    rule("history", 5, 40, ("!-",), r"^!-\d{1,3}!-\d"),
)  # fmt: skip
# A brace inside of a word, which makes a word of each of its parts; and a word with signs inside that a shell drops.
_BRACES = r"([a-z/]{0,12})\{([\w/-]{0,12}),[^{}\s]{0,40}\}([a-z]{0,12})(?![\w.])"
_BRACED = re.compile("^" + _BRACES), re.compile("[;|&`(] ?" + _BRACES)
_SIGNS = re.compile(r"[a-z/]++[\\'\"`^$@*!(){}\d]++[a-z][\w\\'\"`^$@*!(){}]*[a-z](?= |$)")
_PART, _ARGUMENT = re.compile(r"[^a-z/\\]++"), re.compile(r" -{0,2}[a-z]?/|[ ]-{1,2}[a-z]")
_COMMANDS = SURE | WORDS
_SHORTEST = 3


def _braced(text: str) -> Iterator[re.Match[str]]:
    return chain.from_iterable(pattern.finditer(text) for pattern in _BRACED)


def find(text: str, view: str, budget: Budget) -> Hit | None:
    """The strongest evidence in `text`, of which `view` is a shell's reading."""
    best = RULES.strongest(text, budget)
    for found in _braced(text) if "{" in text and "," in text else ():
        name = found[1] + found[2] + found[3]
        if (found[1] or found[3]) and name in _COMMANDS:
            best = better(best, hit("brace-expansion", 5, text, found.start(), found.end()))
    for found in _BRACKETED.finditer(text) if "[" in text else ():
        if found[1] + found[2] + found[3] in _FOLDERS:
            best = better(best, hit("globbed", 5, text, found.start(), found.end()))
    first = _SIGNS.match(text)
    if first is not None and first[0] != view[: first.end()]:
        name = view.partition(" ")[0].rpartition("/")[2]
        told = first[0].count("\\") + len(_PART.findall(first[0])) > 1 or _ARGUMENT.match(text, first.end())
        if told and len(name) >= _SHORTEST and name in _COMMANDS:
            best = better(best, hit("parted-word", 5, text, 0, first.end()))
    return best
