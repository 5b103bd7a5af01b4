"""The data layer: hands pools to the app, ends the request's transaction, gives back what was taken.

A request without the database costs two keys of the environ. Connecting and waiting are `pool.py`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Head, Outcome
from wsgi_guard.routes import Routes
from wsgi_guard.series import Series
from wsgi_guard.settings.pools import PoolSection

from . import decide
from .leases import Pools, announce, ended
from .saturation import Saturation

if TYPE_CHECKING:
    from wsgi_guard.board import Board

    from .pool import Pool

log = logging.getLogger("wsgi_guard.db")


class Data:
    """The pools of one guard. ConfigurationError names each pool that cannot be; nothing is opened here."""

    name = "data"
    # A commit that failed is a 500 whatever guard.on_layer_error says: the data is not there.
    vital = True

    def __init__(
        self, sections: Mapping[str, PoolSection], routes: Routes | None = None, workers: Callable[[], int] = lambda: 1,
        board: Callable[[], Board | None] = lambda: None,
    ) -> None:
        """`workers` returns how many processes of this host have the same pools, `board` where these tell of them."""
        add = (routes or Routes()).add
        autocommit = {name: frozenset(map(add, section.autocommit)) for name, section in sections.items()}
        self._sections = dict(sections)
        self.pools = Pools(_build(sections, workers), autocommit)
        self._main = self.pools.get("main")
        # Looked into here, for most requests are not in it.
        self._held = self.pools.held
        self.saturation = Saturation(self.pools, board)
        announce(self.pools)

    def start(self) -> None:
        self.pools.home = os.getpid()
        for name, section in self._sections.items():
            if section.open == "start":
                self.pools[name].open()

    def prepare(self, facts: Facts) -> None:
        environ = facts.environ
        environ["wsgi_guard.pools"] = self.pools
        if self._main is not None:
            environ["wsgi_guard.pool"] = self._main
            environ["wsgi_guard.db"] = facts.db
        facts.pools = self.pools

    def after(self, facts: Facts, head: Head) -> None:
        """Commits or rolls back before a byte of the head leaves; a commit that fails raises, which makes it a 500."""
        if facts not in self._held or not self.pools.holds(facts):
            return
        raised = facts.error is not None or head.exc_info is not None
        if head.code < 400 and not raised and self.pools.aborted(facts):
            self._swallowed(facts)
        self.pools.settle(facts, keep=decide.keeps(head.code, raised=raised))

    def _swallowed(self, facts: Facts) -> None:
        """The app answers as if all were well, and nothing will be committed. Raises where that loses something."""
        if self.pools.lost_writes(facts):
            self.pools.settle(facts, keep=False)
            raise _undone()
        log.warning("request %s: a statement failed, the app went on: nothing is committed", facts.request_id)

    def finish(self, facts: Facts, outcome: Outcome) -> None:
        """Ends the second transaction, that of a streaming body, and gives the connections back."""
        lost = False
        if facts in self._held and self.pools.holds(facts):
            raised = facts.error is not None or outcome.error is not None or outcome.end not in ("return", "close")
            keep = decide.keeps(outcome.code, raised=raised)
            lost = keep and self.pools.lost_writes(facts)
            self.pools.give_back(facts, keep=keep and not lost)
        if self._main is not None:
            # Facts hold the environ, which must not hold them: only the garbage collector would free the two.
            facts.environ["wsgi_guard.db"] = ended
        if lost:
            # The head has left; what is raised here is on record.
            raise _undone()

    def pings(self) -> dict[str, Callable[[float], Mapping[str, float]]]:
        """For health: "postgres" asks the server of the pool `main`, "postgres-<name>" that of another.

        Each call makes a connection of its own, so a check neither waits for a busy pool nor takes from it, and
        returns how full the pool is, in all processes of the host that share a board.
        """
        return {
            "postgres" if name == "main" else f"postgres-{name}": partial(_ping, name, section, self.saturation)
            for name, section in self._sections.items()
        }

    def report(self) -> str | None:
        """A sentence while requests of this process get no connection, else None."""
        from .stats import exhaustion

        return exhaustion(self.pools)

    def series(self) -> Iterable[Series]:
        """The pools in numbers, for metrics."""
        from .stats import series

        return series(self.pools)

    def close(self, timeout: float = 5.0) -> None:
        """Closes the pools of this process; each thread of theirs is waited for `timeout` seconds at most."""
        self.pools.close(timeout)


def _undone() -> Exception:
    from psycopg.errors import InFailedSqlTransaction

    return InFailedSqlTransaction("a statement failed and the app went on: what it wrote before is undone")


def _build(sections: Mapping[str, PoolSection], workers: Callable[[], int]) -> dict[str, Pool]:
    from .pool import Pool
    from .room import Room

    pools, problems = {}, []
    room = Room(sections, workers)
    for name, section in sections.items():
        try:
            pools[name] = Pool(name, section, room.look)
        except ValueError as error:
            problems.append(f"pools.{name}: {error}")
    if problems:
        raise ConfigurationError(problems)
    return pools


def _ping(name: str, section: PoolSection, saturation: Saturation, timeout: float) -> Mapping[str, float]:
    from . import wire
    from .options import whole_conninfo

    # The section keeps its URL secret in every repr; a closure over the text would not.
    wire.ping(whole_conninfo(name, section), timeout)
    return saturation.of(name)
