"""A table that processes share: exact between them, and unharmed by those that die, freeze or write nonsense."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from tests.stores.children import forked
from wsgi_guard.errors import StoreError
from wsgi_guard.stores import Debt, MemoryStore, Policy
from wsgi_guard.stores.contract import BUCKET, LOG, WINDOW
from wsgi_guard.stores.shared import SharedStore, SharedTable
from wsgi_guard.stores.shared_table import HEAD_SIZE, RUN, SLOT, STRIPES

SOAK = bool(os.environ.get("WSGI_GUARD_SOAK"))
KILLS = 200 if SOAK else 10
KEYS = 1_000_000 if SOAK else 30_000
FORK = get_context("fork")
START = 1_700_000_000_000_000
HOUR = 3600


def test_killed_workers_harm_nobody(tmp_path: Path) -> None:
    """SIGKILL in mid-charge: no deadlock, and a neighbour in the same stripe keeps what it counted."""
    for table in (SharedTable.create(64), SharedTable.create(64, str(tmp_path / "table"))):
        store, policy = SharedStore(table, 5.0), Policy("p", 10**9, 31 * 86400)
        neighbours = [f"neighbour-{n}" for n in range(200)]
        for key in neighbours:
            store.charge([policy], [key])
        dice = Random(7)
        for _ in range(KILLS):
            _kill_in_mid_charge(table, policy, dice)
            began = monotonic()
            assert store.charge([policy], ["victim"])[0]
            assert monotonic() - began < 5.0
        assert [store.peek([policy], [key])[1][0][3] for key in neighbours] == [1] * len(neighbours)


def _kill_in_mid_charge(table: SharedTable, policy: Policy, dice: Random) -> None:
    ready, told = os.pipe()

    def charge() -> int:
        store = SharedStore(table, 5.0)
        os.write(told, b"x")
        while True:
            store.charge([policy], ["victim"])

    pid = forked(charge)
    os.read(ready, 1)
    os.close(ready)
    os.close(told)
    for _ in range(dice.randrange(2000)):
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.parametrize("named", [False, True])
def test_holder_that_died_leaves_the_stripe_free(tmp_path: Path, named: bool) -> None:
    table = SharedTable.create(64, str(tmp_path / "table") if named else None)

    def hold() -> int:
        for stripe in range(STRIPES):
            table.stripes.take(stripe, 1.0)
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    os.waitpid(forked(hold), 0)
    store, policy = SharedStore(table, 1.0), Policy("p", 5, HOUR)
    assert all(store.charge([policy], [f"key-{n}"])[0] for n in range(200))


@pytest.mark.parametrize("named", [False, True])
def test_frozen_holder_makes_others_give_up_until_it_goes_on(tmp_path: Path, named: bool) -> None:
    table = SharedTable.create(64, str(tmp_path / "table") if named else None)
    ready, told = os.pipe()

    def hold() -> int:
        for stripe in range(STRIPES):
            table.stripes.take(stripe, 1.0)
        os.write(told, b"x")
        os.kill(os.getpid(), signal.SIGSTOP)
        for stripe in range(STRIPES):
            table.stripes.give(stripe)
        return 0

    pid = forked(hold)
    os.read(ready, 1)
    store, policy = SharedStore(table, 0.05), Policy("p", 5, HOUR)
    began = monotonic()
    with pytest.raises(StoreError, match="busy"):
        store.charge([policy], ["a"])
    assert monotonic() - began < 2.0
    # A charge that is given back meanwhile waits for the next.
    store.refund([Debt(policy, "a", 1, 0, (1, 0, 0, 1))])
    os.kill(pid, signal.SIGCONT)
    os.waitpid(pid, 0)
    assert store.charge([policy], ["a"])[0]


def test_fork_while_a_thread_holds_a_stripe(tmp_path: Path) -> None:
    """The child's own locks are free, whoever held the parent's."""
    table = SharedTable.create(64, str(tmp_path / "table"))
    policy = Policy("p", 5, HOUR)
    for stripe in range(STRIPES):
        assert table.stripes._locks[stripe].acquire(blocking=False)  # type: ignore[attr-defined]

    def charge() -> int:
        return int(SharedStore(table, 2.0).charge([policy], ["a"])[0])

    assert os.waitstatus_to_exitcode(os.waitpid(forked(charge), 0)[1]) == 1


def test_torn_slots_count_as_empty() -> None:
    """Random bytes anywhere: no exception, and each slot harmed is forgotten, none misread."""
    dice = Random(3)
    table = SharedTable.create(64)
    store = SharedStore(table, 1.0)
    policies = [
        Policy("w", 50, HOUR), Policy("b", 50, HOUR, algorithm=BUCKET), Policy("l", 50, HOUR, algorithm=LOG),
        Policy("x", 1, HOUR, block=60),
    ]  # fmt: skip
    for turn in range(3000):
        keys = [f"key-{dice.randrange(300)}"] * len(policies)
        _, states, _ = store.charge(policies, keys)
        for policy, (fits, a, _, c) in zip(policies, states, strict=True):
            used = c if policy.algorithm == WINDOW else a if policy.algorithm == LOG else 0
            assert fits < 0 or used <= 50
        if turn % 3 == 0:
            at = HEAD_SIZE + dice.randrange(STRIPES * table.slots) * SLOT + dice.randrange(SLOT - 8)
            table.memory[at : at + 8] = dice.randbytes(8)


def test_flood_of_keys_stays_within_the_table() -> None:
    table = SharedTable.create(4096)
    store, policy = SharedStore(table, 1.0), Policy("p", 3, HOUR)
    size = len(table.memory)
    for number in range(KEYS):
        assert store.charge([policy], [f"key-{number}"])[0]
    assert len(table.memory) == size


def test_blocked_key_outlives_a_flood() -> None:
    table = SharedTable.create(64)
    store, policy = SharedStore(table, 1.0), Policy("p", 1, 60)
    store.block([policy], ["attacker"], HOUR)
    for number in range(20_000):
        store.charge([policy], [f"key-{number}"])
    assert not store.charge([policy], ["attacker"])[0]


def test_stripe_full_of_blocks_still_takes_keys() -> None:
    store, policy = SharedStore(SharedTable.create(16), 1.0), Policy("p", 1, 60)
    for number in range(16 * STRIPES + RUN):
        store.block([policy], [f"key-{number}"], HOUR)
    assert store.charge([policy], ["another"])[0]


def test_new_keys_of_one_charge_take_places_of_their_own() -> None:
    table = SharedTable.create(16)
    store = SharedStore(table, 1.0)
    policies = [Policy(f"p{n}", 5, HOUR) for n in range(8)]
    store.charge(policies, ["a"] * 8)
    assert [state[3] for state in store.charge(policies, ["a"] * 8)[1]] == [2] * 8


def test_long_log_keeps_all_of_it() -> None:
    store, memory = SharedStore(SharedTable.create(1024), 1.0), MemoryStore(20_000)
    policy, dice, now = Policy("l", 10_000, 60, algorithm=LOG), Random(5), START
    for _ in range(400):
        now += dice.randrange(1_000_000)
        costs = [dice.choice((1, 70, 400))]
        assert store.charge([policy], ["a"], costs, now) == memory.charge([policy], ["a"], costs, now)


def test_generation_changes_in_every_process() -> None:
    table = SharedTable.create(64)
    store, policy = SharedStore(table, 1.0), Policy("p", 5, HOUR)
    before = store.generation

    def reset() -> int:
        SharedStore(table, 1.0).forget([policy], ["a"])
        return 0

    os.waitpid(forked(reset), 0)
    assert store.generation != before


def test_named_file_joins_processes_started_apart(tmp_path: Path) -> None:
    path = str(tmp_path / "limits")
    program = (
        "import sys; from wsgi_guard.stores import Policy; from wsgi_guard.stores.shared import *\n"
        "store = SharedStore(SharedTable.create(64, sys.argv[1]), 5.0)\n"
        "print(sum(store.charge([Policy('p', 100, 3600)], ['a'])[0] for _ in range(40)))"
    )
    command = [sys.executable, "-c", program, path]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert sum(int(child.communicate(timeout=60)[0]) for child in running) == 100
    assert os.stat(path).st_mode & 0o777 == 0o600
