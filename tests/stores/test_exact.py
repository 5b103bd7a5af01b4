"""Many processes and threads at one key: exactly the limit passes, wherever it is counted."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from tests.stores.children import forked
from tests.support.redis import Redis
from wsgi_guard.stores import Policy, Store
from wsgi_guard.stores.contract import BUCKET, LOG, WINDOW
from wsgi_guard.stores.redis import RedisStore
from wsgi_guard.stores.shared import SharedStore, SharedTable

_serial = count()


@pytest.fixture(params=["shared", "redis"])
def opened(request: pytest.FixtureRequest) -> Callable[[], Store]:
    if request.param == "shared":
        table = SharedTable.create(1024)
        return lambda: SharedStore(table, 20.0)
    server: Redis = request.getfixturevalue("shared_redis")
    return lambda: RedisStore(server.url, 20.0)


@pytest.mark.parametrize("algorithm", [WINDOW, LOG, BUCKET])
@pytest.mark.parametrize("others", [0, 2])
def test_processes_and_threads_admit_exactly_the_limit(
    opened: Callable[[], Store], algorithm: str, others: int
) -> None:
    """8 processes of 4 threads; with other policies beside, whose keys may lie elsewhere."""
    mark = f"exact-{os.getpid()}-{next(_serial)}"
    limits = [1000, 10_000, 10_000][: 1 + others]
    policies = [Policy(f"{mark}-{n}", limit, 31 * 86400, algorithm=algorithm) for n, limit in enumerate(limits)]

    def hammer() -> int:
        store = opened()

        def charge(thread: int) -> int:
            mine = ["one", f"thread-{thread}", "all"][: 1 + others]
            return sum(store.charge(policies, mine)[0] for _ in range(50))

        with ThreadPoolExecutor(4) as threads:
            return sum(threads.map(charge, range(4)))

    children = [forked(hammer) for _ in range(8)]
    admitted = sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children)
    assert admitted == 1000
