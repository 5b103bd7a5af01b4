"""Evidence for the record: the shape of what was found, with none of the client's own words. Pure.

A value that looks like an attack may still be somebody's password; so only signs stay, and words that rules know.
"""

from __future__ import annotations

import re

from .commands import SURE, WORDS
from .scripts import EVENT
from .sqltokens import KEYWORDS, STRONG

_WORD = re.compile(r"\w+")
_EVENT = re.compile(EVENT)
_OTHERS = frozenset({
    "script", "javascript", "vbscript", "data", "img", "svg", "iframe", "object", "embed", "body", "style", "link",
    "meta", "base", "form", "input", "src", "href", "alert", "confirm", "prompt", "document", "cookie", "window",
    "location", "constructor", "etc", "passwd", "shadow", "hosts", "proc", "var", "log", "bin", "usr", "dev", "tcp",
    "windows", "win", "ini", "system32", "boot", "git", "ssh", "env", "php", "filter", "expect", "file", "zip",
    "phar", "objectclass", "uid", "cn", "set", "content", "type", "length", "http", "https", "information_schema",
    "tables", "users", "delay",
})  # fmt: skip
# Characters shown at most; a rule's match is clear long before.
_LONGEST = 60


def shown(text: str) -> str:
    """`text` with every word that rules do not know as one asterisk."""
    return _WORD.sub(lambda found: found[0] if _known(found[0]) else "*", text)[:_LONGEST]


def _known(word: str) -> bool:
    if len(word) < 2 or word in _OTHERS or word in KEYWORDS or word in STRONG:
        return True
    return word in SURE or word in WORDS or _EVENT.fullmatch(word) is not None
