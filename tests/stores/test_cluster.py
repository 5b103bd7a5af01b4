"""A Redis Cluster of three masters: keys spread over it, all or nothing for each, a node lost, a slot moved."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from time import monotonic

import pytest

from tests.support.processes import HOST
from tests.support.redis_groups import Nodes, until
from wsgi_guard.errors import ConfigurationError, StoreError
from wsgi_guard.stores import Debt, Policy
from wsgi_guard.stores.redis import open_redis
from wsgi_guard.stores.redis_cluster import ClusterStore
from wsgi_guard.stores.redis_frames import hashed

KEYS = [f"client-{number}" for number in range(60)]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with ExitStack() as stack:
        yield Nodes(stack)


@pytest.fixture
def store(nodes: Nodes) -> Iterator[ClusterStore]:
    opened = open_redis(nodes.url(), 2.0)
    assert isinstance(opened, ClusterStore)
    yield opened
    opened.close()


def _policy(name: str, quantity: int = 2) -> Policy:
    return Policy(name, quantity, 31 * 86400)


def test_keys_are_spread_and_counted_exactly(store: ClusterStore, nodes: Nodes) -> None:
    policies = [_policy("spread-a"), _policy("spread-b", 100)]
    for _ in range(2):
        assert all(store.charge(policies, [key, key])[0] for key in KEYS)
    assert not any(store.charge(policies, [key, key])[0] for key in KEYS)
    assert all(int(nodes.cli(port, "DBSIZE")) > 0 for port in nodes.children)


def test_threads_that_come_first_share_one_look(nodes: Nodes) -> None:
    opened = open_redis(nodes.url(), 2.0)
    gate, policy = Barrier(9), _policy("first", 8)

    def charge(number: int) -> bool:
        gate.wait(10)
        if number == 8:
            # The health check, which looks too.
            opened.ping(2.0)
            return True
        return opened.charge([policy], ["a"])[0]

    with ThreadPoolExecutor(9) as threads:
        assert list(threads.map(charge, range(9))) == [True] * 9
    opened.close()


def test_denial_in_one_slot_gives_back_what_others_took(store: ClusterStore) -> None:
    wide, narrow = _policy("wide", 100), _policy("narrow", 1)
    for key in KEYS[1:]:
        assert store.charge([wide, narrow], [KEYS[0], key])[0]
        assert not store.charge([wide, narrow], [KEYS[0], key])[0]
    assert store.peek([wide], [KEYS[0]])[1][0][3] == len(KEYS) - 1


def test_operators_hand_reaches_every_slot(store: ClusterStore) -> None:
    policy = _policy("hand")
    for key in KEYS[:12]:
        before = store.generation
        _, states, at = store.charge([policy], [key])
        store.refund([Debt(policy, key, 1, at, states[0])])
        assert store.peek([policy], [key])[1][0][3] == 0
        store.block([policy], [key], 60)
        assert not store.charge([policy], [key])[0]
        store.block([policy], [key], 0)
        store.forget([policy], [key])
        assert store.charge([policy], [key])[0]
        assert store.generation > before
    store.ping(2.0)


def test_slot_that_moved_is_followed(store: ClusterStore, nodes: Nodes) -> None:
    policy, key = _policy("moved", 10), KEYS[7]
    assert store.charge([policy], [key])[0]
    slot = str(crc_hqx(hashed(key, 16), 0) % 16384)
    ids = {port: nodes.cli(port, "CLUSTER", "MYID") for port in nodes.children}
    (owner,) = [port for port in ids if nodes.cli(port, "CLUSTER", "COUNTKEYSINSLOT", slot) != "0"]
    other = next(port for port in ids if port != owner)
    nodes.cli(other, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[owner])
    nodes.cli(owner, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[other])
    for name in nodes.cli(owner, "CLUSTER", "GETKEYSINSLOT", slot, "100").split():
        nodes.cli(owner, "MIGRATE", HOST, str(other), name, "0", "1000")
    # On its way: some of its keys are here, some there.
    with pytest.raises(StoreError, match="on its way"):
        store.charge([policy], [key])
    assert store.charge([policy], [KEYS[8]])[0]
    for port in ids:
        nodes.cli(port, "CLUSTER", "SETSLOT", slot, "NODE", ids[other])
    assert store.charge([policy], [key])[1][0][3] == 2
    assert store.charge([policy], [key])[1][0][3] == 3


def test_lost_node_takes_only_its_own_keys_along(nodes: Nodes) -> None:
    store = open_redis(nodes.url(), 0.5)
    policy = _policy("lost", 10**6)
    assert all(store.charge([policy], [key])[0] for key in KEYS)
    child = next(iter(nodes.children.values()))
    child.freeze()
    found = []
    for key in KEYS * 2:
        began = monotonic()
        try:
            found.append(store.charge([policy], [key])[0])
        except StoreError:
            found.append(False)
        assert monotonic() - began < 3.0
    assert 0 < found.count(True) < len(found)
    child.thaw()

    def all_back() -> bool:
        try:
            return all(store.charge([policy], [key])[0] for key in KEYS)
        except StoreError:
            return False

    until(all_back)
    store.close()


@pytest.mark.parametrize("url", ["redis+cluster://", "redis+cluster://secret@a:1/3", "redis+cluster://secret@a:x"])
def test_incomplete_url_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_redis(url, 1.0)
    assert "secret" not in str(caught.value)
