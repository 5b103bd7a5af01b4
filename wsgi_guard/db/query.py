"""Connections and queries for code that has no environ at hand.

Inside a request both functions work on the request's transaction, outside on one of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .leases import anywhere, of_this_request

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.abc import Params, Query
    from psycopg.rows import TupleRow


def get_db_connection(name: str = "main") -> Connection[TupleRow]:
    """A real `psycopg.Connection` of the pool `name`.

    Inside a request: the request's own, the same at each call. Its transaction commits when the app has returned with
    a status below 500 and rolls back otherwise. `with conn:` commits nothing, and rolls the transaction back when its
    block raises; `conn.close()` leaves it to the end of the request. What `conn.commit()` has committed stays.

    Outside a request: one of the caller's own. `with conn:` commits, or rolls back when its block raises, and gives it
    back; `conn.close()` gives it back and rolls back what is not committed.

    Raises psycopg_pool.PoolTimeout or TooManyRequests when the pool has none in time, RuntimeError when no guard has
    such a pool. Outside a request the pool of the guard built last counts.
    """
    found = of_this_request(name)
    if found is not None:
        pools, facts = found
        return pools.of_request(facts, name)
    conn = anywhere(name).getconn()
    conn.lend()
    return conn


def execute_query(sql: Query, params: Params | None = None, *, pool: str = "main") -> list[dict[str, Any]]:
    """The rows of one statement as dicts, [] for a statement that returns none.

    `params` are bound by the server, never formatted into `sql`. Inside a request the statement is part of the
    request's transaction; outside it commits at once. Raises what `get_db_connection` does, and the driver's errors.
    """
    if of_this_request(pool) is not None:
        return _rows(get_db_connection(pool), sql, params)
    with get_db_connection(pool) as conn:
        return _rows(conn, sql, params)


def _rows(conn: Connection[TupleRow], sql: Query, params: Params | None) -> list[dict[str, Any]]:
    from psycopg.rows import dict_row

    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(sql, params)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []
