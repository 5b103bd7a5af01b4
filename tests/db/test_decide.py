from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.db import decide

# https://www.postgresql.org/docs/current/errcodes-appendix.html
LOST = [
    ("08000", "connection exception"),
    ("08003", "connection does not exist"),
    ("08006", "connection failure"),
    ("08P01", "protocol violation"),
    ("57P01", "admin shutdown"),
    ("57P02", "crash shutdown"),
    ("57P03", "cannot connect now"),
    ("53300", "too many connections"),
]
NOT_LOST = [
    ("57014", "query canceled"),
    ("40001", "serialization failure"),
    ("40P01", "deadlock detected"),
    ("53100", "disk full"),
    ("42P01", "undefined table"),
    ("23505", "unique violation"),
    ("25P02", "in failed transaction"),
    (None, "an error of the driver"),
]
KEEPS = [
    (200, False, True), (204, False, True), (302, False, True), (404, False, True), (499, False, True),
    (500, False, False), (503, False, False), (599, False, False), (200, True, False), (404, True, False),
    (0, False, False), (999, False, False),
]  # fmt: skip
# lived, failed, timeout, now -> away
AWAY = [
    (10.0, 0.0, 5.0, 1000.0, False),
    (10.0, 11.0, 5.0, 12.0, False),
    (10.0, 11.0, 5.0, 14.999, False),
    (10.0, 11.0, 5.0, 15.0, True),
    (10.0, 11.0, 5.0, 1000.0, True),
    (12.0, 11.0, 5.0, 1000.0, False),
    (11.0, 11.0, 5.0, 1000.0, False),
    (10.0, 10.1, 0.5, 10.6, True),
]


def test_tables_are_whole() -> None:
    assert (len(LOST), len(NOT_LOST), len(KEEPS), len(AWAY)) == (8, 8, 12, 8)


@pytest.mark.parametrize(("code", "name"), LOST)
def test_connection_states_mean_lost(code: str, name: str) -> None:
    assert decide.lost(code, closed=False), name


@pytest.mark.parametrize(("code", "name"), NOT_LOST)
def test_statement_errors_lose_nothing(code: str | None, name: str) -> None:
    assert not decide.lost(code, closed=False), name
    assert decide.lost(code, closed=True), name


@pytest.mark.parametrize(("code", "raised", "expected"), KEEPS)
def test_commit_needs_status_below_500(code: int, raised: bool, expected: bool) -> None:
    assert decide.keeps(code, raised=raised) is expected


@pytest.mark.parametrize(("lived", "failed", "timeout", "now", "expected"), AWAY)
def test_silence_after_failure_is_away(lived: float, failed: float, timeout: float, now: float, expected: bool) -> None:
    assert decide.away(lived=lived, failed=failed, timeout=timeout, now=now) is expected


@given(st.floats(0, 1e6), st.booleans())
def test_patience_never_exceeds_timeout(timeout: float, tries: bool) -> None:
    assert 0 <= decide.patience(timeout, tries=tries) <= timeout
    assert decide.patience(timeout, tries=False) <= decide.patience(timeout, tries=True) <= decide.AWAY_PATIENCE


def test_outage_is_retried_later_than_exhaustion() -> None:
    assert 1 <= decide.retry_after(away=False) < decide.retry_after(away=True)


def test_trust_follows_the_setting() -> None:
    assert 0.0 == decide.trust("always") < decide.trust("idle") < decide.trust("never")


@pytest.mark.parametrize(
    ("state", "known", "expected"),
    [
        ("active", True, False), ("hidden", True, False), ("idle", True, True), ("idle in transaction", False, True),
        (None, True, True), (None, False, False),
    ],
)  # fmt: skip
def test_process_has_forgotten(state: str | None, known: bool, expected: bool) -> None:
    assert decide.forgotten(state, known=known) is expected


@given(st.floats(0.01, 1e6))
def test_silence_is_judged_when_the_timeout_is_over(timeout: float) -> None:
    asks = decide.asks_after(timeout, 1.0)
    assert timeout / 2 <= asks < timeout
    assert timeout < 2.0 or asks + 1.0 == pytest.approx(timeout)


def test_every_line_that_is_left_out_is_told_once() -> None:
    budget = decide.Budget(2, 1.0)
    assert [budget.take(10.0) for _ in range(5)] == [0, 0, -1, -1, -1]
    assert budget.owed(10.9) == 0
    assert [budget.take(11.0), budget.take(11.1), budget.take(11.2)] == [3, 0, -1]
    assert [budget.owed(12.0), budget.owed(12.0), budget.take(12.1)] == [1, 0, 0]
    assert [budget.take(12.2), budget.take(12.3), budget.owed(12.4, last=True)] == [0, -1, 1]
