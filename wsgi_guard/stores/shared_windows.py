"""The usual charge of a shared table, 1 each to sliding windows of one client, at a third of the general way's cost.

Decides as `shared.py` does, whose property test compares the two. Whatever is unusual is left to it untouched: a slot
that is not there yet or broken, denials or a block on record, a window that another process saw begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from mmap import mmap
from struct import Struct
from zlib import crc32

from .contract import Policy, State
from .shared_table import BODY, SLOT
from .window import HALF, PARTS

WHOLE = Struct("<I" + BODY.format[1:])
NEAR = 4
"""Places that are tried; behind them few keys stand."""


def charge_windows(
    memory: mmap, begin: int, each: int, digests: Sequence[int], policies: Sequence[Policy], now: int
) -> tuple[bool, list[State]] | None:
    """Admitted and states, counted; None when the general way has to do it. The stripe that `begin`s there is held."""
    admitted = True
    states: list[State] = []
    rows: list[tuple[int, bytes, int, int, int, int]] = []
    look = WHOLE.unpack_from
    for digest, policy in zip(digests, policies, strict=True):
        name = digest.to_bytes(16, "little")
        place = (digest >> 64) % each
        at = begin + place * SLOT
        check, _, found, _, index, current, previous, until, denials, _ = look(memory, at)
        tried = 1
        while found != name:
            if tried == NEAR:
                return None
            at = begin + (place + tried) % each * SLOT
            check, _, found, _, index, current, previous, until, denials, _ = look(memory, at)
            tried += 1
        running, elapsed = divmod(now, policy.span)
        if index > running or until or denials or crc32(memory[at + 4 : at + SLOT]) != check:
            return None
        if index != running:
            previous, current = current if index == running - 1 else 0, 0
        part = elapsed // policy.window
        fits = previous * (PARTS - part) + current * PARTS + HALF < policy.scaled
        if fits:
            rows.append((at, name, running, current + 1, previous, (running + 2) * policy.span))
            states.append((1, part, previous, current + 1))
        else:
            if policy.enforced:
                if policy.block:
                    return None
                admitted = False
            states.append((0, part, previous, current))
    if not admitted:
        return False, [(fits, part, previous, current - fits) for fits, part, previous, current in states]
    _write(memory, rows)
    return True, states


def _write(memory: mmap, rows: Sequence[tuple[int, bytes, int, int, int, int]]) -> None:
    for at, name, index, current, previous, end in rows:
        body = BODY.pack(0, name, end, index, current, previous, 0, 0, 0)
        memory[at : at + SLOT] = crc32(body).to_bytes(4, "little") + body
