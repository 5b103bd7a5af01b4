"""The texts of a body that no schema describes, as whoever reads such a body would see them. Pure.

What the header says and what the bytes look like are both believed: apps differ in which of the two they go by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from .charsets import codec, readings
from .crowds import Crowd, document_texts, field_texts
from .fields import Fields, joined, native, parse_fields
from .leaves import Leaf, of_fields, of_text
from .loose import scraps
from .media import Media
from .parse import JsonReader, Malformed, literals
from .shapes import ANY
from .threats.normalise import undo_references, unquoted
from .threats.repeats import collapsed
from .threats.screen import is_plain, wordy, wordy_query
from .uploads import Gathered

# A part of the request and what in it needs a look.
Texts = tuple[str, list[Leaf] | Crowd]
# A text without a space that begins like `name=`: a form whose type is missing or wrong.
_LIKE_FORM = re.compile(r"[\w.\[\]%+-]{1,100}=\S*+\s*")
# A section of raw text, a value in quotes, a text between tags; what is not closed counts to the end.
_MARKED_UP = re.compile(
    r"""<!\[CDATA\[((?:[^\]]|\](?!\]>))*+)|"([^"<]*+)"|'([^'<]*+)'|>\s*+([^<>][^<]*+)""", re.S
)
# A field in which there is nothing to look for.
_PLAIN_FIELD = re.compile(r"[\w.,@:+-]*+(?:=[\w.,@:+-]*+)?", re.A)
# Strings, of an array or an object, in which there is nothing to look for.
_PLAIN_LITERALS = re.compile(r',(?:[ \n]*+"[\w .,@:-]*+"[ \n]*+[,:])++', re.A)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# Shorter runs are frequent in what is compressed, and no attack.
_RUN = re.compile(rb"[\t\n\r -~]{8,}+")


class Views:
    """Takes bodies apart; `reader` bounds JSON documents, `most` is how many fields or texts are looked at singly."""

    def __init__(self, reader: JsonReader, most: int) -> None:
        self._json = reader
        self._most = most

    def texts(self, data: bytes, kind: Media, query: str = "") -> Iterator[Texts]:
        """What is to be looked at in a body of any kind but multipart, and across a form and `query`."""
        for text in readings(data, kind.charset):
            if kind.kind == "form":
                whole, crowd = text, text.count("&") >= self._most
                if crowd:
                    # Those are looked at singly that are not the same, and as one text nothing hides in the rest.
                    items: Iterable[str] = dict.fromkeys(text.split("&"))
                    if not wordy_query(text):
                        items = (item for item in items if _PLAIN_FIELD.fullmatch(item) is None)
                    text = "&".join(islice(items, self._most))
                fields = self.form(text, kind)
                yield "form", field_texts(fields)
                if crowd:
                    yield "form", [Leaf((), unquoted(whole, errors="replace"), ANY)]
                yield from split(query, fields)
                if _opens(whole):
                    yield from self._document(whole, alone=True)
            elif kind.kind == "lines":
                yield from self._lines(text)
            elif kind.kind == "xml" and text.lstrip("\ufeff \t\r\n")[:1] == "<":
                found = list(dict.fromkeys(marked_up(text)))
                if len(found) > self._most:
                    # Text by text those that are not plain, and all as one.
                    found = [*islice((one for one in found if not is_plain(one)), self._most), text]
                yield "body", list(_each(map(undo_references, found)))
            elif kind.kind == "json" or _opens(text):
                yield from self._document(text)
            else:
                yield "body", of_text(text)
                if _LIKE_FORM.fullmatch(text):
                    yield "form", of_fields(self.form(text, kind), ANY)

    def form(self, text: str, kind: Media) -> Fields:
        """All fields of a form, however many; also as an app reads them that goes by the declared charset."""
        fields = parse_fields(text, None, errors="replace")
        declared = codec(kind.charset)
        if declared is not None and "%" in text:
            fields += parse_fields(text, None, errors="replace", encoding=declared)
        return fields

    def gathered(self, found: Gathered) -> Iterator[Texts]:
        """What was told of a multipart body that every reader reads the same way."""
        yield "form", field_texts(found.fields)
        names = [(file.name, text) for file in found.files for text in (file.filename, file.name, file.content_type)]
        yield "files", [Leaf((((), name), "filename"), text, ANY) for name, text in names]

    def scraps(self, data: bytes, content_type: str, kind: Media) -> Iterator[Texts]:
        """What may be told of one that is ambiguous or not form-data."""
        if not data.lstrip().startswith(b"--"):
            yield from self.texts(data, kind._replace(kind="text"))
        for text in scraps(data, content_type):
            yield "form", [Leaf((), text, ANY)]
        for text in readings(data, kind.charset)[1:]:
            yield "form", [Leaf((), text, ANY)]

    def _document(self, text: str, *, alone: bool = False) -> Iterator[Texts]:
        try:
            yield "body", document_texts(text, self._json.read(text, duplicates=True))
        except Malformed:
            if not alone:
                yield from self._anyhow(text)

    def _lines(self, text: str) -> Iterator[Texts]:
        try:
            if text.count("\n") > self._most:
                raise Malformed(f"there are more than {self._most} lines")
            lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
            # As one document they take a tenth of the time.
            text = f"[{','.join(lines)}]"
            yield "body", document_texts(text, self._json.read(text, duplicates=True))
        except Malformed:
            yield from self._anyhow(text)

    def _anyhow(self, text: str) -> Iterator[Texts]:
        """What is not what it says it is, or beyond a limit: as one text, and string by string."""
        text = collapsed(text)
        if not wordy(text):
            text = _PLAIN_LITERALS.sub(",", text)
        yield "body", [Leaf((), text, ANY)]
        telling = (one for one in islice(literals(text), self._most) if not is_plain(one))
        yield "body", list(_each(islice(telling, self._most // 4)))


def split(query: str, fields: Fields) -> Iterator[Texts]:
    """What an attack could be put together from: values of one name, from the query and from the body."""
    whole = joined(parse_fields(native(query, errors="replace"), None, errors="replace"), fields)
    if whole:
        yield "form", of_fields(whole, ANY)


def marked_up(text: str) -> list[str]:
    """The texts of an XML document and the values of its attributes and entities, as they stand; its tags are none."""
    return [found for match in _MARKED_UP.finditer(text) if (found := (match[1] or match[2] or match[3] or match[4]))]


def is_binary(data: bytes) -> bool:
    """Whether a body without a type is neither text nor a document in a charset that parsers guess."""
    return _BINARY.search(data) is not None and not any(map(_opens, readings(data, "")))


def legible(data: bytes, kind: Media) -> tuple[bytes, Media]:
    """What is text in a body that is encoded, or says so: an app may not decode it, and a frame has room for notes."""
    if _BINARY.search(data) is None:
        return data, kind
    if kind.kind == "form":
        return b"&".join(_RUN.findall(data)), kind
    return b"\n".join(_RUN.findall(data)), kind._replace(kind="text")


def _opens(text: str) -> bool:
    return text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[")


def _each(texts: Iterable[str]) -> Iterator[Leaf]:
    return (Leaf((), text, ANY) for text in texts)
