"""Many texts of a body that no schema describes: each is looked at once, and asked for its place if it tells. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, compress, repeat
from operator import itemgetter, not_
from typing import Any

from .fields import Fields
from .leaves import BETWEEN, Leaf, Trail, closes, inside, is_calm, may_open, of_document, of_fields
from .shapes import ANY
from .threats.screen import PLAIN, is_plain, wordy

# From so many characters of a document and so many fields on texts are a crowd.
_LONG, _FIELDS = 1_024, 64
_GAP = BETWEEN.encode()
_STRING, _TELLING = frozenset({str}), frozenset({str, dict, list})
# What a plain text may hold: its characters, an apostrophe where that stands between letters, and letters abroad.
_PLAIN = bytes((*(code for code in range(128) if PLAIN.fullmatch(chr(code))), ord("'"), *range(128, 256)))

Places = Callable[[], Iterator[tuple[str, Trail]]]


class Crowd:
    """The `texts` that need a look, each once."""

    __slots__ = ("_opened", "_places", "texts")

    def __init__(self, texts: dict[str, Any], places: Places) -> None:
        """`texts` has as its keys those in `places`, which names them in order as often as they stand there."""
        self._places = places
        self.texts = _telling(list(texts))
        # The texts inside of those that are documents, by these.
        self._opened: dict[str, list[Leaf]] = {}
        if may_open(self.texts) and any(map(closes, self.texts)):
            self._open()

    def leaves(self, wanted: Iterable[str]) -> list[Leaf]:
        """These of the texts in order, each where it stands first."""
        left = set(wanted)
        found: list[Leaf] = []
        if not left:
            return found
        for text, trail in self._all() if self._opened else self._places():
            if text in left:
                found.append(Leaf(trail, text, ANY))
                left.discard(text)
                if not left:
                    break
        return found

    def all(self) -> list[Leaf]:
        """Every place of every text."""
        known = frozenset(self.texts)
        return [Leaf(trail, text, ANY) for text, trail in self._all() if text in known]

    def everywhere(self, text: str) -> Iterator[Leaf]:
        """Every place of one of the texts."""
        return (Leaf(trail, text, ANY) for one, trail in self._all() if one == text)

    def _all(self) -> Iterator[tuple[str, Trail]]:
        for text, trail in self._places():
            below = self._opened.get(text)
            if below is None:
                yield text, trail
            else:
                yield from ((leaf.text, _under(trail, leaf.trail)) for leaf in below)

    def _open(self) -> None:
        found: dict[str, None] = {}
        for text in self.texts:
            below = inside(Leaf((), text, ANY))
            if below is None:
                found[text] = None
            else:
                self._opened[text] = below
                found.update(dict.fromkeys(leaf.text for leaf in below))
        self.texts = list(found)


def _telling(each: list[str]) -> list[str]:
    """Those that are not plain."""
    sent = BETWEEN.join(("", *each, "")).encode("utf-8", "surrogatepass")
    odd = sent.translate(None, _PLAIN).split(_GAP)[1:-1]
    if len(odd) != len(each):
        # Somebody sends what stands between them.
        return [text for text in each if not is_plain(text)]
    if all(odd):
        return each
    others = BETWEEN.join(compress(each, map(not_, odd)))
    words, letters = wordy(others), "'" in others or not others.isascii()
    if not words and not letters:
        return list(compress(each, odd))
    return [
        text
        for text, signs in zip(each, odd, strict=True)
        if signs or ((words or "'" in text or not text.isascii()) and not is_plain(text))
    ]


def _under(trail: Trail, below: Trail) -> Trail:
    steps: list[Any] = []
    while below:
        below, step = below
        steps.append(step)
    for step in reversed(steps):
        trail = (trail, step)
    return trail


def document_texts(text: str, value: Any) -> list[Leaf] | Crowd:
    """The texts of the JSON document `text`, whose value is `value`."""
    if len(text) < _LONG:
        return of_document(text, value, ANY)
    return [] if is_calm(text) else Crowd(_strings(value), lambda: _places(value))


def _strings(value: Any) -> dict[str, Any]:
    """All strings of a JSON value, names of members included, as the keys of a dict."""
    found: dict[str, Any] = {}
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            found.update(item)
            items: Iterable[Any] = item.values()
        elif isinstance(item, list):
            items = item
        else:
            items = (item,)
        kinds = set(map(type, items))
        if kinds == _STRING:
            found.update(zip(items, repeat(None)))
        elif not kinds.isdisjoint(_TELLING):
            for below in items:
                if type(below) is str:
                    found[below] = None
                elif type(below) is dict or type(below) is list:
                    rest.append(below)
    return found


def _places(value: Any) -> Iterator[tuple[str, Trail]]:
    """The strings in it, in the order in which `of_json` comes to them."""
    rest: list[tuple[Trail, Any]] = [((), value)]
    while rest:
        trail, item = rest.pop()
        named = isinstance(item, dict)
        if not isinstance(item, dict | list):
            if isinstance(item, str):
                yield item, trail
            continue
        members: Iterable[tuple[Any, Any]] = item.items() if isinstance(item, dict) else enumerate(item)
        for step, below in members:
            if named:
                yield step, trail
            if type(below) is str:
                yield below, (trail, step)
            elif type(below) is dict or type(below) is list:
                rest.append(((trail, step), below))


def field_texts(fields: Fields) -> list[Leaf] | Crowd:
    """Names and values of the fields of a form."""
    if len(fields) < _FIELDS:
        return of_fields(fields, ANY)
    names, values = map(itemgetter(0), fields), map(itemgetter(1), fields)
    return Crowd(dict.fromkeys(chain(names, values)), lambda: _of_fields(fields))


def _of_fields(fields: Fields) -> Iterator[tuple[str, Trail]]:
    for name, value in fields:
        yield name, ()
        yield value, ((), name)
