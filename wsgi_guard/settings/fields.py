"""How a key of the settings describes itself: the dataclass fields of which the sections are made, and their values.

A field's metadata is all that the reader, the JSON Schema and the README table need: `doc` is one line for people,
`kind` names the parser of `parse.py` that turns what was written into the field's value.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType
from typing import Any

Network = IPv4Network | IPv6Network

YEAR = 366 * 86400.0  # seconds; the longest block
MONTH = 31 * 86400.0  # seconds; the longest any time here may be, as the longest window of a rule
GIBIBYTE = 1024**3  # the most any size here may be: what it bounds is held in memory
BILLION = 10**9  # the most any count here may be
THREATS = ("sqli", "xss", "cmdi", "traversal", "ldap", "header")
SEVERITIES = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def option(
    default: Any,
    kind: str,
    doc: str,
    *,
    choices: tuple[str, ...] = (),
    low: float = 0,
    high: float | None = None,
    required: bool = False,
) -> Any:
    """A dataclass field that describes itself.

    `choices` are all words that a `choice` or `choices` key may hold, `low` and `high` bound a number, time or size;
    a list whose `low` is 1 has one item at least.
    """
    if high is None:
        high = {"duration": MONTH, "bytes": GIBIBYTE, "ratio": 1}.get(kind, BILLION)
    described = {"kind": kind, "doc": doc, "choices": choices, "low": low, "high": high, "required": required}
    return field(default=default, metadata=described)


def may_be_empty(about: Field[Any]) -> bool:
    """Whether a list of this field may have no item."""
    return not about.metadata["low"]


def table(section: type) -> Any:
    """A field that is a table of its own."""
    return field(default_factory=section, metadata={"kind": "table", "section": section})


def named(section: type) -> Any:
    """A field that is a table of tables, each under a name of the user's choice."""
    return field(default_factory=lambda: MappingProxyType({}), metadata={"kind": "named", "section": section})


def listed(section: type) -> Any:
    """A field that is an array of tables."""
    return field(default=(), metadata={"kind": "listed", "section": section})


@dataclass(frozen=True, slots=True)
class Limit:
    """`quantity` requests in any `window` seconds; window 0 where none was written, as for requests in flight."""

    quantity: int
    window: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """A measure of a check, how it compares (">", ">=", "<" or "<=") with `bound` when that is bad."""

    measure: str
    compare: str
    bound: float
