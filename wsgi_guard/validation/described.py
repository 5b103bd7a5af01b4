"""Reads the bodies that a schema describes: what each part of the request holds, and what the screen is to look at."""

from __future__ import annotations

from functools import partial
from typing import Any

from wsgi_guard.facts import Facts
from wsgi_guard.settings.sections import ValidationSection
from wsgi_guard.settings.uploads import UploadsSection

from . import decide
from .decide import Denial
from .encodings import codings, inflated
from .fields import Fields, as_object, check_length, parse_fields
from .media import FORM, Media, boundary, media
from .multipart import Multipart
from .parse import JsonReader, decode
from .uploads import Bounds, Gathered, Upload, faults

# The parts of a request that stand in its body.
PARTS = frozenset({"body", "form", "files"})
REWRITTEN = f"the body of the request must be {FORM}"


class Read:
    """What was read of a request on the way, so that the screen reads nothing twice.

    `values` are the parts to be judged, `size` bounds how many members they have together, `wrong` is what is wrong
    with them whatever their schemas say. `source` is the UTF-8 that was parsed, and `change` what the schema made
    different of it; a multipart body has none. `fields` are those of a form, each as it was sent, `files` are None for
    one that is not multipart.
    """

    __slots__ = ("absent", "change", "fields", "files", "size", "source", "values", "wrong")

    def __init__(
        self,
        values: dict[str, Any],
        size: int,
        source: bytes = b"",
        fields: Fields | None = None,
        *,
        files: list[Upload] | None = None,
        wrong: tuple[dict[str, str], ...] = (),
        absent: bool = False,
    ) -> None:
        self.values = values
        self.size = size
        self.source = source
        self.fields = fields
        self.files = files
        self.wrong = wrong
        self.absent = absent
        self.change: Any = None


NOTHING = Read({}, 0)


class Described:
    """Reads bodies of endpoints whose schemas describe them."""

    def __init__(self, section: ValidationSection) -> None:
        self._section = section
        self._uploads: UploadsSection = section.uploads
        limits: dict[str, Any] = {"max_string": section.max_string, "max_number": section.max_number}
        # What is put back into a document must know which of two members is meant.
        self._strict = JsonReader(section.max_depth, section.max_members, **limits)
        last = section.duplicate_keys == "last"
        self._json = JsonReader(section.max_depth, section.max_members, **limits, last_counts=last)

    def read(self, facts: Facts, parts: dict[str, Any]) -> Read:
        """Raises Refused for a body that may not be read, Malformed for one that is not what it says."""
        environ = facts.environ
        kind = media(environ.get("CONTENT_TYPE") or "")
        json = kind.kind == "json" and "body" in parts
        name = "body" if json else decide.described(parts, kind.kind, partial(self._is_sent, facts))
        if kind.kind == "multipart" and name != "body":
            if "form" in parts and parts["form"].rewrites:
                # It would reach the app as it came.
                raise Denial(415, REWRITTEN, "type", headers=(("Accept", FORM),))
            return self._multipart(facts, parts, kind)
        data = self._data(facts, kind)
        most = self._section.max_members
        # Two bytes are the least that a value of a JSON document or a field of a form takes.
        size = min(len(data) // 2, most)
        if name == "body":
            if not data:
                # Absent is null: a schema that names null makes the body optional.
                return Read({name: None}, size, absent=True)
            reader = self._strict if parts[name].rewrites else self._json
            return Read({name: reader.read(data)}, size, data)
        fields = parse_fields(decode(data), most)
        check_length(fields, self._section.max_string)
        return Read(_values(parts, fields, []), size, data, fields)

    def _is_sent(self, facts: Facts) -> bool:
        """Whether there is a body; where its length is not announced, as in HTTP/2 or behind gunicorn, reading tells.
        """
        body = facts.body
        if not body.present or (body.length and not body.chunked):
            return body.present
        return body.read_within(self._section.max_body) != b""

    def _data(self, facts: Facts, kind: Media) -> bytes:
        header = facts.environ.get("HTTP_CONTENT_ENCODING")
        if not header and kind.readable:
            return facts.body.read(self._section.max_body)
        decide.readable(kind, "" if self._section.inflate else header or "")
        data = facts.body.read(self._section.max_body)
        names = codings(header or "")
        return inflated(data, names, self._section.max_body) if names and data else data

    def _multipart(self, facts: Facts, parts: dict[str, Any], kind: Media) -> Read:
        decide.readable(kind, facts.environ.get("HTTP_CONTENT_ENCODING") or "")
        section, uploads = self._section, self._uploads
        limit = uploads.max_request if "files" in parts else section.max_body
        gathered = Gathered(Bounds(section.max_body, uploads.max_files, uploads.max_file))
        reader = Multipart(
            boundary(facts.environ.get("CONTENT_TYPE") or ""), gathered, section.max_members + uploads.max_files
        )
        length = facts.body.pour(limit, uploads.spool, reader.feed)
        if length:
            reader.end()
        fields, files = gathered.fields, gathered.files
        check_length(fields, section.max_string)
        values = _values(parts, fields, files)
        return Read(
            values,
            min(length // 2, section.max_members),
            fields=fields,
            files=files,
            wrong=self._faults(facts, parts, files, values.get("files", {})),
        )

    def _faults(
        self, facts: Facts, parts: dict[str, Any], files: list[Upload], value: dict[str, Any]
    ) -> tuple[dict[str, str], ...]:  # fmt: skip
        part = "files" if "files" in parts else "form"
        refused = self._uploads.mismatch == "refuse"
        known = parts[part].shape.properties if part == "files" else ()
        lists = {name for name, found in value.items() if isinstance(found, list)}
        found = faults(files, known, lists, mismatch=refused)
        if not refused and len(faults(files, mismatch=True)) > len(found):
            said = "the content of a file does not fit its name or type"
            facts.decide("validation", "shadow", "uploads", said, part="files")
        return tuple({**violation, "part": part} for violation in found)


def _values(parts: dict[str, Any], fields: Fields, files: list[Upload]) -> dict[str, Any]:
    """The parts a form describes, each as the object that its schema judges; a list where the schema wants one."""
    values: dict[str, Any] = {}
    if "form" in parts:
        values["form"] = as_object(fields)
    if "files" in parts:
        shape = parts["files"].shape
        found = as_object((file.name, file.document()) for file in files)
        for name, value in found.items():
            types = shape.of(name).types
            if isinstance(value, dict) and types is not None and "array" in types and "object" not in types:
                found[name] = [value]
        values["files"] = found
    return values
