"""Statements without their values."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.db.shape import KEPT, READ, read

SHAPES = [
    ("select * from t where a = 'it''s' and n = 42", "select * from t where a = ? and n = ?"),
    ("select E'x\\'y', U&'d', x'ff', N'y', b'01'", "select ?, .."),
    ("select a::date'2020\\', 'secret'", "select a::date?, .."),
    ("select $$one$$, $tag$two $x$ three$tag$", "select ?, .."),
    ("select * from t where id in (1, 2,3)", "select * from t where id in (?, ..)"),
    ("select * from t where id in (%s,%s, %s)", "select * from t where id in (%s, ..)"),
    ("insert into t values (1, 'a'), (2, 'b')", "insert into t values (?, ..), .."),
    ("insert into t values (%s, %s)", "insert into t values (%s, ..)"),
    ("select 1 -- to 'somebody'\n /* and 'another' */ ;", "select ?"),
    ('select "Col 5" from a1.b2 where name = %(name)s', 'select "Col 5" from a1.b2 where name = %(name)s'),
    ("select $1, x9 from t where y = -1.5e-7 or z = .5", "select $1, x9 from t where y = -? or z = ?"),
    ("select '100%%' where a like 'x%'", "select ? where a like ?"),
    ("select 'cut off", "select ?"),
    ("select /* cut off 'secret'", "select"),
    ("select $a$ cut off", "select ?"),
    ("select /* a /* b */ don't */ 'secret', 2", "select ?, .."),
    ("/*/* a */ b *//*/ c */ select 'it' /* /* cut off */ 'secret'", "select ?"),
    ("/* a * / b */ select 'secret'", "select ?"),
    ("select $\u20ac$ it's secret $\u20ac$, \u20ace'x\\', 'secret'", "select ?, \u20ace?, .."),
    ("select E'a' -- and\n 'b\\' secret'", "select ?"),
    ("select 1 -- don't\r, 'a\n secret'", "select ?, .."),
    ("", ""),
]  # fmt: skip
HOSTILE = [
    "'", "e'\\", "/*", "/*/**/*/", "; select ", "--", "$a", "$$", "%(", "(1", "(?,", "1,", '"', "((((1", "(1),", " ",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SHAPES)
def test_values_are_taken_out(text: str, expected: str) -> None:
    assert read(text).shape == expected


def test_tables_are_whole() -> None:
    assert (len(SHAPES), len(HOSTILE)) == (22, 16)


@given(st.text(max_size=40), st.sampled_from(["'{}'", "$q${}$q$", "E'{}'"]))
def test_no_literal_comes_out(value: str, quoted: str) -> None:
    inner = value.replace("'", "''").replace("\\", "\\\\").replace("$", "")
    literal = quoted.format(f"se{inner}cret")
    assert read(" ".join(["select", literal, "from t"])).shape == "select ? from t"


@given(st.text(max_size=200))
def test_any_text_has_a_short_shape(text: str) -> None:
    found = read(text).shape
    assert len(found) <= KEPT
    assert read(text).shape == found


@pytest.mark.parametrize("part", HOSTILE)
def test_long_statements_are_cheap(part: str) -> None:
    started = time.perf_counter()
    read(part * 200_000)
    # In quadratic time it would be hours.
    assert time.perf_counter() - started < 5


WRITES = [
    ("insert into t values (?)", True),
    ("  (select n into u from t)", True),
    ("WITH a AS (DELETE FROM t RETURNING n) SELECT n FROM a", True),
    ("update t set n = ?", True),
    ("explain analyze update t set n = ?", True),
    ("truncate t", True),
    ("call sell(?)", True),
    ("copy t from stdin", True),
    ("copy t to stdout", False),
    ("select n from t for update", False),
    ("select n from t for no key update", False),
    ("select updated from t", False),
    ("set local x = ?", False),
    ("", False),
    ("-- nothing", False),
    ("/* a /* b */ */ insert into t values (1)", True),
    ("/* a /* b */ insert into t */ select 1", False),
    ("select 'insert into', $$ update $$ -- delete from", False),
    ("select 1; truncate t", True),
    ("select 'a;b' from t; show x;", False),
    ("begin; lock t", True),
    ("copy (delete from t returning n) to stdout", True),
    ('copy t ("to stdout") from stdin', True),
    ('copy t (" to stdout") from stdin', True),
    ("copy (select 1) to stdout (format csv)", False),
    ("explain analyze create table u as select 1", True),
    ("explain analyze execute it", True),
    ("with a as (select 1) merge into t using a on true when matched then delete", True),
    (f"with a as (select {' + '.join('x' * 600)}) insert into t select * from a", True),  # noqa: S608
    (f"select n from t where n in ({'1,' * READ}1)", False),  # noqa: S608
    (f"with a as (select n from t where n in ({'1,' * READ}1)) Delete\nFrom t", True),  # noqa: S608
    (f"{'select 1;' * READ} truncate t", True),
    (f"select '{'x' * READ}'; vacuum", True),
    ("sell", True),
]


@pytest.mark.parametrize(("text", "expected"), WRITES)
def test_what_changes_rows_is_known_by_its_words(text: str, expected: bool) -> None:
    assert read(text).writes is expected
    assert len(WRITES) == 34
