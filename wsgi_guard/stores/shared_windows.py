"""The usual charge of a shared table, 1 each to sliding windows, at a quarter of the general way's cost.

Decides as `shared.py` does, whose property test compares the two. Whatever is unusual is left to it untouched: a slot
that is not there yet or broken, denials or a block on record, a window that another process saw begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from mmap import mmap
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from .contract import WINDOW, Policy, State
from .shared_table import BODY, SLOT, STRIPES, WHOLE, SharedTable
from .window import HALF, PARTS

LOOK = Struct("<16s8x5q12x")
"""Of a slot what a window needs: digest, index, current, previous, end of a block, denials."""
NEAR = 4
"""Places that are tried; behind them few keys stand."""

# One policy and key: digest, the first place it may stand at, where its stripe begins, and what the policy says of
# time and quantity. A plain tuple, since each charge unpacks some.
Spot = tuple[bytes, int, int, int, int, int, Policy]


class Row(NamedTuple):
    """Where the counters of some policies and keys stand; no spots where these are not windows alone."""

    stripes: Sequence[int]
    spots: tuple[Spot, ...]


def row_of(table: SharedTable, policies: Sequence[Policy], keys: Sequence[int], names: Sequence[int]) -> Row:
    """`keys` and `names` are the hashes of the keys and of the policies."""
    if not policies or any(policy.algorithm != WINDOW for policy in policies):
        return Row((), ())
    spots: list[Spot] = []
    for policy, key, name in zip(policies, keys, names, strict=True):
        digest, begin = key ^ name, table.begins(key % STRIPES)
        at = begin + (digest >> 64) % table.slots * SLOT
        spots.append((digest.to_bytes(16, "little"), at, begin, policy.span, policy.window, policy.scaled, policy))
    return Row(sorted({key % STRIPES for key in keys}), tuple(spots))


def charge_windows(
    memory: mmap, each: int, spots: Sequence[Spot], now: int
) -> tuple[bool, list[State]] | None:
    """Admitted and states, counted; None when the general way has to do it. All stripes of the spots are held."""
    admitted = True
    states: list[State] = []
    bodies: list[tuple[int, bytes]] = []
    for name, first, begin, span, window, scaled, policy in spots:
        at, raw = first, memory[first : first + SLOT]
        if raw[:16] != name:
            at, raw = _nearby(memory, each, name, first, begin)
        _, index, current, previous, until, denials = LOOK.unpack(raw)
        running, elapsed = divmod(now, span)
        if index > running or until or denials or crc32(raw) != WHOLE:
            return None
        if index != running:
            previous, current = current if index == running - 1 else 0, 0
        part = elapsed // window
        if previous * (PARTS - part) + current * PARTS + HALF < scaled:
            current += 1
            states.append((1, part, previous, current))
            bodies.append((at, BODY.pack(name, (running + 2) * span, running, current, previous, 0, 0, 0)))
        else:
            if policy.enforced:
                if policy.block:
                    return None
                admitted = False
            states.append((0, part, previous, current))
    if not admitted:
        return False, [(fits, part, previous, current - fits) for fits, part, previous, current in states]
    for at, body in bodies:
        memory[at : at + SLOT] = body + crc32(body).to_bytes(4, "little")
    return True, states


def _nearby(memory: mmap, each: int, name: bytes, first: int, begin: int) -> tuple[int, bytes]:
    """Place and slot of a digest that does not stand at its first place; no whole slot where it is not near either."""
    place = (first - begin) // SLOT
    for step in range(1, NEAR):
        at = begin + (place + step) % each * SLOT
        raw = memory[at : at + SLOT]
        if raw[:16] == name:
            return at, raw
    return first, bytes(SLOT)
