"""The texts of a request's parts that need a look, each with its place and what its schema says of it. Pure.

Pointers are built only for what is found: nearly every text is plain, and plain text costs one expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import itemgetter
from typing import Any, NamedTuple

from .parse import JsonReader, Malformed
from .shapes import ANY, Shape
from .threats.normalise import undo_references
from .threats.prose import without_apostrophes
from .threats.screen import PLAIN, is_plain, wordy

# Where text stands in XML: the value of an attribute, in either kind of quotes, or between two tags.
_XML_TEXT = re.compile(r"=\s?\"([^\"<]*+)\"|=\s?'([^'<]*+)'|>([^<]++)")
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
# A JSON document all of whose strings are plain; outside of them stands nothing but structure.
_PLAIN_DOCUMENT = re.compile(r'(?:[^"\\]*+"[\w .,@:-]*+")*+[^"\\]*+', re.A)
_OPENING = ("{", "[", '"')
_CLOSING = {"{": "}", "[": "]", '"': '"'}
# A document inside a string is opened if it is no larger than this, once.
_INNER = JsonReader(64, 10_000)
# (trail above, step), () at the root
Trail = tuple[Any, ...]


class Leaf(NamedTuple):
    """A text and where it stands."""

    trail: Trail
    text: str
    shape: Shape

    @property
    def pointer(self) -> str:
        steps: list[str] = []
        trail = self.trail
        while trail:
            trail, step = trail
            steps.append("/" + str(step).replace("~", "~0").replace("/", "~1"))
        return "".join(reversed(steps))


TEXT, SHAPE = itemgetter(1), itemgetter(2)
# Between texts that are looked at together.
BETWEEN = "\x01"


def of_document(text: str, value: Any, shape: Shape) -> list[Leaf]:
    """As `of_json` of the `value` that the JSON document `text` holds; most documents hold nothing but plain texts, and
    show it at one look."""
    plain = without_apostrophes(text) if "'" in text else text
    calm = "\\" not in text and not wordy(plain or text)
    if calm and plain is not None and _PLAIN_DOCUMENT.fullmatch(plain) is not None:
        return []
    return of_json(value, shape, calm=calm)


def is_calm(text: str) -> bool:
    """Whether the JSON document `text` shows at one look that it holds nothing but plain texts."""
    plain = without_apostrophes(text) if "'" in text else text
    if plain is None or "\\" in text or _PLAIN_DOCUMENT.fullmatch(plain) is None:
        return False
    return not wordy(plain)


def of_json(value: Any, shape: Shape, *, calm: bool = False) -> list[Leaf]:
    """Texts of a JSON value that are not plain, names of members that no schema knows included; no recursion.

    `calm`: none of them holds a word that attacks are made of.
    """
    found: list[Leaf] = []
    fits = PLAIN.fullmatch
    rest: list[tuple[Trail, Any, Shape]] = [((), value, shape)]
    # Documents repeat their texts.
    plain = _Plain()
    while rest:
        trail, item, known = rest.pop()
        if isinstance(item, dict):
            properties = known.properties
            for name, below in item.items():
                part = properties.get(name)
                if part is None:
                    part = known.of(name)
                    if not plain[name]:
                        found.append(Leaf(trail, name, known))
                if type(below) is str:
                    if not (part.silent or (calm and fits(below)) or plain[below]):
                        found.append(Leaf((trail, name), below, part))
                elif type(below) is dict or type(below) is list:
                    rest.append(((trail, name), below, part))
        elif isinstance(item, list):
            others, several = known.items or ANY, known.prefix
            for index, below in enumerate(item):
                if type(below) is not str:
                    if type(below) is dict or type(below) is list:
                        rest.append(((trail, index), below, known.at(index)))
                elif not ((calm and fits(below)) or plain[below]):
                    part = known.at(index) if several else others
                    if not part.silent:
                        found.append(Leaf((trail, index), below, part))
        elif isinstance(item, str) and not known.silent and not plain[item]:
            found.append(Leaf(trail, item, known))
    return opened(found)


class _Plain(dict[str, bool]):
    """Whether texts are plain, each asked once."""

    def __missing__(self, text: str) -> bool:
        found = self[text] = is_plain(text)
        return found


def opened(leaves: list[Leaf]) -> list[Leaf]:
    """`leaves` with each that is a JSON document replaced by the texts inside of it."""
    if not may_open(set(map(TEXT, leaves))):
        return leaves
    found: list[Leaf] = []
    # Texts in which there is nothing to open, or nothing inside.
    none: set[str] = set()
    empty: set[str] = set()
    for leaf in leaves:
        text = leaf.text
        if text in empty:
            continue
        below = inside(leaf) if text not in none else None
        if below is None:
            none.add(text)
            found.append(leaf)
        elif below:
            found.extend(below)
        else:
            empty.add(text)
    return found


def may_open(texts: Iterable[str]) -> bool:
    """Whether one of these texts may begin as a JSON document does."""
    joined = BETWEEN.join(("", *texts))
    # One character is found ten times as fast as two.
    return any(sign in joined and BETWEEN + sign in joined for sign in _OPENING)


def closes(text: str) -> bool:
    """Whether a text begins and ends as a JSON document does."""
    end = _CLOSING.get(text[:1])
    return end is not None and (text[-1] == end or text.rstrip()[-1] == end)


def inside(leaf: Leaf) -> list[Leaf] | None:
    """The texts inside of one that is a JSON document, None where it is none."""
    if not closes(leaf.text):
        return None
    try:
        value = _INNER.read(leaf.text, duplicates=True)
    except Malformed:
        return None
    found: list[Leaf] = []
    rest: list[tuple[Trail, Any]] = [(leaf.trail, value)]
    while rest:
        trail, item = rest.pop()
        if isinstance(item, dict):
            found.extend(Leaf(trail, name, leaf.shape) for name in item if not is_plain(name))
            rest.extend(((trail, name), below) for name, below in item.items())
        elif isinstance(item, list):
            rest.extend(((trail, index), below) for index, below in enumerate(item))
        elif isinstance(item, str) and not is_plain(item):
            found.append(Leaf(trail, item, leaf.shape))
    return found


def of_fields(fields: Iterable[tuple[str, str]], shape: Shape) -> list[Leaf]:
    """Values of fields that are not plain, and names that no schema knows."""
    found: list[Leaf] = []
    plain = _Plain()
    parts: dict[str, Shape] = {}
    for name, value in fields:
        part = parts.get(name)
        if part is None:
            part = parts[name] = shape.of(name).texts()
            if name not in shape.properties and not plain[name]:
                # at the root: a name that is looked at for itself is the client's text and no place
                found.append(Leaf((), name, shape))
        if not part.silent and not plain[value]:
            found.append(Leaf(((), name), value, part))
    return opened(found)


def of_text(text: str) -> list[Leaf]:
    """A text as one, or each text inside of it if it is XML."""
    if not text.lstrip().startswith(("<?xml", "<soap", "<rss")):
        return [Leaf((), text, ANY)]
    found = [undo_references(one or two or three) for one, two, three in _XML_TEXT.findall(text)]
    start = text.find(_CDATA)
    while start >= 0:
        end = text.find(_CDATA_END, start)
        found.append(text[start + len(_CDATA) : end if end >= 0 else None])
        start = text.find(_CDATA, end) if end >= 0 else -1
    return [Leaf((), one, ANY) for one in found if not is_plain(one)]
