"""Makes a reading of whatever a check of the application's own returned or raised.

True and None pass, False fails, a mapping says more, anything else is a failure said as such. What goes into a reading
is plain, short and bounded, since it is printed as JSON for admins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .decide import FAIL, PASS, STATUSES, Reading

MEMBERS, CHARACTERS = 20, 200
"""Most members of `observedValue` that are kept and most characters of a text; a check tells a state, not a story."""


def own(function: Callable[[], Any]) -> Callable[[float], Reading]:
    """A check that calls `function` without arguments."""

    def run(timeout: float) -> Reading:
        return interpret(function())

    return run


def interpret(answer: object) -> Reading:
    """`{"status": "pass" | "warn" | "fail" | "unknown", "output": text, ...}`; other members are values observed."""
    if answer is None or answer is True:
        return Reading(PASS)
    if answer is False:
        return Reading(FAIL, "returned False")
    if not isinstance(answer, Mapping):
        return Reading(FAIL, f"returned {type(answer).__name__!r}, expected a bool, None or a mapping with 'status'")
    status = answer.get("status")
    if not isinstance(status, str) or status not in STATUSES:
        return Reading(FAIL, "returned a mapping whose 'status' is not pass, warn, fail or unknown")
    output = answer.get("output")
    return Reading(status, output[:CHARACTERS] if isinstance(output, str) else "", observed(answer))


def observed(answer: Mapping[Any, Any]) -> dict[str, Any]:
    """The members that JSON can say in one word, in their order."""
    members = [(name, value) for name, value in answer.items() if name not in ("status", "output")]
    return {str(name)[:CHARACTERS]: plain(value) for name, value in members[:MEMBERS]}


def plain(value: object) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # json refuses integers of more than 4300 digits; 64 bits are what other languages can read
        return int(value) if abs(value) < 2**63 else f"{type(value).__name__} beyond 64 bits"
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    return value[:CHARACTERS] if isinstance(value, str) else f"<{type(value).__name__}>"
