"""A body as it was sent, but for what its schema changed: clean texts and defaults are put into the source. Pure.

All else stays byte for byte: the order of members, white space, how numbers and other strings are written.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote_plus

from .fields import Fields
from .sanitize import Change

_TOKEN = re.compile(r'[{}\[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s{}\[\],:"]+', re.S)


class _Frame:
    """An object or array that is open: how it changes, and which of its parts comes next."""

    __slots__ = ("change", "filled", "is_object", "step")

    def __init__(self, change: Change | None, *, is_object: bool) -> None:
        self.change = change
        self.is_object = is_object
        # The name whose value comes, None where a name comes; in an array the index.
        self.step: Any = None if is_object else 0
        self.filled = False

    def next(self) -> None:
        self.step = None if self.is_object else self.step + 1


def rewritten_json(text: str, change: Change) -> str:
    """The document `text`, valid JSON without a name twice in one object, with `change` put in. Takes linear time."""
    pieces: list[str] = []
    frames: list[_Frame] = []
    copied = 0
    for found in _TOKEN.finditer(text):
        first = found[0][0]
        frame = frames[-1] if frames else None
        if frame is not None and first not in "]}":
            frame.filled = True
        if first == ",":
            if frame is not None:
                frame.next()
        elif first in "{[":
            frames.append(_Frame(_of_value(frame, change), is_object=first == "{"))
        elif first in "}]":
            frames.pop()
            if frame is not None and frame.change is not None and frame.change.added:
                pieces += text[copied : found.start()], _members(frame.change.added, after=frame.filled)
                copied = found.start()
        elif first == '"':
            if frame is not None and frame.is_object and frame.step is None:
                frame.step = json.loads(found[0])
                continue
            new = _of_value(frame, change)
            if new is not None and new.text is not None:
                pieces += text[copied : found.start()], json.dumps(new.text, ensure_ascii=False)
                copied = found.end()
    pieces.append(text[copied:])
    return "".join(pieces)


def _of_value(frame: _Frame | None, root: Change) -> Change | None:
    if frame is None:
        return root
    return frame.change.below.get(frame.step) if frame.change is not None else None


def _members(added: dict[str, Any], *, after: bool) -> str:
    written = json.dumps(added, ensure_ascii=False)[1:-1]
    return f", {written}" if after else written


def rewritten_form(text: str, fields: Fields, clean: Fields, added: dict[str, Any]) -> str:
    """The form `text`, whose pairs are `fields`, with those that differ in `clean` written anew and `added` behind."""
    pairs = zip(fields, clean, strict=True)
    items = []
    for item in text.split("&"):
        if item:
            (name, value), (_, new) = next(pairs)
            item = item if new == value else f"{_quoted(name)}={_quoted(new)}"
        items.append(item)
    items += (f"{_quoted(name)}={_quoted(one)}" for name, value in added.items() for one in _texts(value))
    return "&".join(items if items[0] or len(items) < 2 else items[1:])


def _quoted(text: str) -> str:
    return quote_plus(text, errors="surrogatepass")


def _texts(value: Any) -> list[str]:
    """A default as fields of a form say it: a list by repetition, null and objects not at all."""
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if value is None or isinstance(value, dict):
        return []
    return [value if isinstance(value, str) else json.dumps(value)]
