"""Four gunicorn workers, one root cause: few messages, exact counts, and the last of them when the server ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live.servers import running

from .making import kinds
from .receivers import Hook

OPTIONS = ["--workers", "4", "-c", "python:wsgi_guard.gunicorn"]


@pytest.mark.live
def test_flood_of_four_workers_is_three_messages_with_exact_counts(hook: Hook) -> None:
    env = {"WSGI_GUARD_ALERTS__WEBHOOK__URL": hook.url, "WSGI_GUARD_LOG__ACCESS": "false"}
    with running("gunicorn-sync", "tests.capture.alerts.failing:app", options=OPTIONS, env=env) as site:
        with ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(lambda _: site.get("/fails").status, range(600)))
        site.stop()
    told = kinds(hook.inbox.now())
    assert len(codes) == 600
    assert 1 <= len(told) <= 3
    assert sum(count for _, count, _ in told) == 600
    assert told[-1][2] == 600
