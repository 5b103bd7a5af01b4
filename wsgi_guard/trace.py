"""The trace that a request belongs to, as W3C Trace Context has it: read from a header, written for those asked next.

Pure. Whose header is believed is decided where facts are found (`facts.py`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Version 00 and what later versions promise to begin with (W3C Trace Context, 3.2); "ff" is no version.
_FORM = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.{0,400})?")
OWN_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
"""A request id that can be the id of a trace as well."""

SPAN = re.compile(r"(?!0{16})[0-9a-f]{16}")

RECORDED = "01"
"""Flags of a trace that begins here: whoever is asked next and samples by its parent goes on as if it had begun it."""


class Trace(NamedTuple):
    """`id` is 32 hex digits; `flags` 2, as they came."""

    id: str
    flags: str = RECORDED

    def header(self, span: str) -> str:
        """The header `traceparent` for requests that `span`, 16 hex digits, makes."""
        return f"00-{self.id}-{span}-{self.flags}"


def trace_of(header: object) -> Trace | None:
    """The trace that a header `traceparent` names; None for what is none, as two headers joined by a comma."""
    found = _FORM.fullmatch(header) if type(header) is str else None
    if found is None or (found[1] == "00" and found[5]):
        return None
    return Trace(found[2], found[4])
