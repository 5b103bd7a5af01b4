"""The type of a file by its first bytes: never by what anybody says of it. Pure.

Signatures are those of the formats' own specifications and of the WHATWG's MIME Sniffing standard; names are IANA's
where it has one.
"""

from __future__ import annotations

import json
import re

# What is looked at: a tar's mark stands at byte 257; the names in a zip that tell an office document stand in its first
# kilobytes; a page may begin with white space and comments.
LOOKED_AT = 8 * 1024

UNKNOWN = "application/octet-stream"
EMPTY = "application/x-empty"
PLAIN = "text/plain"

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x00\x00\x01\x00", "image/vnd.microsoft.icon"),
    (b"%PDF-", "application/pdf"),
    (b"%!PS", "application/postscript"),
    (b"{\\rtf", "application/rtf"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"ID3\x02", "audio/mpeg"),
    (b"ID3\x03", "audio/mpeg"),
    (b"ID3\x04", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "application/ogg"),
    (b"\x7fELF", "application/x-elf"),
    (b"#!", "text/x-shellscript"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"<?php", "application/x-php"),
    (b"<?=", "application/x-php"),
    (b"\x00asm", "application/wasm"),
)  # fmt: skip
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_MACH_O = frozenset({b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"})
# Major brands of ISO base media files (ISO/IEC 14496-12); all others are called MP4.
_BRANDS = {
    b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic", b"hevc": "image/heic",
    b"mif1": "image/heif", b"msf1": "image/heif", b"qt  ": "video/quicktime", b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4", b"3gp4": "video/3gpp", b"3gp5": "video/3gpp",
}  # fmt: skip
# Names of members that tell what a zip is: Office Open XML (ECMA-376), Java archives, Android packages.
_OFFICE = "application/vnd.openxmlformats-officedocument."
_MEMBERS: tuple[tuple[bytes, str], ...] = (
    (b"word/", _OFFICE + "wordprocessingml.document"),
    (b"xl/", _OFFICE + "spreadsheetml.sheet"),
    (b"ppt/", _OFFICE + "presentationml.presentation"),
    (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
)
# OpenDocument and EPUB store their type uncompressed as the first member.
_MIMETYPE = re.compile(rb"mimetype(application/[a-z0-9.+-]{1,80})")
_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|img)(?=[\s>/])", re.I
)
_SVG = re.compile(r"<(?:!doctype\s+)?svg(?=[\s>/])", re.I)
_COMMENT = re.compile(r"\s*(?:<!--(?:[^-]|-(?!->))*+-->|<\?xml[^>]*+>|<!doctype\s+(?!html|svg)[^>]*+>)", re.I)
_PHP = re.compile(r"<\?(?:php\b|=)", re.I)
_JSON = re.compile(r'\s*(?:\{\s*(?:"|\}|$)|\[\s*(?:["\[\]{0-9tfn-]|$))')
# What does not occur in text of any charset (WHATWG MIME Sniffing, "binary data byte").
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def detect(head: bytes, *, whole: bool) -> str:
    """The type of a file that begins with `head` (LOOKED_AT bytes are enough), "application/octet-stream" for none
    that is known, "application/x-empty" for nothing. `whole` says that nothing follows."""
    if not head:
        return EMPTY
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    return _container(head) or _executable(head) or _other_media(head) or _text(head, whole)


def _container(head: bytes) -> str:
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head[:3] == b"BZh" and head[4:10] == b"1AY&SY":
        return "application/x-bzip2"
    if head[257:262] == b"ustar":
        return "application/x-tar"
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _zip(head)
    return ""


def _zip(head: bytes) -> str:
    stored = _MIMETYPE.match(head, 30)
    if stored:
        return stored[1].decode("ascii")
    return next((kind for member, kind in _MEMBERS if member in head), "application/zip")


def _executable(head: bytes) -> str:
    if head[:2] == b"MZ" and _BINARY.search(head[:64]):
        return "application/vnd.microsoft.portable-executable"
    if head[:4] in _MACH_O:
        return "application/x-mach-binary"
    if head[:4] == b"\xca\xfe\xba\xbe":
        # A class file has its version here, at least 45; a Mach-O for several processors counts them.
        return "application/x-mach-binary" if int.from_bytes(head[4:8], "big") < 45 else "application/java-vm"
    return ""


def _other_media(head: bytes) -> str:
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and _BINARY.search(head[:30]):
        return "image/bmp"
    if head[0] == 0xFF and len(head) > 2 and head[1] in (0xFB, 0xF3, 0xF2, 0xFA):
        return "audio/mpeg"
    return "audio/aac" if head[:2] in (b"\xff\xf1", b"\xff\xf9") else ""


def _text(head: bytes, whole: bool) -> str:
    charset = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if not charset and _BINARY.search(head):
        return UNKNOWN
    text = head.decode(charset or "utf-8", "replace").lstrip("\ufeff")
    at = 0
    while (comment := _COMMENT.match(text, at)) is not None:
        at = comment.end()
    start = text[at:].lstrip()
    if _SVG.match(start):
        return "image/svg+xml"
    if text.lstrip()[:5].lower() == "<?xml":
        return "application/xml"
    if _HTML.match(start):
        return "text/html"
    if _PHP.search(text):
        return "application/x-php"
    return "application/json" if _JSON.match(text) and _is_json(text, whole) else PLAIN


def _is_json(text: str, whole: bool) -> bool:
    """A document that goes on cannot be read to its end: how it begins must do."""
    if not whole:
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
