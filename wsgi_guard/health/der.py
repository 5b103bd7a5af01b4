"""The dates in an X.509 certificate: just enough of DER to find them (RFC 5280, 4.1; X.690, 8.1.3).

Pure. Whatever is no certificate is a ValueError.
"""

from __future__ import annotations

from datetime import UTC, datetime

SEQUENCE, VERSION, UTC_TIME, GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
BEFORE_VALIDITY = 3
"""Fields between the version and the dates: serial number, algorithm, issuer."""


def validity(der: bytes) -> tuple[float, float]:
    """When a certificate begins and ends to be valid, in seconds since the epoch."""
    body = _value(der, 0, SEQUENCE)
    signed = _value(body, 0, SEQUENCE)
    at = 0
    if signed[:1] == bytes([VERSION]):
        at = _field(signed, at)[2]
    for _ in range(BEFORE_VALIDITY):
        at = _field(signed, at)[2]
    dates = _value(signed, at, SEQUENCE)
    first, begin, after = _field(dates, 0)
    last, end, _ = _field(dates, after)
    return _time(first, begin), _time(last, end)


def _value(data: bytes, at: int, wanted: int) -> bytes:
    tag, value, _ = _field(data, at)
    if tag != wanted:
        raise ValueError("not a certificate")
    return value


def _field(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Tag, value and where the next field begins."""
    if at + 2 > len(data):
        raise ValueError("a certificate that is cut off")
    size, start = data[at + 1], at + 2
    if size >= 0x80:
        count = size & 0x7F
        size, start = int.from_bytes(data[start : start + count], "big"), start + count
        if not 1 <= count <= 4:
            raise ValueError("not a certificate")
    if start + size > len(data):
        raise ValueError("a certificate that is cut off")
    return data[at], data[start : start + size], start + size


def _time(tag: int, value: bytes) -> float:
    """RFC 5280, 4.1.2.5: two-digit years below 50 are of this century."""
    text = value.decode("ascii", "replace")
    if tag == UTC_TIME:
        text = ("20" if text[:2] < "50" else "19") + text
    elif tag != GENERALIZED_TIME:
        raise ValueError("not a certificate")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
