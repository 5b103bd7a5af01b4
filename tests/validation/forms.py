"""Multipart bodies for tests, byte by byte as browsers and other clients write them."""

from __future__ import annotations

BOUNDARY = "----wsgiguard7MA4YWxk"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def part(head: str, content: bytes | str = b"") -> bytes:
    """A part with this Content-Disposition (behind "form-data; "), and more lines of its head behind a line break."""
    data = content.encode() if isinstance(content, str) else content
    return b"Content-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + data


def field(name: str, value: bytes | str) -> bytes:
    return part(f'name="{name}"', value)


def file(name: str, filename: str, kind: str, content: bytes) -> bytes:
    return part(f'name="{name}"; filename="{filename}"\r\nContent-Type: {kind}', content)


def body(*parts: bytes, boundary: str = BOUNDARY) -> bytes:
    delimiter = b"--" + boundary.encode()
    return b"".join(delimiter + b"\r\n" + each + b"\r\n" for each in parts) + delimiter + b"--\r\n"
