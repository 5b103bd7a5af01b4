"""When denials become a block."""

from __future__ import annotations

from wsgi_guard.stores.block import NONE, Block, denied, left

MINUTE = 60_000_000


def test_block_begins_with_the_last_denial_of_the_row() -> None:
    first = denied(NONE, 100, 900, 3, MINUTE)
    second = denied(first, 100 + MINUTE, 900, 3, MINUTE)
    third = denied(second, 100 + 2 * MINUTE, 900, 3, MINUTE)
    assert [one.until for one in (first, second, third)] == [0, 0, 100 + 2 * MINUTE + 900_000_000]


def test_row_breaks_after_a_calm_window() -> None:
    record = denied(denied(NONE, 0, 900, 3, MINUTE), 10, 900, 3, MINUTE)
    assert denied(record, 10 + MINUTE + 1, 900, 3, MINUTE) == Block(0, 1, 10 + MINUTE + 1)


def test_block_ends_at_its_time() -> None:
    block = Block(1000, 0, 0)
    assert (left(block, 999, 10**9), left(block, 1000, 10**9)) == (1, 0)


def test_block_far_beyond_its_length_has_ended() -> None:
    assert left(Block(10**12, 0, 0), 0, 10**9) == 0
