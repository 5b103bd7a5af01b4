"""A request in flight keeps its place however long it lasts; who died loses it with the lease."""

from __future__ import annotations

import os
from threading import Event, Thread
from time import monotonic, sleep

from wsgi_guard.errors import StoreError
from wsgi_guard.ratelimit.leases import Leases
from wsgi_guard.ratelimit.ledger import owed
from wsgi_guard.ratelimit.plan import Owing
from wsgi_guard.stores import Debt, MemoryStore

from .support import Site, rule

ONE = {"limit": "1 per 1 second", "algorithm": "concurrency"}


def _ignore(*_: object) -> None:
    """Nothing is owed late, and failures are looked for elsewhere."""


def _charged(store: MemoryStore) -> Owing:
    (quota,) = Site(rule(**ONE)).layer.rules.find("all").quotas
    admitted, states, at = store.charge([quota], ["a"])
    assert admitted
    (owing,) = owed(store, [quota], ["a"], None, states, at)
    return owing


def _free(owing: Owing, later: float) -> bool:
    """Whether the place is free `later` seconds after it was taken."""
    return owing.store.peek([owing.quota], ["a"], owing.debt.at + int(later * 1_000_000))[0]


def test_long_request_keeps_its_place() -> None:
    site = Site(rule(**ONE))
    long = site.begin()
    site.layer.before(long)
    until = monotonic() + 2.5
    while monotonic() < until:
        assert site.send().code == 429
        sleep(0.05)
    site.end(long, 200)
    assert site.send().code == 200


def test_place_is_renewed_before_its_lease_ends() -> None:
    leases, owing = Leases(_ignore, _ignore), _charged(MemoryStore(100))
    start = monotonic()
    leases.take([owing])
    leases.renew(start + 0.2)
    assert _free(owing, 1.0)
    leases.renew(start + 0.4)
    assert not _free(owing, 1.0)


def test_ended_request_gives_its_renewed_place_back() -> None:
    leases, owing = Leases(_ignore, _ignore), _charged(MemoryStore(100))
    leases.take([owing])
    leases.renew(monotonic() + 0.5)
    debt = leases.end(owing)
    assert debt is not None
    owing.store.refund([debt])
    assert _free(owing, 0.1)


class _Slow(MemoryStore):
    """A store whose renewals wait until they may go on, as over a network."""

    def __init__(self) -> None:
        super().__init__(100)
        self.asked, self.go_on = Event(), Event()

    def renew(self, debts: list[Debt], now: int | None = None) -> list[Debt]:  # type: ignore[override]
        self.asked.set()
        assert self.go_on.wait(10)
        return super().renew(debts, now)


def test_request_that_ends_while_renewed_leaves_nothing_behind() -> None:
    store = _Slow()
    leases, owing = Leases(_ignore, _ignore), _charged(store)
    leases.take([owing])
    renewing = Thread(target=leases.renew, args=(monotonic() + 0.5,))
    renewing.start()
    assert store.asked.wait(10)
    assert leases.end(owing) is None
    store.go_on.set()
    renewing.join(10)
    assert _free(owing, 0.1)


class _Away(MemoryStore):
    def renew(self, debts: list[Debt], now: int | None = None) -> list[Debt]:  # type: ignore[override]
        raise StoreError("away")


def test_failed_renewal_is_told_and_tried_again() -> None:
    failures: list[StoreError] = []
    leases, owing = Leases(_ignore, failures.append), _charged(_Away(100))
    leases.take([owing])
    for later in (0.4, 0.8, 1.2):
        leases.renew(monotonic() + later)
    assert len(failures) == 3
    assert leases.end(owing) == owing.debt


def test_forked_child_renews_its_own_and_not_its_parents() -> None:
    leases, parents = Leases(_ignore, _ignore), _charged(MemoryStore(100))
    leases.take([parents])
    child = os.fork()
    if child == 0:
        own = _charged(MemoryStore(100))
        leases.take([own])
        leases.renew(monotonic() + 0.5)
        os._exit(0 if not _free(own, 1.0) and _free(parents, 1.0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
