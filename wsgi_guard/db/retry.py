"""Runs work again that met a passing failure: a conflict with other transactions, a lost connection, a server starting.

Whoever decorates a function declares that it may run more than once. What a request did before it in an open
transaction would be lost with a rollback, so then nothing is run again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import wraps
from time import sleep
from typing import Any, ParamSpec, TypeVar, overload

from wsgi_guard.facts import Facts, current

from . import decide
from .leases import own_pools

P = ParamSpec("P")
R = TypeVar("R")


@overload
def retry_transient(work: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def retry_transient(
    *, attempts: int = 3, first: float = 0.05, longest: float = 1.0
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def retry_transient(
    work: Callable[..., Any] | None = None, /, *, attempts: int = 3, first: float = 0.05, longest: float = 1.0
) -> Any:
    """`work`, run up to `attempts` times while it meets a passing failure of the database.

    Between two runs it sleeps `first` seconds, doubled each time up to `longest`, less up to a half by chance. Within a
    request whose transaction has begun already it runs once. The last failure is raised as it is. ValueError when
    `attempts` is below 1.
    """
    if attempts < 1:
        raise ValueError(f"attempts must be 1 or more, not {attempts!r}")

    def decorate(work: Callable[P, R]) -> Callable[P, R]:
        @wraps(work)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            return _run(lambda: work(*args, **kwargs), attempts, first, longest)

        return run

    return decorate if work is None else decorate(work)


def _run(work: Callable[[], R], attempts: int, first: float, longest: float) -> R:
    facts = current()
    before = (facts.root.noted, facts.root.cause) if facts is not None else (None, None)
    attempt = 1
    while True:
        clean = _clean(facts)
        try:
            found = work()
        except Exception as error:
            if attempt >= attempts or not clean or not _passes(error):
                raise
            for pools, holder in own_pools(facts):
                pools.start_over(holder)
        else:
            if facts is not None and attempt > 1:
                # The outage that was noted has been overcome.
                facts.root.noted, facts.root.cause = before
            return found
        # Chance spreads load here, it protects nothing.
        sleep(decide.pause(attempt, random.random(), first=first, longest=longest))  # noqa: S311
        attempt += 1


def _clean(facts: Facts | None) -> bool:
    """Whether no work of the request would be undone by a rollback."""
    return all(pools.untouched(holder) for pools, holder in own_pools(facts))


def _passes(error: Exception) -> bool:
    """Whether an error is one of the passing kind. A pool without a free connection is not: its wait was the retry."""
    from psycopg import Error, OperationalError
    from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

    if not isinstance(error, Error) or isinstance(error, PoolClosed | PoolTimeout | TooManyRequests):
        return False
    # What the driver raises by itself, without a state of the server's, is about the connection.
    gone = isinstance(error, OperationalError) and error.sqlstate is None
    return decide.transient(error.sqlstate, gone)


