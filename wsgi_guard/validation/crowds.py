"""Many texts of a body that no schema describes: each is looked at once, and asked for its place if it tells. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, compress, repeat
from operator import itemgetter, not_
from typing import Any

from .fields import Fields
from .leaves import CLOSING, OPENING, Leaf, Trail, closes, inside, is_calm, of_document, of_fields
from .shapes import ANY
from .threats.screen import PLAIN, is_plain, wordy

# From so many characters of a document and so many fields on texts are a crowd.
_LONG, _FIELDS = 1_024, 64
_BETWEEN, _GAP = "\x01", b"\x01"
_STRING, _TELLING = frozenset({str}), frozenset({str, dict, list})
# What is left out of many texts at once, so that signs are left of those that are not plain: the characters of plain
# ones; and those that may be plain where they stand.
_PLAIN = bytes(code for code in range(128) if PLAIN.fullmatch(chr(code)))
_PERHAPS = bytes((ord("'"), *range(128, 256)))

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
        if self.texts and _may_open(self.texts):
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
    sent = _BETWEEN.join(("", *each, "")).encode("utf-8", "surrogatepass")
    left = sent.translate(None, _PLAIN)
    if left.count(_GAP) != len(each) + 1:
        # Somebody sends what stands between them.
        return [text for text in each if not is_plain(text)]
    unsure = b"'" in sent or not sent.isascii()
    if not unsure and _GAP * 2 not in left:
        return each
    odd: list[Any] = left.split(_GAP)[1:-1]
    if unsure:
        sure = left.translate(None, _PERHAPS).split(_GAP)[1:-1]
        odd = [one and (two or not is_plain(text)) for text, one, two in zip(each, odd, sure, strict=True)]
    others = list(compress(each, map(not_, odd)))
    if others and wordy(_BETWEEN.join(others)):
        odd = [one or not is_plain(text) for text, one in zip(each, odd, strict=True)]
    return list(compress(each, odd))


def _may_open(texts: list[str]) -> bool:
    """Whether there may be one of them that begins and ends as a JSON document does."""
    joined = _BETWEEN.join(("", *texts, ""))
    # One character is found ten times as fast as two. Behind the end of a document only these may stand.
    return (
        any(sign in joined and _BETWEEN + sign in joined for sign in OPENING)
        and any(sign in joined and sign + _BETWEEN in joined for sign in (*CLOSING, *" \t\r\n"))
        and any(map(closes, texts))
    )


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
