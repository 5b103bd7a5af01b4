"""Which connections a request holds, and how its transaction ends; the pools of one guard by name.

One connection of each pool at most belongs to a request: taken when first asked for, committed or rolled back when the
head of the response is known, given back at the end.
"""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NoReturn

from wsgi_guard.facts import Facts, current
from wsgi_guard.routes import Template

if TYPE_CHECKING:
    from .connection import PooledConnection
    from .pool import Pool

log = logging.getLogger("wsgi_guard.db")


class Pools(Mapping[str, "Pool"]):
    """The pools of one guard, and what its running requests hold of them."""

    def __init__(self, pools: Mapping[str, Pool], autocommit: Mapping[str, frozenset[Template]]) -> None:
        self._pools = dict(pools)
        # By pool: on which paths there is no transaction around the request.
        self._autocommit = {name: templates for name, templates in autocommit.items() if templates}
        # The process that serves requests. A child that the app forks inherits the running request, but nobody ends
        # that request there, so its connections and transactions are no business of the child's.
        self.home = 0
        # Only requests that use the database are in here, each until its end.
        self.held: dict[Facts, dict[str, PooledConnection]] = {}

    def __getitem__(self, name: str) -> Pool:
        return self._pools[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pools)

    def __len__(self) -> int:
        return len(self._pools)

    def __repr__(self) -> str:
        return f"<Pools {', '.join(self._pools)}>"

    def of_request(self, facts: Facts, name: str = "main") -> PooledConnection:
        """The connection this request has of pool `name`, taken now if it has none. RuntimeError after its end."""
        if not facts.open:
            ended()
        if self.home != os.getpid():
            # A child forked in the middle of it: nobody ends the request here.
            own = self._pools[name].getconn()
            own.lend()
            return own
        held = self.held.setdefault(facts, {})
        conn = held.get(name)
        if conn is None:
            fresh = self._pools[name].getconn()
            conn = held.setdefault(name, fresh)
            if conn is fresh:
                conn.hold(facts.request_id)
                if self._commits_each(facts, name):
                    conn.autocommit = True
            else:
                # Another thread of the same request was faster.
                fresh.close()
        return conn

    def _commits_each(self, facts: Facts, name: str) -> bool:
        templates = self._autocommit.get(name)
        return templates is not None and any(hit.template in templates for hit in facts.route.hits)

    def settle(self, facts: Facts, *, keep: bool) -> None:
        """Ends the open transactions of a request; raises the driver's error of a commit that failed.

        With several pools the first failure rolls back those that are not committed yet. A connection in the middle
        of an operation, such as a body that streams rows already, is left to `give_back`.
        """
        conns = [conn for conn in self.held.get(facts, {}).values() if not conn.at_work]
        try:
            while keep and conns:
                conns[0].keep()
                del conns[0]
        finally:
            for conn in conns:
                conn.undo()

    def give_back(self, facts: Facts, *, keep: bool) -> None:
        """Ends what is open as `settle` does, and returns the connections whatever happens."""
        try:
            self.settle(facts, keep=keep)
        finally:
            for name, conn in self.held.pop(facts, {}).items():
                if conn.at_work:
                    log.warning(
                        "request %s: ended at work in pool %r, its transaction is undone", facts.request_id, name
                    )
                conn.let_go()

    def untouched(self, facts: Facts) -> bool:
        """Whether the request has nothing uncommitted: its connections are between two transactions."""
        return all(conn.between for conn in self.held.get(facts, {}).values())

    def start_over(self, facts: Facts) -> None:
        """Undoes what is open; a connection that was lost is given back, so that another is taken at the next call."""
        held = self.held.get(facts, {})
        for name, conn in list(held.items()):
            conn.undo()
            if conn.closed:
                del held[name]
                conn.let_go()

    def aborted(self, facts: Facts) -> bool:
        """Whether a statement of the request failed and left its transaction with nothing to commit."""
        return any(conn.aborted for conn in self.held.get(facts, {}).values())

    def lost_writes(self, facts: Facts) -> bool:
        """Whether rows were changed in a transaction that then failed, so that the changes are gone."""
        return any(conn.aborted and conn.wrote for conn in self.held.get(facts, {}).values())

    def holds(self, facts: Facts) -> bool:
        """Whether there is something to end; never in a child that was forked in the middle of the request."""
        return facts in self.held and self.home == os.getpid()

    def close(self, timeout: float = 5.0) -> None:
        for pool in self._pools.values():
            pool.close(timeout)


def ended(name: str = "main") -> NoReturn:
    """What `wsgi_guard.db` is after the request."""
    raise RuntimeError("the request has ended, its connections are given back")


# The pools of each guard that is alive in this process, in the order in which they were built.
_built: list[weakref.ref[Pools]] = []
# The names that pools of this process ever had: whether a name that nobody knows belonged to a guard that is gone.
_named: set[str] = set()


def announce(pools: Pools) -> None:
    """Makes `pools` known to code that runs outside requests, for as long as their guard lives."""
    _built[:] = [ref for ref in _built if ref() is not None]
    _built.append(weakref.ref(pools))
    _named.update(pools)


def own_pools(facts: Facts | None) -> list[tuple[Pools, Facts]]:
    """The pools of a request and the facts that hold their connections, of the inner guard before the outermost."""
    holders = [] if facts is None else [facts] if facts.root is facts else [facts, facts.root]
    return [
        (pools, holder)
        for holder in holders
        if isinstance(pools := holder.pools, Pools) and pools.home == os.getpid()
    ]


def of_this_request(name: str) -> tuple[Pools, Facts] | None:
    """The pools that have `name` and belong to the running request."""
    return next(((pools, holder) for pools, holder in own_pools(current()) if name in pools), None)


def anywhere(name: str) -> Pool:
    """The pool of that name of the guard built last. RuntimeError when no guard has it."""
    known = [pools for ref in reversed(_built) if (pools := ref()) is not None]
    for pools in known:
        if name in pools:
            return pools[name]
    if name in _named:
        raise RuntimeError(
            f"the guard that had the pool {name!r} is gone, for nothing refers to it: keep what Guard(app) returns"
        )
    names = sorted({name for pools in known for name in pools})
    if not names:
        raise RuntimeError("no pool is configured: set DATABASE_URL or [pools.main], and build the Guard first")
    raise RuntimeError(f"no pool {name!r} is configured, only {', '.join(map(repr, names))}")
