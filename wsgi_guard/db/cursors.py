"""Cursors that tell their connection what they ran: any class of psycopg's or the app's, with the same calls.

A statement's time is what its connection waited for the server; fetching what has arrived already costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from psycopg import Cursor, Error, ServerCursor, sql

from .together import Together

if TYPE_CHECKING:
    from psycopg import Copy


class Timed(Cursor[Any]):
    """What is put in front of a class of cursors. `connection` is a `PooledConnection` wherever one is made."""

    __slots__ = ()

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        conn: Any = self._conn
        shape, before, query = conn.begin(query)
        try:
            if params is None:
                super().execute(query, **options)
            else:
                super().execute(query, params, **options)
        except Error:
            conn.failed(shape, before, -1)
            raise
        # As `conn.ran`, without its call.
        if shape.writes:
            conn.wrote = True
        conn.watch.ran(shape, conn.spent - before, self.rowcount, conn.root)
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        conn: Any = self.connection
        shape, before, query = conn.begin(query)
        try:
            super().executemany(query, params_seq, **options)
        except Error:
            conn.failed(shape, before, -1)
            raise
        conn.ran(shape, before, self.rowcount)

    def stream(self, query: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        conn: Any = self.connection
        shape, before, query = conn.begin(query)
        rows, told = 0, conn.ran
        given = (query,) if params is None else (query, params)
        try:
            for row in super().stream(*given, **options):
                rows += 1
                yield row
        except Error:
            told = conn.failed
            raise
        finally:
            told(shape, before, rows)

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Copy]:
        conn: Any = self.connection
        shape, before, statement = conn.begin(statement)
        given = (statement,) if params is None else (statement, params)
        try:
            with super().copy(*given, **options) as copy:
                yield copy
        except Error:
            conn.failed(shape, before, -1)
            raise
        conn.ran(shape, before, self.rowcount)


class TimedServer(Timed):
    """In front of cursors that live on the server: fetching asks it, so that counts as the statement's time."""

    __slots__ = ()

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        super().execute(query, params, **options)
        conn: Any = self.connection
        self.asked = conn.asked
        return self

    def fetchone(self) -> Any:
        with _more(self) as rows:
            row = super().fetchone()
            rows.append(int(row is not None))
        return row

    def fetchmany(self, size: int = 0) -> list[Any]:
        with _more(self) as rows:
            found = super().fetchmany(size)
            rows.append(len(found))
        return found

    def fetchall(self) -> list[Any]:
        with _more(self) as rows:
            found = super().fetchall()
            rows.append(len(found))
        return found

    def __next__(self) -> Any:
        with _more(self) as rows:
            row = super().__next__()
            rows.append(1)
        return row


@contextmanager
def _more(cursor: Any) -> Iterator[list[int]]:
    conn = cursor.connection
    before, rows = conn.spent, [0]
    try:
        yield rows
    finally:
        asked = getattr(cursor, "asked", None)
        if asked is not None:
            conn.ran_on(asked, before, rows[-1])


def timed(kind: Any) -> Any:
    """A class of cursors that behaves as `kind` and tells its connection; what is no such class stays as it is."""
    if not isinstance(kind, type) or not issubclass(kind, Cursor) or issubclass(kind, Timed):
        return kind
    return _timed(kind)  # type: ignore[arg-type]  # a class is hashable, its instances need not be


@lru_cache(maxsize=64)
def _timed(kind: Any) -> Any:
    front, slots = (TimedServer, ("asked",)) if issubclass(kind, ServerCursor) else (Timed, ())
    fronts = (front, Together) if kind is Cursor else (front,)
    return type(kind.__name__, (*fronts, kind), {"__slots__": slots, "__module__": kind.__module__})


def marked(query: Any, mark: str) -> Any:
    """The statement with a comment in front of it; one made of a template string is left as it is."""
    if isinstance(query, str):
        return f"/* {mark} */ {query}"
    if isinstance(query, bytes):
        return b"/* %s */ %s" % (mark.encode("ascii"), query)
    if isinstance(query, sql.Composable):
        return sql.SQL("/* {} */ ").format(sql.SQL(mark)) + query
    return query

