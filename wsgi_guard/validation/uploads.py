"""What a multipart body holds, gathered while it streams by: fields as texts, files as what is told of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from typing import Any, NamedTuple

from .claims import contradicted, is_path_like
from .decide import Denial
from .fields import Fields
from .parse import Malformed
from .parts import Part
from .pointers import pointer
from .signatures import LOOKED_AT, detect

_LIMIT = 2**63


class Bounds(NamedTuple):
    """The most that is taken of each: bytes of all fields together, files, bytes of a file."""

    fields: int = _LIMIT
    files: int = _LIMIT
    file: int = _LIMIT


class Upload(NamedTuple):
    """A file: the object that a schema sees, and under which field it came."""

    name: str
    filename: str
    content_type: str
    detected_type: str
    size: int

    def document(self) -> dict[str, Any]:
        found = self._asdict()
        del found["name"]
        return found


class Gathered:
    """A taker of parts (see `multipart`); `errors` says what becomes of fields that are not UTF-8, as for `decode`.

    Raises Denial (413) beyond the bounds and Malformed for a field that is not UTF-8 or a file without a name.
    """

    def __init__(self, bounds: Bounds, errors: str = "strict") -> None:
        self.fields: Fields = []
        self.files: list[Upload] = []
        self._bounds = bounds
        self._errors = errors
        self._part = Part("", None, "")
        # Of a field all that came, of a file its first bytes.
        self._pieces: list[bytes] = []
        self._kept = self._size = self._of_fields = 0

    def begin(self, part: Part) -> None:
        self._part = part
        self._pieces = []
        self._kept = self._size = 0
        if part.filename and len(self.files) >= self._bounds.files:
            raise Denial(413, f"the request may have at most {self._bounds.files} files", "uploads")

    def take(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._part.filename is None:
            self._of_fields += len(piece)
            if self._of_fields > self._bounds.fields:
                raise Denial(413, f"the fields may have at most {self._bounds.fields} bytes together", "uploads")
            self._pieces.append(piece)
            return
        if self._size > self._bounds.file:
            raise Denial(413, f"a file may have at most {self._bounds.file} bytes", "uploads")
        if self._kept < LOOKED_AT:
            self._pieces.append(piece[: LOOKED_AT - self._kept])
            self._kept += len(piece)

    def end(self) -> None:
        part, content = self._part, b"".join(self._pieces)
        self._pieces = []
        if part.filename is None:
            self.fields.append((part.name, self._text(content)))
            if part.name == "_charset_" and content.lower() not in (b"utf-8", b"utf8", b"us-ascii"):
                # Readers that know this field (RFC 7578, 4.6) would read all others by it.
                raise Malformed("the fields must be UTF-8")
        elif part.filename:
            kind = detect(content, whole=self._size <= LOOKED_AT)
            self.files.append(Upload(part.name, part.filename, part.content_type, kind, self._size))
        elif self._size:
            raise Malformed("a file has no name")
        # What a browser sends where nobody chose a file is no file.

    def _text(self, content: bytes) -> str:
        try:
            return content.decode("utf-8", self._errors)
        except UnicodeDecodeError:
            raise Malformed("a field is not UTF-8") from None


def faults(
    files: list[Upload], known: Container[str] = (), lists: Container[str] = (), *, mismatch: bool
) -> list[dict[str, str]]:  # fmt: skip
    """Violations of what holds for every file: its name is no path, and (`mismatch`) its claims fit its content.

    `known` are the field names that the schema knows; others are the client's own and not put on record. `lists` are
    those whose files are a list in what the app gets.
    """
    found: list[dict[str, str]] = []
    seen: Counter[str] = Counter()
    for file in files:
        at = [file.name, seen[file.name]] if file.name in lists else [file.name]
        seen[file.name] += 1
        wrong = [("filename", PATH_LIKE)] if is_path_like(file.filename) else []
        if mismatch:
            claims = contradicted(file.filename, file.content_type, file.detected_type)
            wrong += [(claim, MISMATCH) for claim in claims]
        for claim, message in wrong:
            here = pointer([*at, claim])
            found.append({
                "pointer": here, "message": message, "keyword": claim, "place": here if file.name in known else "",
            })  # fmt: skip
    return found


PATH_LIKE = "is not the name of a file but a path, or hides what it is"
MISMATCH = "does not fit the content of the file"
