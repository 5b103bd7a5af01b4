"""The first statement of a transaction goes to the server together with its BEGIN: one trip instead of two.

Both stand in one pipeline with one end, so what the server answers and the state of the transaction afterwards are what
they are when psycopg waits for BEGIN alone. Only what certainly is one statement goes this way, for a pipeline takes no
more than one in a text, and only with a psycopg whose insides are known.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from psycopg import Cursor, OperationalError, capabilities
from psycopg._preparing import Prepare
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, TransactionStatus

from . import trip

if TYPE_CHECKING:
    from psycopg._queries import PostgresQuery
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGresult

    from .line import Line
    from .patience import Patience

FIRST_WORDS = ("select", "insert", "update", "delete")
LONGEST = 4096
"""Characters of the longest text that is looked at."""
ABLE = trip.KNOWN and capabilities.has_pipeline()
"""With another psycopg BEGIN goes by itself."""

# A member of an enumeration costs ten times what a name does.
_IDLE, _FAILED, _PREPARES = TransactionStatus.IDLE, ExecStatus.FATAL_ERROR, Prepare.SHOULD


@lru_cache(maxsize=512)
def alone(text: str) -> bool:
    """Whether a text is one statement that reads or writes rows. Any semicolon before its end could be a second one."""
    return text.lstrip()[:6].lower() in FIRST_WORDS and ";" not in text.rstrip("; \t\r\n")


class Together(Cursor[Any]):
    """What is put in front of the driver's own plain cursor."""

    __slots__ = ()

    def _execute_gen(self, query: Any, params: Any = None, **options: Any) -> PQGen[None]:
        # Called under the connection's lock.
        conn = self._conn
        if (
            conn._autocommit or conn._pipeline or self._pgconn.transaction_status != _IDLE or self.closed
            or type(query) is not str or len(query) > LONGEST or not ABLE or not alone(query)
        ):  # fmt: skip
            return super()._execute_gen(query, params, **options)
        return self._begin_gen(query, params, **options)

    def _begin_gen(
        self, query: str, params: Any, *, prepare: bool | None = None, binary: bool | None = None
    ) -> PQGen[None]:
        """As the driver's `_execute_gen`, but for BEGIN."""
        conn = self._conn
        self._reset()
        if self._last_query is not query:
            self._last_query, self._tx = None, Transformer(self)
        try:
            pgq = self._convert_query(query, params)
        except Exception:
            yield from conn._start_query()
            raise
        state, name = self._get_prepared(pgq, prepare)
        if state is _PREPARES:
            # A trip of its own already.
            yield from conn._start_query()
            yield from self._maybe_prepare_gen(pgq, prepare=prepare, binary=binary)
        else:
            yield from self._both_gen(pgq, state, name, binary)
        self._last_query = query
        yield from conn._prepared.maintain_gen(conn)

    def _maybe_prepare_gen(
        self, pgq: PostgresQuery, *, prepare: bool | None = None, binary: bool | None = None
    ) -> PQGen[None]:
        # Statements after the first, with what the driver does not know of: this thread's line.
        conn: Any = self._conn
        state, name = self._get_prepared(pgq, prepare)
        if conn.statements is None or state is _PREPARES or conn._pipeline or not trip.KNOWN:
            return (yield from super()._maybe_prepare_gen(pgq, prepare=prepare, binary=binary))
        line = trip.near(conn, conn.statements)
        self._send(line, pgq, name, binary)
        key = conn._prepared.maybe_add_to_cache(pgq, state, name)
        results = yield from trip.answered(self._pgconn, line, conn.statements)
        self._keep(key, state, name, results)

    def _both_gen(self, pgq: PostgresQuery, state: Prepare, name: bytes, binary: bool | None) -> PQGen[None]:
        conn: Any = self._conn
        line = trip.near(conn, conn.statements)
        failure = self._put(line, pgq, name, binary)
        key = None if failure is not None else conn._prepared.maybe_add_to_cache(pgq, state, name)
        begun, results = yield from self._both_answers(line, conn.statements, failure)
        self._check_results(begun)
        if failure is not None:
            raise failure
        self._keep(key, state, name, results)

    def _keep(self, key: Any, state: Prepare, name: bytes, results: list[PGresult]) -> None:
        """What the driver does with the results of a statement; `key` is its place among those to be prepared."""
        if key is not None:
            self._conn._prepared.validate(key, state, name, results)
        self._check_results(results)
        self._set_results(results)

    def _both_answers(
        self, line: Line | None, patience: Patience | None, failure: Exception | None
    ) -> PQGen[tuple[list[PGresult], list[PGresult]]]:
        """Sends the pipeline; the results of BEGIN, and of the statement unless it met `failure`."""
        pgconn = self._pgconn
        pgconn.pipeline_sync()
        yield from trip.reached(pgconn, line, patience)
        begun = yield from trip.answers(pgconn, line, piped=True)
        results: list[PGresult] = []
        try:
            if failure is None:
                results = yield from trip.answers(pgconn, line, piped=True)
            yield from trip.answer(pgconn, line)
            pgconn.exit_pipeline_mode()
        except OperationalError:
            # A server that says why it goes has said so by then.
            if not any(result.status == _FAILED for result in (*begun, *results)):
                raise
        trip.hear(pgconn, line)
        return begun, results

    def _put(self, line: Line | None, pgq: PostgresQuery, name: bytes, binary: bool | None) -> Exception | None:
        """BEGIN and the statement behind it; the error if that cannot be sent, as one of too many parameters."""
        begin = self._conn._get_tx_start_command()
        self._pgconn.enter_pipeline_mode()
        if line is None:
            self._pgconn.send_query_params(begin, None)
        else:
            line.send_plain(begin, 0)
        try:
            self._send(line, pgq, name, binary, piped=True)
        except Exception as error:
            return error
        return None

    def _send(
        self, line: Line | None, pgq: PostgresQuery, name: bytes, binary: bool | None, *, piped: bool = False
    ) -> None:
        """As the driver does it; without parameters on the thread's own line."""
        form = self.format if binary is None else int(binary)
        if line is None or pgq.params:
            if name:
                self._send_query_prepared(name, pgq, binary=binary)
            else:
                self._execute_send(pgq, force_extended=piped, binary=binary)
        elif name:
            line.send_prepared(name, form)
        else:
            self._query = pgq
            # Only the simple protocol takes several statements in one text, and it knows no other form than text.
            line.send_plain(pgq.query, form) if piped or form else line.send_query(pgq.query)
