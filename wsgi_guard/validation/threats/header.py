"""Header injection: a line break in a value, then a header or a response of its own (CRLF injection)."""

from __future__ import annotations

import re

from .budget import Budget
from .evidence import Hit, hit

_BREAK = r"(?:\r\n?|\n)[ \t]{0,4}"
# Headers that no letter and no list begins its lines with.
_SURE = (
    r"(?:set-cookie2?|content-(?:type|length|disposition|encoding|security-policy|transfer-encoding)|x-[\w-]{2,40}"
    r"|transfer-encoding"
    r"|access-control-[\w-]{3,40}|cache-control|last-modified|www-authenticate|proxy-[\w-]{3,20}|user-agent"
    r"|remote-addr|mime-version|x-forwarded-for)"
)
# Others need a value of their kind.
_FITTING = (
    r"(?:(?:location|refresh|link|referer|origin) ?: ?(?:\d{1,3} ?; ?url=|<?https?://|//?[\w.]"
    r"|\w[\w-]{0,40}\.\w)|host ?: ?[\w-]{1,60}\.[\w.:-]{2,60}|b?cc ?: ?\S{1,60}@\S|etag ?: ?\"|server ?: ?\w)"
)
_RULES = (
    ("response", re.compile(
        r"[\r\n] ?(?:http/\d(?:\.\d)? \d{3}|(?:get|post|head|put|delete|options) \S{1,200} http/\d)"
    ), 6),
    ("request-line", re.compile(r"^(?:get|post|head|put|delete) https?://\S{1,200} http/\d\.\d\b"), 5),
    ("header", re.compile(rf"{_BREAK}{_SURE}[\r ]{{0,4}}:(?! ?$)"), 6),
    ("header", re.compile(rf"^[^\s:]{{0,60}}{_BREAK}{_FITTING}"), 6),
    ("split", re.compile(r"\r\n ?\r\n ?<(?:html|script|body|!doctype|svg|img)\b"), 6),
)  # fmt: skip


def find(text: str, budget: Budget) -> Hit | None:
    """The strongest evidence in decoded, lower-case `text`; None when there is none."""
    if "\u560a" in text:
        # Characters whose last byte is a line break, which is what writers of Latin-1 keep of them.
        text = text.replace("\u560a", "\n").replace("\u560d", "\r")
    if "\n" not in text and "\r" not in text and "http/" not in text:
        return None
    for name, pattern, score in _RULES:
        found = pattern.search(text)
        if found is not None:
            return hit(name, score, text, found.start(), found.end())
    return None
