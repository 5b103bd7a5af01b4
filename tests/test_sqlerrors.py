"""What a database's error says of the data does not survive, whatever the data is; what it says of the schema does."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.pace import seconds
from tests.test_redact import survivors
from wsgi_guard.redact import MARK, Redactor
from wsgi_guard.sqlerrors import values

REDACTOR = Redactor()
Text = Callable[[str], str]


def excerpt(text: str) -> str:
    """Libpq shows one line of a statement."""
    return text.replace("\n", " ").replace("\r", " ")


# Text of the error, and what of it must stay.
TEXTS: dict[str, tuple[Text, tuple[str, ...]]] = {
    "unique": (
        lambda s: f'duplicate key value violates unique constraint "u_key"\nDETAIL:  Key (email)=({s}) already exists.',
        ('constraint "u_key"', "Key (email)=(", ") already exists."),
    ),
    "unique by expression": (
        lambda s: f"DETAIL:  Key (lower(email::text), tenant)=({s}, 7) already exists.",
        ("Key (lower(email::text), tenant)=(", ") already exists."),
    ),
    "foreign key": (
        lambda s: f'violates foreign key constraint "fk"\nDETAIL:  Key (a, b)=(1, {s}) is not present in table "t".',
        ('constraint "fk"', "Key (a, b)=(", ') is not present in table "t".'),
    ),
    "foreign key from there": (
        lambda s: f'DETAIL:  Key (a)=({s}) is still referenced from table "t".',
        ("Key (a)=(", ') is still referenced from table "t".'),
    ),
    "index": (
        lambda s: f'could not create unique index "i"\nDETAIL:  Key (a)=({s}) is duplicated.',
        ('unique index "i"', "Key (a)=(", ") is duplicated."),
    ),
    "exclusion": (
        lambda s: f'constraint "x"\nDETAIL:  Key (room)=({s}) conflicts with existing key (room)=({s}).',
        ('constraint "x"', "Key (room)=("),
    ),
    "key in another language": (
        lambda s: f"DETAIL:  Schlüssel »(email)=({s})« existiert bereits.",
        ("Schlüssel »(", ")« existiert bereits."),
    ),
    "row": (
        lambda s: f'null value in column "c" of relation "t" violates\nDETAIL:  Failing row contains (1, {s}, null).',
        ('column "c" of relation "t"', "Failing row contains (", ")."),
    ),
    "row in another language": (
        lambda s: f'Spalte »c«\nDETAIL:  Fehlgeschlagene Zeile enthält (1, {s}, null).',
        ("Spalte »c«", "Fehlgeschlagene Zeile enthält ("),
    ),
    "partition": (
        lambda s: f'no partition of relation "t"\nDETAIL:  Partition key of the failing row contains (d) = ({s}).',
        ('relation "t"', "contains (d) = (", ")."),
    ),
    "type": (
        lambda s: f"invalid input syntax for type integer: \"{s}\"\nLINE 1: SELECT '{excerpt(s)}'::int\n        ^",
        ("invalid input syntax for type integer: ",),
    ),
    "type in a parameter": (
        lambda s: f"invalid input syntax for type uuid: \"{s}\"\nCONTEXT:  unnamed portal parameter $1 = '{s}'",
        ("invalid input syntax for type uuid: ",),
    ),
    "enum": (lambda s: f'invalid input value for enum mood: "{s}"', ("for enum mood: ",)),
    "range": (lambda s: f'value "{s}" is out of range for type bigint', ("is out of range for type bigint",)),
    "date": (lambda s: f'date/time field value out of range: "{s}"\nHINT:  Perhaps.', ("date/time field", "Perhaps")),
    "array": (lambda s: f'malformed array literal: "{s}"\nDETAIL:  Array value must start.', ("malformed array",)),
    "json": (
        lambda s: f'invalid input syntax for type json\nDETAIL:  Token "{s}" is invalid.\n'
        f'CONTEXT:  JSON data, line 1: {{"a": {excerpt(s)}...',
        ("invalid input syntax for type json",),
    ),
    "xml": (lambda s: f"invalid XML content\nDETAIL:  line 1: Start tag expected\n{s}\n^", ("invalid XML content",)),
    "parameters": (
        lambda s: f"division by zero\nCONTEXT:  extended query with parameters: $1 = '1', $2 = '{s}'",
        ("division by zero\nCONTEXT:  extended query",),
    ),
    "copy": (
        lambda s: f'value too long\nCONTEXT:  COPY users, line 1, column name: "{s}"',
        ("COPY users, line 1, column name: ",),
    ),
    "function": (
        lambda s: f"oops\nQUERY:  INSERT INTO t VALUES ('{s}')\n"  # noqa: S608  (a text)
        f"CONTEXT:  SQL statement \"INSERT INTO t VALUES ('{s}')\"\nPL/pgSQL function f() line 3 at EXECUTE",
        ("oops\nQUERY:  ", "PL/pgSQL function f() line 3 at EXECUTE"),
    ),
    "syntax": (
        lambda s: f"syntax error at or near \"{s}\"\nLINE 1: ...ES ('it's {excerpt(s)}', 'x')\n          ^",
        ("syntax error at or near ", "LINE 1: "),
    ),
    "alchemy": (
        lambda s: f"(psycopg.errors.UniqueViolation) duplicate key value violates unique constraint \"u_key\"\n"  # noqa: S608  (a text)
        f"DETAIL:  Key (email)=({s}) already exists.\n[SQL: INSERT INTO users (email) VALUES (%(email)s)]\n"
        f"[parameters: {{'email': {s!r}}}]\n(Background on this error at: https://sqlalche.me/e/20/gkpj)",
        ('constraint "u_key"', "Key (email)=(", "VALUES (%(email)s)]", "[parameters: ", "(Background on this error"),
    ),
    "alchemy by hand": (
        lambda s: f"[SQL: INSERT INTO t (a, b) VALUES ('{s}', $1)]\n(Background on this error at: https://sqlalche.me)",  # noqa: S608
        ("[SQL: INSERT INTO t (a, b) VALUES (", "(Background on this error"),
    ),
    "alchemy in dollars": (
        lambda s: f"[SQL: SELECT $1, f($q${s}$q$)]", ("[SQL: SELECT $1, f(", ")]"),
    ),
    "asyncpg": (
        lambda s: f"invalid input for query argument $1: '{s}' ('str' object cannot be interpreted as an integer)",
        ("invalid input for query argument $1: ", "('str' object cannot"),
    ),
    "mysql": (
        lambda s: repr((1062, f"Duplicate entry '{s}' for key 'users.email'")),
        ("Duplicate entry ", " for key "),
    ),
    "mysql type": (lambda s: f"Incorrect integer value: '{s}' for column 'n' at row 1", ("Incorrect integer value",)),
    "mysql syntax": (lambda s: f"the right syntax to use near '{s}' at line 1", ("' at line 1",)),
    "sqlite": (lambda s: f'unrecognized token: "{s}"', ("unrecognized token",)),
}  # fmt: skip

PIECES = [
    ")", "(", '"', "'", "\n", ")=(", ") already exists.", ').\n', '"\nLINE 1: ', "\nCONTEXT:  ", "]", "[parameters: ",
    "$", ' is out of range for type x"', "' for key '", '\\"', "\\", " (", "DETAIL:  Key (a)=(", ") conflicts with ",
    "SECRET", "quiet", "zebra7", "\r", "\x00", "é", "\u2028", '" is invalid.', "^",
]  # fmt: skip
secrets = (
    st.one_of(
        st.text(min_size=1, max_size=40),
        st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join),
    )
    .map(lambda text: f"k7Q{text}Zw9x")
    .filter(
        # Part of a mark is no part of a secret.
        lambda text: "[r" not in text and "d]" not in text
    )
)


def told(text: str) -> list[str]:
    """What is left of it: as it is, quoted by Python or JSON, and of its beginning."""
    texts = [text, repr(text), json.dumps(text)]
    return [*map(REDACTOR.error, texts), *(REDACTOR.error(text, limit) for limit in (10, 60, 200))]


@pytest.mark.parametrize(("text", "stays"), TEXTS.values(), ids=TEXTS)
def test_value_never_survives(text: Text, stays: tuple[str, ...]) -> None:
    @given(secrets, st.sampled_from(["", "cannot save: ", "\n"]), st.sampled_from(["", "\n", " (user 5)", ") = 1"]))
    @example("hunter2", "", "")
    @example("a) already exists. hunter2", "", "")
    @example('x"\nCONTEXT:  SQL statement "hunter2', "", "")
    @example("1)=(hunter2)=(3, 'it''s')", "", " and so on")
    @example("hunter2" + "\"'hunter2" * 2_000, "", "")
    def check(secret: str, before: str, after: str) -> None:
        shown = "".join(told(f"{before}{text('0')}{after}"))
        for left in told(f"{before}{text(secret)}{after}"):
            assert survivors(secret, left, shown) == []

    check()
    left = REDACTOR.error(text("hunter2"))
    assert [part for part in stays if part not in left] == []
    assert MARK in left


@given(st.sampled_from(list(TEXTS.values())), secrets)
def test_taking_out_twice_changes_nothing(text: tuple[Text, object], secret: str) -> None:
    once = values(text[0](secret).rstrip("]"))
    assert MARK in once
    assert MARK not in values(once).replace(MARK, "", once.count(MARK))


HARMLESS = [
    'column "emial" does not exist\nHINT:  Perhaps you meant to reference the column "users.email".',
    'relation "users" does not exist',
    'permission denied for table "users"',
    'syntax error at or near "from"',
    'syntax error at or near ","',
    'null value in column "a" of relation "t" violates not-null constraint',
    'insert or update on table "o" violates foreign key constraint "fk"',
    "value too long for type character varying(10)",
    "UNIQUE constraint failed: users.email",
    "deadlock detected\nDETAIL:  Process 12 waits for ShareLock on transaction 7; blocked by process 13.",
    "[SQL: SELECT users.id FROM users WHERE users.id = %(id_1)s AND a = $1]",
    'connection to server at "127.0.0.1", port 5432 failed: FATAL:  role "x" does not exist',
    "invalid literal for int() with base 10: 'abc'",
    "f(a) = (b)",
]


def test_names_stay() -> None:
    assert (len(TEXTS), len(HARMLESS)) == (30, 14)
    assert [REDACTOR.error(text) for text in HARMLESS] == HARMLESS


def test_number_that_no_type_holds_is_taken_out() -> None:
    assert values('x: "1e4321" is out of range for type real') == f'x: "{MARK}" is out of range for type real'
    assert values('" is out of range for type real') == f'{MARK}" is out of range for type real'


def test_long_texts_keep_their_beginning() -> None:
    text = f'constraint "u"\nDETAIL:  Key (a)=({"hunter2" * 2_000}) already exists.'
    left = REDACTOR.error(text, 200)
    assert left == f'constraint "u"\nDETAIL:  Key (a)=({MARK}... [{len(text) - 200} more characters]'


LONG = [
    "Key (", ")=(", "LINE 1: ", "LINE 1: \n^", "\n" + " " * 900, "DETAIL:  ", "[SQL: ", "[SQL: $1 ", "[parameters: ",
    "COPY a", "invalid input syntax for ", 'near "', "near \\", "Partition key of the failing row contains (",
    'value "', "QUERY:  ", 'invalid value for parameter "a', "DETAIL:  Expected ", "parameter $1", "Duplicate entry '",
    "malformed a", '"', "'",
]  # fmt: skip


@pytest.mark.parametrize("piece", LONG)
def test_time_grows_with_the_length_only(piece: str) -> None:
    # Eight times the text: a quadratic pattern would take 64 times as long.
    assert seconds(values, piece, 64_000) < 40 * max(seconds(values, piece, 8_000), 0.001)
