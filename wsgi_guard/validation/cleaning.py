"""HTML by an allow-list, and text without characters that deceive: one text in, one text out.

bleach does the HTML, or nh3 where the settings choose it; both drop what is not allowed and keep its text.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONGEST = 256 * 1024
"""Characters of HTML that are cleaned in one request, counted in each pass; bleach takes 5 µs for each of the worst."""

DEEPEST = 200
"""Elements that stand in each other; html5lib looks through all of them for each new one."""

PASSES = 6
"""What is left when tags go may be read as another tree, as the tables in `<li><table><td><li>`; so it is cleaned until
it stays as it is. All but crafted texts do after the second pass."""

# C0 and C1 but tab and line ends, DEL; embeddings, overrides and isolates of bidirectional text (Unicode TR 36, 2.10).
_DECEIVING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_REFERENCE = re.compile("&#(?:[xX]([0-9a-fA-F]{1,9})|([0-9]{1,9}));?")
# Without these a text is the same as HTML, whoever reads it.
_MARKUP = re.compile("[<>&]")

TAGS = ("a", "abbr", "b", "blockquote", "br", "code", "em", "i", "li", "ol", "p", "pre", "strong", "u", "ul")
ATTRIBUTES = (("a", ("href", "title")), ("abbr", ("title",)))
PROTOCOLS = ("http", "https", "mailto")


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What may stay of a text: `attributes` are names by tag, "*" for all tags. `form` is "NFC" or None.

    `strip`: tags that may not stay are left out, else they are shown as text.
    """

    tags: tuple[str, ...] = TAGS
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ATTRIBUTES
    protocols: tuple[str, ...] = PROTOCOLS
    strip: bool = True
    form: str | None = None


class TooComplex(ValueError):
    """Cleaning the text would take more time than its length explains."""


Html = Callable[[str, Cleaning], str]


class Scrub:
    """Cleans the texts of one request, of which it takes LONGEST characters of HTML. Called, it returns the clean text.

    Raises TooComplex.
    """

    __slots__ = ("_html", "_left")

    def __init__(self, html: Html) -> None:
        self._html = html
        self._left = LONGEST

    def __call__(self, text: str, cleaning: Cleaning) -> str:
        text = _honest(text, cleaning)
        if not _MARKUP.search(text):
            return text
        for _ in range(PASSES):
            self._left -= len(text)
            if self._left < 0:
                raise TooComplex
            cleaned = _honest(self._html(text, cleaning), cleaning)
            if cleaned == text:
                return cleaned
            text = cleaned
        raise TooComplex


def _honest(text: str, cleaning: Cleaning) -> str:
    """`text` without the characters that deceive, also where a reference stands for one."""
    if "&#" in text:
        text = _REFERENCE.sub(_shown, text)
    text = _DECEIVING.sub("", text)
    return unicodedata.normalize("NFC", text) if cleaning.form is not None and not text.isascii() else text


def _shown(found: re.Match[str]) -> str:
    code = int(found[1], 16) if found[1] else int(found[2])
    return "" if code == 0 or (code < 0x110000 and _DECEIVING.match(chr(code))) else found[0]


def engine(name: str) -> Html:
    """What cleans HTML, by the name of its package. Raises ImportError where that is not installed."""
    return _nh3() if name == "nh3" else Bleach()


def _nh3() -> Html:
    import nh3

    def clean(text: str, cleaning: Cleaning) -> str:
        return nh3.clean(
            text, tags=set(cleaning.tags),
            # without "*" it lets `lang` and `title` stand everywhere
            attributes={"*": set(), **{tag: set(names) for tag, names in cleaning.attributes}},
            url_schemes=set(cleaning.protocols), clean_content_tags=set(), link_rel=None,
        )  # fmt: skip

    return clean


class Bleach(threading.local):
    """Cleaners by what they let pass; they keep state while they work, so each thread has its own."""

    def __init__(self) -> None:
        # Imported here, by the first who makes one: it takes 58 ms.
        from bleach.sanitizer import Cleaner

        self._make = Cleaner
        self._made: dict[Cleaning, tuple[Any, _Allowance]] = {}

    def __call__(self, text: str, cleaning: Cleaning) -> str:
        made = self._made.get(cleaning)
        if made is None:
            cleaner = self._make(
                tags=frozenset(cleaning.tags), attributes=_admits(cleaning), protocols=frozenset(cleaning.protocols),
                strip=cleaning.strip,
            )  # fmt: skip
            made = self._made[cleaning] = cleaner, _Allowance(cleaner.parser.tree)
        cleaner, allowance = made
        allowance.left = 100 + len(text) // 2
        try:
            cleaned: str = cleaner.clean(text)
        except RecursionError:
            raise TooComplex from None
        return cleaned


def _admits(cleaning: Cleaning) -> Callable[[str, str, str], bool]:
    """Whether an attribute may stay; bleach 6.4 takes a ">" in a value for the end of the tag."""
    known = {tag: frozenset(names) for tag, names in cleaning.attributes}
    everywhere = known.get("*", frozenset[str]())

    def admits(tag: str, name: str, value: str) -> bool:
        return (name in everywhere or name in known.get(tag, ())) and "<" not in value and ">" not in value

    return admits


class _Allowance:
    """Counts the elements of one parse. Formatting that is never closed is made anew in each block that follows, so
    16 KB of it could become millions; a real text has fewer elements than half its characters."""

    def __init__(self, tree: Any) -> None:
        self.left = 0
        self._tree = tree
        self._element = tree.elementClass
        tree.elementClass = self._count

    def _count(self, *given: Any, **named: Any) -> Any:
        self.left -= 1
        if self.left < 0 or len(self._tree.openElements) > DEEPEST:
            raise TooComplex
        return self._element(*given, **named)
