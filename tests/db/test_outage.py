"""The pool while its server is stopped, killed, frozen, full, or behind a line that breaks."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import psycopg_pool
import pytest

from tests.db.conftest import MakeData, Run, backends
from tests.health.ticking import until
from tests.support.postgres import Postgres
from tests.support.proxy import BreakableProxy
from wsgi_guard.db import decide, wire
from wsgi_guard.db.pool import Pool
from wsgi_guard.errors import Outage

TIMEOUT = 0.7
# Below the two seconds that the driver itself takes at least.
SLACK = 1.2
HEALED = 2.0
QUICK = {"timeout": TIMEOUT, "max_size": 4}
# Where a request must succeed, on a busy machine too.
PATIENT = {**QUICK, "timeout": 10.0}


def ask(pool: Pool) -> Any:
    with pool.connection() as conn:
        return conn.execute("SELECT 1").fetchone()


def fill(pool: Pool, count: int) -> None:
    """Leaves `count` connections idle in the pool."""
    conns = [pool.getconn(10) for _ in range(count)]
    for conn in conns:
        conn.close()


def seconds_to_fail(pool: Pool) -> float:
    started = time.monotonic()
    with pytest.raises(psycopg.OperationalError):
        ask(pool)
    return time.monotonic() - started


def seconds_to_heal(pool: Pool) -> float:
    started = time.monotonic()
    while True:
        try:
            ask(pool)
        except psycopg.OperationalError:
            assert time.monotonic() - started < 30
        else:
            return time.monotonic() - started


def test_restart_costs_no_request(make_data: MakeData, private_postgres: Postgres) -> None:
    pool = make_data(PATIENT, main=private_postgres.url).pools["main"]
    fill(pool, 4)
    private_postgres.restart()
    assert ask(pool) == (1,)


def test_restart_within_trust_costs_no_request(make_data: MakeData, private_postgres: Postgres) -> None:
    pool = make_data(PATIENT, main=private_postgres.url).pools["main"]
    fill(pool, 4)
    with psycopg.connect(private_postgres.admin_url) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
    while backends(private_postgres):
        time.sleep(0.005)
    for _ in range(4):
        assert ask(pool) == (1,)


def test_stopped_server_fails_in_time_then_fast(make_data: MakeData, private_postgres: Postgres, run: Run) -> None:
    data = make_data(QUICK, main=private_postgres.url)
    pool = data.pools["main"]
    fill(pool, 3)
    private_postgres.stop()
    with run(data, 500) as facts:
        assert seconds_to_fail(pool) < TIMEOUT + SLACK
        assert isinstance(facts.noted, Outage)
        assert dict(facts.noted.headers)["Retry-After"] == "5"
    while not pool.watch.pulse.away(TIMEOUT):
        seconds_to_fail(pool)
    # One of them may be the one that waits to see whether the server is back.
    assert min(seconds_to_fail(pool) for _ in range(3)) < decide.AWAY_PATIENCE
    private_postgres.start()
    assert seconds_to_heal(pool) < HEALED


def test_server_down_from_the_start(make_data: MakeData, private_postgres: Postgres) -> None:
    private_postgres.kill()
    pool = make_data(QUICK, main=private_postgres.url).pools["main"]
    for _ in range(3):
        assert seconds_to_fail(pool) < TIMEOUT + SLACK
    private_postgres.start()
    assert seconds_to_heal(pool) < HEALED


def test_frozen_server_holds_nobody_longer(make_data: MakeData, private_postgres: Postgres, run: Run) -> None:
    data = make_data(QUICK, main=private_postgres.url)
    pool = data.pools["main"]
    fill(pool, 4)
    private_postgres.freeze()
    time.sleep(decide.TRUSTED)
    for _ in range(3):
        with run(data, 500) as facts:
            assert seconds_to_fail(pool) < TIMEOUT + SLACK
            assert isinstance(facts.noted, Outage)
    private_postgres.thaw()
    assert seconds_to_heal(pool) < HEALED


def test_deaf_line_holds_nobody_longer(
    make_data: MakeData, private_postgres: Postgres, deaf_proxy: Callable[[str], BreakableProxy]
) -> None:
    proxy = deaf_proxy(private_postgres.url)
    pool = make_data(QUICK, main=proxy.url).pools["main"]
    fill(pool, 2)
    proxy.deafen()
    time.sleep(decide.TRUSTED)
    for _ in range(3):
        assert seconds_to_fail(pool) < TIMEOUT + SLACK
    proxy.hear()
    assert seconds_to_heal(pool) < HEALED


def test_connection_lost_in_mid_query_is_outage(make_data: MakeData, private_postgres: Postgres, run: Run) -> None:
    data = make_data({**PATIENT, "max_size": 1}, main=private_postgres.url)
    pool = data.pools["main"]
    with run(data, 500) as facts:
        with pytest.raises(psycopg.OperationalError), pool.connection() as conn:
            with psycopg.connect(private_postgres.admin_url) as admin:
                admin.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
            conn.execute("SELECT pg_sleep(5)")
        assert isinstance(facts.noted, Outage)
        assert isinstance(facts.cause, psycopg.OperationalError)
    assert ask(pool) == (1,)


def test_lost_connections_do_not_shrink_the_pool(make_data: MakeData, private_postgres: Postgres) -> None:
    pool = make_data({**PATIENT, "max_size": 2}, main=private_postgres.url).pools["main"]
    for _ in range(4):
        conn = pool.getconn()
        with psycopg.connect(private_postgres.admin_url) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT 1")
        assert conn.closed
        conn.close()
    first, second = pool.getconn(), pool.getconn()
    first.close()
    second.close()


def test_server_without_a_free_connection_is_outage(make_data: MakeData, run: Run) -> None:
    server = Postgres(max_connections=5)
    try:
        data = make_data(QUICK, main=server.url)
        with psycopg.connect(server.url), psycopg.connect(server.url), run(data, 500) as facts:
            assert seconds_to_fail(data.pools["main"]) < TIMEOUT + SLACK
            assert isinstance(facts.noted, Outage)
        assert seconds_to_heal(data.pools["main"]) < HEALED
    finally:
        server.discard()


def test_busy_pool_waits_although_growth_fails(make_data: MakeData, run: Run) -> None:
    """The server refuses more connections, but those there are come back: nobody is turned away early."""
    server = Postgres(max_connections=5)
    try:
        data = make_data({"timeout": 5.0, "max_size": 4}, main=server.url)
        pool = data.pools["main"]
        with psycopg.connect(server.url):
            conn = pool.getconn()
            with pytest.raises(psycopg_pool.PoolTimeout):
                pool.getconn(timeout=0.3)
            # The attempt to grow ends when the server has answered it, on a busy machine after the wait has.
            deadline = time.monotonic() + 10
            while not pool.watch.pulse.weak:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            conn.close()
            assert not pool.watch.pulse.weak
    finally:
        server.discard()


def test_caught_timeout_stays_with_the_app(make_data: MakeData, private_postgres: Postgres, run: Run) -> None:
    private_postgres.kill()
    data = make_data({"timeout": 0.1}, main=private_postgres.url)
    with run(data, 200) as facts, pytest.raises(psycopg_pool.PoolTimeout):
        data.pools["main"].getconn()
    assert facts.error is None


def test_pool_in_hands_is_no_server_that_is_away(make_data: MakeData, private_postgres: Postgres) -> None:
    """One connection breaks and is kept all the same: nobody connects, and still somebody asks for the server."""
    pool = make_data({**QUICK, "max_size": 2}, main=private_postgres.url).pools["main"]
    first, second = pool.getconn(10), pool.getconn(10)
    with psycopg.connect(private_postgres.admin_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [first.backend])
    with pytest.raises(psycopg.OperationalError):
        first.execute("SELECT 1")
    until(lambda: not pool.watch.pulse.weak)
    with pytest.raises(psycopg_pool.PoolTimeout, match="2 held, by code outside requests"):
        pool.getconn(0.1)
    private_postgres.stop()
    with pytest.raises(psycopg.OperationalError):
        second.execute("SELECT 1")
    with pytest.raises(psycopg_pool.PoolTimeout, match="the server is away"):
        pool.getconn(0.1)
    private_postgres.start()
    until(lambda: not pool.watch.pulse.weak)
    first.close()
    second.close()
    assert ask(pool) == (1,)


def test_ping_tells_up_from_down(make_data: MakeData, private_postgres: Postgres) -> None:
    data = make_data(QUICK, main=private_postgres.url, training=private_postgres.url)
    assert sorted(data.pings()) == ["postgres", "postgres-training"]
    ping = data.pings()["postgres"]
    ping(1.0)
    # The server needs a moment to see that a connection is closed.
    until(lambda: backends(private_postgres) == 0)
    private_postgres.freeze()
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        ping(0.3)
    assert time.monotonic() - started < 0.3 + SLACK
    private_postgres.thaw()
    ping(2.0)
    private_postgres.stop()
    with pytest.raises(ConnectionError) as caught:
        ping(1.0)
    assert str(private_postgres.port) not in str(caught.value)


def test_ping_needs_no_room_in_the_pool(make_data: MakeData, postgres_server: Postgres) -> None:
    data = make_data({"max_size": 1}, main=postgres_server.url)
    with data.pools["main"].connection():
        data.pings()["postgres"](1.0)


def test_broken_round_trip_is_connection_error(private_postgres: Postgres) -> None:
    pgconn = wire.connect(private_postgres.url, time.monotonic() + 5)
    try:
        wire.round_trip(pgconn, time.monotonic() + 5)
        private_postgres.kill()
        with pytest.raises(ConnectionError):
            wire.round_trip(pgconn, time.monotonic() + 5)
    finally:
        pgconn.finish()


def test_interpreter_ends_without_waiting(private_postgres: Postgres) -> None:
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from wsgi_guard.db.layer import Data\n"
        "from wsgi_guard.settings.secret import Secret\n"
        "from wsgi_guard.settings.pools import PoolSection\n"
        "data = Data({'main': PoolSection(url=Secret(sys.argv[1]), min_size=3, max_size=6)})\n"
        "data.pools['main'].wait(5)\n"
        "conn = data.pools['main'].getconn()\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    command = [sys.executable, "-W", "error", "-c", code, private_postgres.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        private_postgres.freeze()
        started = time.monotonic()
        _, errors = child.communicate("\n", timeout=20)
        assert (child.returncode, errors) == (0, "")
        # The pool's threads would be waited for five seconds each.
        assert time.monotonic() - started < 4.0


def test_short_absence_is_waited_for(make_data: MakeData, private_postgres: Postgres) -> None:
    """One request alone, with nobody behind it to make the pool try again."""
    pool = make_data({"timeout": 12.0, "reconnect_timeout": 0.5}, main=private_postgres.url).pools["main"]
    fill(pool, 1)
    private_postgres.stop()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(ask, pool)
        time.sleep(3.0)
        private_postgres.start()
        started = time.monotonic()
        assert waiting.result(10) == (1,)
    assert time.monotonic() - started < HEALED


def test_absence_is_told_at_once_to_all_but_one(make_data: MakeData, private_postgres: Postgres) -> None:
    pool = make_data(QUICK, main=private_postgres.url).pools["main"]
    fill(pool, 2)
    private_postgres.stop()
    while not pool.watch.pulse.away(TIMEOUT):
        seconds_to_fail(pool)
    with ThreadPoolExecutor(16) as threads:
        waits = sorted(threads.map(lambda _: seconds_to_fail(pool), range(16)))
    assert waits[13] < decide.AWAY_PATIENCE
