"""Places in the queue for a connection."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from psycopg_pool import PoolClosed, PoolTimeout

from tests.support.postgres import Postgres
from wsgi_guard.db.pool import Pool
from wsgi_guard.db.turn import Turn
from wsgi_guard.settings.pools import PoolSection
from wsgi_guard.settings.secret import Secret

CONN: Any = object()


def test_who_was_given_a_connection_has_it() -> None:
    turn = Turn()
    assert turn.set(CONN)
    assert turn.wait(0.0) is CONN
    assert not turn.set(object())
    assert not turn.fail(PoolClosed())


def test_who_gave_up_is_given_nothing() -> None:
    turn = Turn()
    with pytest.raises(PoolTimeout):
        turn.wait(0.01)
    assert not turn.set(CONN)
    assert turn.conn is None


def test_who_was_refused_hears_why() -> None:
    turn = Turn()
    assert turn.fail(PoolClosed("it is closed"))
    with pytest.raises(PoolClosed, match="it is closed"):
        turn.wait(1.0)


def test_giving_and_giving_up_never_both_happen() -> None:
    given, taken = 0, 0
    for _ in range(300):
        turn = Turn()
        asked = threading.Thread(target=given_up, args=(turn,))
        asked.start()
        given += turn.set(CONN)
        asked.join()
        taken += turn.conn is CONN
    assert given == taken


def given_up(turn: Turn) -> None:
    try:
        turn.wait(0.0001)
    except PoolTimeout:
        assert turn.conn is None


def test_interrupted_wait_loses_no_connection(postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool("main", PoolSection(url=Secret(postgres_server.url), max_size=1))
    try:
        held = pool.getconn()
        wait = Turn.wait

        def interrupted(turn: Turn, timeout: float) -> Any:
            held.close()
            wait(turn, timeout)
            raise KeyboardInterrupt

        monkeypatch.setattr(Turn, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.getconn()
        monkeypatch.undo()
        with pool.connection(timeout=1.0) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        assert pool.get_stats()["requests_errors"] == 1
    finally:
        pool.close(0.2)


def test_queue_is_first_come_first_served(postgres_server: Postgres) -> None:
    pool = Pool("main", PoolSection(url=Secret(postgres_server.url), max_size=1))
    order: list[int] = []

    def work(number: int) -> None:
        with pool.connection() as conn:
            order.append(number)
            conn.execute("SELECT 1")

    try:
        held, threads = pool.getconn(), [threading.Thread(target=work, args=(number,)) for number in range(5)]
        for waiting, thread in enumerate(threads, start=1):
            thread.start()
            while pool.get_stats()["requests_waiting"] < waiting:
                pass
        held.close()
        for thread in threads:
            thread.join()
        assert order == [0, 1, 2, 3, 4]
    finally:
        pool.close(0.2)


def test_drained_and_aged_connections_are_replaced(postgres_server: Postgres) -> None:
    pool = Pool("main", PoolSection(url=Secret(postgres_server.url), max_size=1))
    try:
        with pool.connection() as conn:
            first = conn.info.backend_pid
            pool.drain()
        with pool.connection() as conn:
            second = conn.info.backend_pid
            conn._expire_at = 0.0
        with pool.connection() as conn:
            third = conn.info.backend_pid
        with pool.connection() as conn:
            assert conn.info.backend_pid == third
        assert len({first, second, third}) == 3
    finally:
        pool.close(0.2)


def test_connection_of_a_closed_pool_is_closed(postgres_server: Postgres) -> None:
    pool = Pool("main", PoolSection(url=Secret(postgres_server.url), max_size=1))
    conn = pool.getconn()
    pool.close(0.2)
    conn.close()
    assert conn.closed
