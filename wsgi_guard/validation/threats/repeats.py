"""Long texts without what only repeats itself, so that a sign that is sent a million times is judged once. Pure.

What stays of a stretch is longer than any rule looks, at both ends; an even number of repetitions goes, so that signs
that come in pairs still do.
"""

from __future__ import annotations

from .rules import REACH

# Shorter texts are looked at as they are.
_LONG = 4_000
# What stays of each end of a stretch, the longest period, how much of one must come again to be looked into, and how
# far apart that is tried.
_KEPT, _PERIOD, _KEY, _STEP = REACH + 50, 2_048, 64, 1_000


def collapsed(text: str) -> str:
    """`text` with stretches that repeat themselves cut short, in linear time."""
    if len(text) <= _LONG:
        return text
    kept: list[str] = []
    at = probe = 0
    while probe + 2 * _KEPT < len(text):
        again = text.find(text[probe : probe + _KEY], probe + 1, probe + _KEY + _PERIOD)
        if again < 0:
            probe += _STEP
            continue
        end = _end(text, probe, again - probe)
        pair = 2 * (again - probe)
        spare = (end - probe - 2 * _KEPT) // pair * pair
        if spare > 0:
            kept.append(text[at : probe + _KEPT])
            at = probe + _KEPT + spare
        probe = max(end - _KEY, probe + _STEP)
    return "".join([*kept, text[at:]]) if kept else text


def _end(text: str, start: int, period: int) -> int:
    """Where the stretch from `start` on ends that repeats itself after `period`."""
    end, step = start + period + _KEY, _KEY
    while end < len(text):
        further = min(end + step, len(text))
        if text[end:further] == text[end - period : further - period]:
            end = further
            step *= 2
        elif step == 1:
            break
        else:
            step = max(1, step // 4)
    return end
