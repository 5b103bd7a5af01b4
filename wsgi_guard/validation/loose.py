"""What some reader could take for a field, a name or a file name in a multipart body that readers cut differently.

Pure and generous: the opposite of `multipart`. Time is linear for each of the few boundaries it tries.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator

# A header may name several boundaries; who needs more is not trying to be read.
_BOUNDARIES = 4
_BOUNDARY = re.compile(r"""boundary(?:\*\d*\*?)?\s*=\s*(?:"([^"]*)|'([^']*)|([^;,\s]*))""", re.I)
_FIRST_LINE = re.compile(rb"\s*--([^\r\n]{1,200})")
_BLANK = re.compile(rb"\r?\n[ \t]*\r?\n|\r[ \t]*\r")
_QUOTED = re.compile(r'=\s*"((?:[^"\\]|\\.)*+)', re.S)
_BARE = re.compile(r"=\s*([^\s;\"][^\s;]*)")
_BASE64 = re.compile(r"content-transfer-encoding\s*:\s*base64", re.I)
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def scraps(data: bytes, content_type: str) -> Iterator[str]:
    """Texts to look at; a part that is no text but claims to be a file is left out."""
    pieces = [data]
    for boundary in _boundaries(data, content_type):
        pieces = [each for piece in pieces for each in piece.split(b"--" + boundary)]
    for piece in pieces:
        blank = _BLANK.search(piece)
        head = piece[: blank.start()] if blank else piece if b":" in piece[:200] else b""
        content = piece[blank.end() :] if blank else b"" if head else piece
        yield from _part(head.decode("utf-8", "replace"), content.strip(b"\r\n"))


def _part(head: str, content: bytes) -> Iterator[str]:
    for pattern in (_QUOTED, _BARE):
        for name in pattern.findall(head):
            yield name.replace("\\", "") if '\\"' in name else name
    if content and ("filename" not in head.lower() or not _NO_TEXT.search(content)):
        yield content.decode("utf-8", "replace")
        if _BASE64.search(head):
            yield _undone(content)


def _undone(content: bytes) -> str:
    try:
        return b64decode(content).decode("utf-8", "replace")
    except ValueError:
        return ""


def _boundaries(data: bytes, content_type: str) -> list[bytes]:
    named = ["".join(found) for found in _BOUNDARY.findall(content_type)]
    found = [name.strip().encode("latin-1", "replace") for name in named]
    first = _FIRST_LINE.match(data)
    if first:
        found.append(first[1].strip())
    return [boundary for boundary in dict.fromkeys(found) if boundary][:_BOUNDARIES]
