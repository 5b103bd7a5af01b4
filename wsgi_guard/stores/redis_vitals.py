"""What a Redis says of its memory, read from its answers to INFO; of several nodes the fullest, and all evictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Vitals = dict[str, float]


def vitals(*answers: object) -> Vitals:
    """`used_mib`, with a limit `memory_percent` of it, and `evicted_keys` since the server started."""
    fields: dict[str, str] = {}
    for answer in answers:
        text = answer.decode("ascii", "replace") if isinstance(answer, bytes) else ""
        fields.update(_fields(text))
    used, limit, evicted = (_number(fields.get(name)) for name in ("used_memory", "maxmemory", "evicted_keys"))
    found: Vitals = {}
    if used is not None:
        found["used_mib"] = round(used / 2**20, 1)
        if limit:
            found["memory_percent"] = round(100 * used / limit, 1)
    if evicted is not None:
        found["evicted_keys"] = evicted
    return found


def together(nodes: Iterable[Mapping[str, float]]) -> Vitals:
    found: Vitals = {}
    for node in nodes:
        for name, value in node.items():
            summed = name == "evicted_keys"
            found[name] = found.get(name, 0) + value if summed else max(found.get(name, 0), value)
    return found


def _fields(text: str) -> Iterable[tuple[str, str]]:
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name, value.strip()


def _number(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None
