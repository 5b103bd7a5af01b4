"""Who holds a connection: told when it is held too long, and when there is none left."""

from __future__ import annotations

import json
import socket
import threading
import time

import psycopg_pool
import pytest

from tests.db.conftest import MakeData, Run, told
from wsgi_guard.errors import Outage
from wsgi_guard.observe.logs import JsonFormatter


def said(caplog: pytest.LogCaptureFixture, words: str, patience: float = 20.0) -> list[str]:
    deadline = time.monotonic() + patience
    while not (found := [r.getMessage() for r in caplog.records if words in r.getMessage()]):
        assert time.monotonic() < deadline, f"nobody said {words!r}"
        time.sleep(0.01)
    return found


def test_leak_is_told_once_with_request_and_stack(
    make_data: MakeData, place: str, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    data = make_data({"leak_after": 0.2}, main=place)
    with run(data) as facts:
        facts.environ["wsgi_guard.db"]().execute("SELECT 'secret', 2")
        (line,) = said(caplog, "holds a connection")
        assert facts.request_id in line
        assert f"{__file__}:" in line
        assert "test_leak_is_told_once" in line
        assert "SELECT ?, .." in line
        assert "secret" not in line
        (record,) = [each for each in caplog.records if "holds a connection" in each.getMessage()]
        assert json.loads(JsonFormatter().format(record))["request_id"] == facts.request_id
        time.sleep(0.3)
        assert len(said(caplog, "holds a connection")) == 1
    assert data.pools["main"].watch.holders.leaks == 1
    assert len(data.pools["main"].watch.holders) == 0


def test_returned_in_time_is_no_leak(make_data: MakeData, place: str, caplog: pytest.LogCaptureFixture) -> None:
    data = make_data({"leak_after": 1.0}, main=place)
    for _ in range(24):
        with data.pools["main"].connection() as conn:
            conn.execute("SELECT pg_sleep(0.05)")
    assert told(caplog) == []


def test_exhausted_pool_names_its_holders(
    make_data: MakeData, place: str, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    data = make_data({"max_size": 1, "timeout": 0.3}, main=place)
    data.pools["main"].wait(10)
    with run(data) as holder:
        holder.environ["wsgi_guard.db"]().execute("SELECT n FROM t WHERE n = 5")
        with run(data, 503) as other:
            with pytest.raises(psycopg_pool.PoolTimeout) as caught:
                other.environ["wsgi_guard.db"]()
            assert isinstance(other.noted, Outage)
        text = str(caught.value)
        for words in ("1 held", holder.request_id, f"{__file__}:", "SELECT n FROM t WHERE n = ?"):
            assert words in text
        assert said(caplog, holder.request_id)


def test_too_long_a_queue_names_the_holders(make_data: MakeData, place: str) -> None:
    pool = make_data({"max_size": 1, "max_waiting": 1, "timeout": 3.0}, main=place).pools["main"]
    held = pool.getconn()
    waiting = threading.Thread(target=lambda: pool.getconn().close())
    waiting.start()
    while not pool.get_stats()["requests_waiting"]:
        time.sleep(0.005)
    with pytest.raises(psycopg_pool.TooManyRequests, match=r"code outside requests .*test_holders\.py:"):
        pool.getconn()
    held.close()
    waiting.join(5)


def test_pool_that_connects_says_so(make_data: MakeData) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        data = make_data({"timeout": 0.2}, main=f"postgresql://app@127.0.0.1:{silent.getsockname()[1]}/none")
        with pytest.raises(psycopg_pool.PoolTimeout, match="it is still connecting"):
            data.pools["main"].getconn()
