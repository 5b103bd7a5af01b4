"""Alarms: runs in a row, flapping, and silence below a root cause; as tables of what the runs found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.changes import FAILING, RECOVERED
from wsgi_guard.health import standing
from wsgi_guard.health.decide import Check, Standing

CHECK = Check("a", "http", failures=2, passes=2)


def told(runs: str, check: Check = CHECK) -> str:
    """What was told after each run: F failing, R recovered, . nothing."""
    own, words = Standing(), ""
    for at, run in enumerate(runs):
        own = standing.after(own, run == "f", float(at), 1000.0 + at)
        state = standing.change(check, {"a": own}, (), {})
        own = replace(own, told=state == FAILING) if state else own
        words += {FAILING: "F", RECOVERED: "R", "": "."}[state]
    return words


RUNS = [
    # what the runs found, what was told
    ("pppp", "...."),
    ("pfpp", "...."),
    ("ppff", "...F"),
    ("ffff", ".F.."),
    ("ffppp", ".F.R."),
    ("ffpfpp", ".F...R"),
    ("ffppff", ".F.R.F"),
    # to and fro: the sixth change is one too many, and twenty calm runs end it
    ("pfpfpfp", "......."),
    ("pfpfpfpf", ".......F"),
    ("pfpfpfpf" + "p" * 15, ".......F" + "." * 15),
    ("pfpfpfpf" + "p" * 18, ".......F" + "." * 16 + "R."),
]


def test_runs_table_is_whole() -> None:
    assert len(RUNS) == 11


@pytest.mark.parametrize(("runs", "words"), RUNS)
def test_changes_are_told_when_they_last(runs: str, words: str) -> None:
    assert told(runs) == words


@pytest.mark.parametrize(("failures", "passes", "words"), [(1, 1, "FRFR"), (3, 1, "....")])
def test_patience_is_the_checks_own(failures: int, passes: int, words: str) -> None:
    assert told("fpfp", Check("a", "http", failures=failures, passes=passes)) == words


@given(st.text("pf", max_size=120))
def test_tellings_alternate_and_begin_with_failing(runs: str) -> None:
    words = told(runs).replace(".", "")
    assert words == "FR" * (len(words) // 2) + "F" * (len(words) % 2)


BAD = Standing(failures=5, alone=5, began=10.0)
CASCADE = [
    # its need, when that was looked at, what is told of the check that fails since 10
    (Standing(passes=9), 11.0, FAILING),
    (Standing(passes=9), 9.0, ""),
    (Standing(passes=9), None, ""),
    (Standing(failures=1), 11.0, ""),
    (Standing(failures=9, told=True), 11.0, ""),
]


def test_cascade_table_is_whole() -> None:
    assert len(CASCADE) == 5


@pytest.mark.parametrize(("need", "looked", "state"), CASCADE)
def test_only_the_root_is_told(need: Standing, looked: float | None, state: str) -> None:
    times = {} if looked is None else {"b": looked}
    assert standing.change(CHECK, {"a": BAD, "b": need}, ["b"], times) == state


BLOCKED = [
    # runs of a check, capital while something above it fails; how often it failed by itself
    ("ff", 2),
    ("fF", 0),
    ("FFF", 0),
    ("FFf", 1),
    ("FFff", 2),
    ("ffp", 0),
    ("FFpff", 2),
]


def test_blocked_table_is_whole() -> None:
    assert len(BLOCKED) == 7


@pytest.mark.parametrize(("runs", "alone"), BLOCKED)
def test_failures_under_a_root_are_not_ones_own(runs: str, alone: int) -> None:
    own = Standing()
    for at, run in enumerate(runs):
        own = standing.after(own, run in "fF", float(at), 1000.0 + at, blocked=run.isupper())
    assert own.alone == alone
    assert standing.change(CHECK, {"a": own}, (), {}) == (FAILING if alone >= 2 else "")


def test_recovery_is_told_while_a_need_fails() -> None:
    own = Standing(passes=2, told=True)
    assert standing.change(CHECK, {"a": own, "b": Standing(failures=3)}, ["b"], {}) == RECOVERED


def test_failure_is_dated_by_its_first_run() -> None:
    own = Standing()
    for at, failed in enumerate((False, True, True, True)):
        own = standing.after(own, failed, float(at), 1000.0 + at)
    assert (own.began, own.since, own.runs) == (1.0, 1001.0, "pfff")
