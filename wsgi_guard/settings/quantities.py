"""Times, sizes, counts and limits as people write them. Pure; a ValueError says what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil

from .sections import BILLION, Limit
from .wording import shown

SECONDS = {
    "": 1.0,
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604800.0),
}
# "10M" is left out on purpose: some programs mean 10^6 by it, others 2^20.
BYTES = {
    **dict.fromkeys(("", "b", "byte", "bytes"), 1.0),
    **{f"{letter}b": 1000.0**power for power, letter in enumerate("kmg", 1)},
    **{f"{letter}ib": 1024.0**power for power, letter in enumerate("kmg", 1)},
}
NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
AMOUNT = re.compile(rf"\s*({NUMBER})\s*([A-Za-z]*)\s*")
LIMIT = re.compile(rf"\s*([0-9]{{1,15}})\s*(?:/|per\b)\s*(?:({NUMBER})\s*)?([A-Za-z]+)\s*")
AT_ONCE = re.compile(r"\s*([0-9]{1,15})(?:\s+at\s+once)?\s*")
LONGEST_WINDOW = 31 * 86400  # seconds: no quota that people write is longer than a month
TIME = 'a time such as 30 (seconds), "500 ms" or "5 minutes"'
SIZE = 'a size such as 131072 (bytes) or "128 KiB"'
RATE = 'a limit such as "10 per 5 minutes" or "10/5m"'


def duration(value: object, low: float, high: float) -> float:
    """Seconds: a number, or a text with a unit."""
    return float(_bounded(_amount(value, SECONDS, TIME), low, high, " seconds"))


def whole_seconds(value: object, low: float, high: float) -> int:
    """As `duration`, rounded up."""
    return ceil(duration(value, low, high))


def size(value: object, low: float, high: float) -> int:
    """Bytes: a number, or a text with a unit (kB = 1000, KiB = 1024)."""
    amount = _bounded(_amount(value, BYTES, SIZE), low, high, " bytes")
    if amount != int(amount):
        raise ValueError(f"expected whole bytes, not {shown(value)}")
    return int(amount)


def count(value: object, low: float, high: float) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"expected an integer, not {shown(value)}")
    return int(_bounded(value, low, high, ""))


def ratio(value: object, low: float, high: float) -> float:
    """A part of a whole, 0.1 for 10 %."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"expected a number such as 0.1, not {shown(value)}")
    return float(_bounded(value, low, high, ""))


def limits(value: object) -> tuple[Limit, ...]:
    """All limits of "10 per second; 1000 per hour", or of a list of such texts; "5 at once" and 5 have window 0."""
    texts = [value] if isinstance(value, (str, int)) and not isinstance(value, bool) else value
    if not isinstance(texts, (list, tuple)) or not texts:
        raise ValueError(f"expected {RATE}, or a list of them, not {shown(value)}")
    found = tuple(_limit(part) for text in texts for part in _parts(text))
    if len({limit.window for limit in found}) < len(found):
        raise ValueError(f"two limits of the same window in {shown(value)}, only the smaller would ever count")
    return found


def _parts(text: object) -> list[str]:
    if isinstance(text, int) and not isinstance(text, bool):
        return [str(text)]
    if not isinstance(text, str):
        raise ValueError(f"expected {RATE}, not {shown(text)}")
    return text.split(";")


def _limit(text: str) -> Limit:
    at_once = AT_ONCE.fullmatch(text)
    if at_once:
        return Limit(count(int(at_once[1]), 0, BILLION), 0)
    match = LIMIT.fullmatch(text)
    unit = SECONDS.get(match[3].lower()) if match else None
    if match is None or unit is None:
        raise ValueError(f"expected {RATE}, not {shown(text)}")
    window = round(float(match[2] or 1) * unit, 6)
    if window != int(window) or not 1 <= window <= LONGEST_WINDOW:
        raise ValueError(f"expected a window of whole seconds, 1 second to 31 days, not {shown(text)}")
    return Limit(count(int(match[1]), 0, BILLION), int(window))


def _amount(value: object, units: Mapping[str, float], expected: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    match = AMOUNT.fullmatch(value) if isinstance(value, str) else None
    unit = units.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise ValueError(f"expected {expected}, not {shown(value)}")
    # Rounded far below what is meant, so that 3 x 0.001 is 0.003 and 1.1 KiB is not whole.
    return round(float(match[1]) * unit, 9)


def _bounded(amount: float, low: float, high: float, unit: str) -> float:
    # Compared before any conversion: an integer may be larger than a float can hold, and nan is in no bounds.
    if low <= amount <= high:
        return amount
    raise ValueError(f"expected {_plain(low)} to {_plain(high)}{unit}, not {_plain(amount)}")


def _plain(amount: object) -> str:
    return shown(int(amount) if isinstance(amount, float) and amount.is_integer() else amount)
