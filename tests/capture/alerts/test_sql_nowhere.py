"""What a PostgreSQL repeats of the data in its errors is in nothing that leaves; what it names of the schema is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql

from tests.support.calling import request, serve
from tests.support.postgres import Postgres

from .making import desk_of
from .sinks import Sinks, leaked

SECRET = "Xq7)=(plughXYZ\") 'W]qq\nJumbler7xYzzy, vulp{ex"
WORD = "xyzzyplugh77"

SCHEMA = """
DROP SCHEMA IF EXISTS told CASCADE;
CREATE SCHEMA told;
SET search_path = told;
CREATE TYPE mood AS ENUM ('ok');
CREATE TYPE texts AS RANGE (subtype = text);
CREATE TABLE people (name text, email text, CONSTRAINT people_key UNIQUE (email, name));
CREATE TABLE orders (name text, email text, note text NOT NULL CONSTRAINT long_note CHECK (length(note) < 3),
    CONSTRAINT orders_people FOREIGN KEY (email, name) REFERENCES people (email, name));
CREATE TABLE rooms (span texts, CONSTRAINT rooms_apart EXCLUDE USING gist (span WITH &&));
CREATE TABLE parts (kind text, n int) PARTITION BY LIST (kind);
CREATE FUNCTION fails(word text) RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN EXECUTE 'SELECT ' || quote_literal(word) || '::int'; END $$;
"""


@dataclass
class Statement:
    """What fails, after `before` has not; `stays` is what an operator has to read."""

    text: str
    stays: tuple[str, ...]
    secret: str = SECRET
    before: str = ""
    copied: bool = False

    def run(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        if self.before:
            connection.execute(sql.SQL(self.before).format(s=self.secret))
        if self.copied:
            with connection.cursor().copy(self.text) as copy:
                copy.write_row((self.secret,))
        elif "%s" in self.text:
            connection.execute(self.text, (self.secret,))
        else:
            connection.execute(sql.SQL(self.text).format(s=self.secret, w=sql.SQL(self.secret)))


STATEMENTS = {
    "unique": Statement(
        "INSERT INTO people VALUES ('ada', {s})", ("23505", "people_key", "Key (email, name)=(", ") already exists."),
        before="INSERT INTO people VALUES ('ada', {s})",
    ),
    "foreign key": Statement(
        "INSERT INTO orders VALUES ('ada', %s, 'n')",
        ("23503", "orders_people", "Key (email, name)=(", ") is not present in table", "people"),
    ),
    "foreign key from there": Statement(
        "DELETE FROM people",
        ("23503", "orders_people", "Key (email, name)=(", ") is still referenced from table", "orders"),
        before="INSERT INTO people VALUES ('ada', {s}); INSERT INTO orders VALUES ('ada', {s}, 'n')",
    ),
    "null": Statement("INSERT INTO orders VALUES (%s)", ("23502", "note", "orders", "Failing row contains (")),
    "check": Statement(
        "INSERT INTO orders (note) VALUES (%s)", ("23514", "long_note", "orders", "Failing row contains (")
    ),
    "exclusion": Statement(
        "INSERT INTO rooms VALUES (texts({s}, {s}, '[]'))", ("23P01", "rooms_apart", "Key (span)=("),
        before="INSERT INTO rooms VALUES (texts({s}, {s}, '[]'))",
    ),
    "index": Statement(
        "CREATE UNIQUE INDEX once ON people (email)", ("23505", "once", "Key (email)=(", ") is duplicated."),
        before="INSERT INTO people VALUES ('ada', {s}), ('bob', {s})",
    ),
    "partition": Statement("INSERT INTO parts VALUES (%s)", ("23514", "parts", "contains (kind) = (")),
    "parameter": Statement("SELECT %s::int", ("22P02", "invalid input syntax for type integer")),
    "literal": Statement("SELECT 1 WHERE 1 = {s}", ("22P02", "invalid input syntax for type integer")),
    "enum": Statement("SELECT {s}::mood", ("22P02", "invalid input value for enum mood")),
    "array": Statement("SELECT {s}::text[]", ("22P02", "malformed array literal")),
    "date": Statement("SELECT {s}::date", ("22007", "invalid input syntax for type date")),
    "json": Statement('SELECT \'{{"a": {w}, "b": 1}}\'::json', ("22P02", "type json"), secret=WORD),
    "syntax": Statement("SELECT 'it's {w}', 1", ("42601", "syntax error at or near"), secret=WORD),
    "token": Statement("SELECT 1 {w} 2 {w}", ("42601", "syntax error at or near"), secret=WORD),
    "function": Statement("SELECT fails(%s)", ("22P02", "PL/pgSQL function fails(text) line 1 at EXECUTE")),
    "copy": Statement("COPY parts (n) FROM STDIN", ("22P02", "type integer"), copied=True),
}  # fmt: skip


@pytest.fixture
def connection(postgres_server: Postgres) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Its server tells what parameters were, as one that is told to log them does."""
    with psycopg.connect(postgres_server.admin_url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        connection.execute("SET log_parameter_max_length_on_error = -1")
        yield connection
        connection.execute("DROP SCHEMA told CASCADE")


def test_no_sink_has_a_value(sinks: Sinks, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    told = []
    for name, statement in STATEMENTS.items():
        connection.execute("TRUNCATE people, orders, rooms")
        failing = {"test.way": statement.run, "test.error": connection}
        assert serve(sinks.guard, request(f"/{name}", **failing)).code == 500
        text = sinks.now("/admin/errors/stats")
        assert (name, [text[max(0, text.index(one) - 200) :][:260] for one in leaked(statement.secret, text)]) == (
            name,
            [],
        )
        assert (name, [part for part in statement.stays if part not in text]) == (name, [])
        told.append(text)
    assert len(told) == 18
    desk_of(sinks.guard).close()
    sinks.guard.stack.capture.sentry._client.flush(timeout=10)  # type: ignore[union-attr]
    text = sinks.delivered() + sinks.now("/metrics")
    codes = {one["tags"].get("sqlstate") for one in sinks.ingest.events}
    assert codes >= {statement.stays[0] for statement in STATEMENTS.values()}
    assert min(len(one.inbox.now()) for one in (sinks.mail, sinks.hook, sinks.slack)) >= 2
    assert leaked(SECRET, text) + leaked(WORD, text) == []
    assert [part for part in ("people_key", "Key (email, name)=(", "23505") if part not in text] == []
