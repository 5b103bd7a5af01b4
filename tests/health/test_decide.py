"""The policy as tables: how a check stands, what the whole is, who is the root, who is ready."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.health import decide
from wsgi_guard.health.decide import FAIL, PASS, UNKNOWN, WARN, Check, Reading, Result, Seen

NOW = 1000.0


def seen(status: str, age: float = 1.0, since: float | None = None) -> Seen:
    return Seen(Result(Reading(status, "cause" if status != PASS else ""), NOW - age, 0.0, 0.01), since)


READINGS = [
    # what was seen, status, cause (timeout 5 s, interval 30 s)
    (Seen(), UNKNOWN, "not run yet"),
    (Seen(since=NOW), UNKNOWN, "not run yet"),
    (Seen(since=NOW - 4.9), UNKNOWN, "not run yet"),
    (Seen(since=NOW - 5), FAIL, "timed out"),
    (Seen(since=NOW - 500), FAIL, "timed out"),
    (seen(PASS), PASS, ""),
    (seen(WARN), WARN, "cause"),
    (seen(FAIL), FAIL, "cause"),
    (seen(UNKNOWN), UNKNOWN, "cause"),
    (seen(PASS, age=97), PASS, ""),
    (seen(PASS, age=98), UNKNOWN, "stale: last run 98 s ago"),
    (seen(FAIL, age=98), UNKNOWN, "stale: last run 98 s ago"),
    (seen(PASS, since=NOW - 1), PASS, ""),
    (seen(PASS, since=NOW - 6), FAIL, "timed out"),
    (seen(PASS, age=400, since=NOW - 300), FAIL, "timed out"),
    (seen(FAIL, age=40, since=NOW - 4), FAIL, "cause"),
]


def test_readings_table_is_whole() -> None:
    assert len(READINGS) == 16


@pytest.mark.parametrize(("state", "status", "cause"), READINGS)
def test_a_check_stands_as_seen(state: Seen, status: str, cause: str) -> None:
    said = decide.reading(Check("a", "http"), state, NOW)
    assert (said.status, said.cause) == (status, cause)


OVERALL = [
    ([], PASS),
    ([PASS], PASS),
    ([PASS, PASS], PASS),
    ([PASS, WARN], WARN),
    ([PASS, UNKNOWN], WARN),
    ([UNKNOWN], WARN),
    ([UNKNOWN, WARN], WARN),
    ([WARN, FAIL], FAIL),
    ([FAIL, UNKNOWN, PASS], FAIL),
]


def test_overall_table_is_whole() -> None:
    assert len(OVERALL) == 9


@pytest.mark.parametrize(("statuses", "whole"), OVERALL)
def test_the_worst_decides(statuses: list[str], whole: str) -> None:
    assert decide.overall(statuses) == whole


READY = [
    # state of one check of tier ready, of one of tier info, draining, why not
    (seen(PASS), seen(PASS), False, ""),
    (seen(WARN), seen(PASS), False, ""),
    (seen(PASS), seen(FAIL), False, ""),
    (seen(PASS), Seen(), False, ""),
    (seen(PASS), Seen(since=NOW - 100), False, ""),
    (Seen(), seen(PASS), False, "starting"),
    (Seen(since=NOW - 1), seen(PASS), False, "starting"),
    (Seen(since=NOW - 6), seen(PASS), False, "a check fails"),
    (seen(FAIL), seen(PASS), False, "a check fails"),
    (seen(UNKNOWN), seen(PASS), False, "a check fails"),
    (seen(PASS, since=NOW - 6), seen(PASS), False, "a check fails"),
    (seen(PASS, age=9999), seen(PASS), False, ""),
    (seen(FAIL, age=9999), seen(PASS), False, "a check fails"),
    (seen(PASS), seen(PASS), True, "draining"),
    (seen(FAIL), seen(FAIL), True, "draining"),
    (Seen(), Seen(), True, "draining"),
]


def test_ready_table_is_whole() -> None:
    assert len(READY) == 16


@pytest.mark.parametrize(("must", "may", "draining", "why_not"), READY)
def test_only_ready_checks_hold_traffic_back(must: Seen, may: Seen, draining: bool, why_not: str) -> None:
    checks = [Check("must", "http", tier="ready"), Check("may", "http")]
    assert decide.ready(checks, {"must": must, "may": may}, NOW, draining=draining) == why_not


def test_ready_at_once_without_ready_checks() -> None:
    assert decide.ready([Check("may", "http")], {}, NOW, draining=False) == ""


# needs by name, statuses by name (absent = pass) -> (order, blocked_by, affected, statuses that are not as observed)
CASCADES: list[tuple[dict[str, str], dict[str, str], str, dict[str, str], dict[str, str], dict[str, str]]] = [
    ({"a": "", "b": ""}, {}, "ab", {}, {}, {}),
    ({"a": "", "b": ""}, {"b": FAIL}, "ba", {}, {}, {}),
    ({"a": "", "b": "a"}, {"a": FAIL, "b": FAIL}, "ab", {"b": "a"}, {"a": "b"}, {}),
    ({"b": "", "a": "b"}, {"a": FAIL, "b": FAIL}, "ba", {"a": "b"}, {"b": "a"}, {}),
    ({"a": "", "b": "a"}, {"a": FAIL}, "ab", {"b": "a"}, {"a": "b"}, {"b": WARN}),
    ({"a": "", "b": "a"}, {"b": FAIL}, "ba", {}, {}, {}),
    ({"a": "", "b": "a"}, {"a": WARN, "b": FAIL}, "ba", {}, {}, {}),
    ({"a": "", "b": "a"}, {"a": UNKNOWN, "b": FAIL}, "ba", {}, {}, {}),
    ({"a": "", "b": "a"}, {"a": FAIL, "b": UNKNOWN}, "ab", {"b": "a"}, {"a": "b"}, {}),
    ({"a": "", "b": "a", "c": "b"}, {"a": FAIL, "b": FAIL, "c": FAIL}, "abc", {"b": "a", "c": "a"}, {"a": "bc"}, {}),
    ({"a": "", "b": "a", "c": "b"}, {"a": FAIL, "c": FAIL}, "abc", {"b": "a", "c": "a"}, {"a": "bc"}, {"b": WARN}),
    ({"a": "", "b": "a", "c": "b"}, {"b": FAIL, "c": FAIL}, "bca", {"c": "b"}, {"b": "c"}, {}),
    ({"a": "", "b": "", "c": "ab"}, {"a": FAIL, "b": FAIL, "c": FAIL}, "abc", {"c": "ab"}, {"a": "c", "b": "c"}, {}),
    ({"a": "", "b": "", "c": "ab"}, {"b": FAIL, "c": FAIL}, "bca", {"c": "b"}, {"b": "c"}, {}),
    ({"a": "", "d": "", "b": "d", "c": "d"}, {"a": FAIL, "d": FAIL, "b": FAIL, "c": FAIL}, "dabc",
     {"b": "d", "c": "d"}, {"d": "bc"}, {}),
    ({"a": "", "b": "a", "c": "a", "d": "bc"}, {"a": FAIL, "b": FAIL, "c": FAIL, "d": FAIL}, "abcd",
     {"b": "a", "c": "a", "d": "a"}, {"a": "bcd"}, {}),
    ({"a": "", "b": "", "c": ""}, {"a": PASS, "b": UNKNOWN, "c": WARN}, "cba", {}, {}, {}),
]  # fmt: skip


def test_cascade_table_is_whole() -> None:
    assert len(CASCADES) == 17


@pytest.mark.parametrize(("needs", "states", "order", "blocked", "affected", "changed"), CASCADES)
def test_root_cause_leads_and_blocks(
    needs: dict[str, str],
    states: dict[str, str],
    order: str,
    blocked: dict[str, str],
    affected: dict[str, str],
    changed: dict[str, str],
) -> None:
    checks = {name: Check(name, "http", needs=tuple(above)) for name, above in needs.items()}
    found = decide.findings(checks, {name: seen(states.get(name, PASS)) for name in needs}, NOW)
    assert "".join(finding.check.name for finding in found) == order
    for finding in found:
        name = finding.check.name
        assert "".join(finding.blocked_by) == blocked.get(name, "")
        assert "".join(finding.affected) == affected.get(name, "")
        assert finding.status == changed.get(name, states.get(name, PASS))


STATUS = st.sampled_from([PASS, WARN, FAIL, UNKNOWN])


@given(st.lists(st.tuples(STATUS, st.sets(st.integers(0, 8))), max_size=9))
def test_every_failure_has_a_root(drawn: list[tuple[str, set[int]]]) -> None:
    checks = {
        str(at): Check(str(at), "http", needs=tuple(str(need) for need in needs if need < at))
        for at, (_, needs) in enumerate(drawn)
    }
    found = decide.findings(checks, {str(at): seen(status) for at, (status, _) in enumerate(drawn)}, NOW)
    roots = {finding.check.name for finding in found if finding.root}
    for finding in found:
        assert set(finding.blocked_by) <= roots
        assert finding.status != FAIL or finding.root or finding.blocked_by
        assert all(finding.check.name in other.affected for other in found if other.check.name in finding.blocked_by)
    leading = [finding.root for finding in found]
    assert leading == sorted(leading, reverse=True)


def test_circles_end() -> None:
    checks = {"a": Check("a", "http", needs=("b",)), "b": Check("b", "http", needs=("a",))}
    assert len(decide.findings(checks, {"a": seen(FAIL), "b": seen(FAIL)}, NOW)) == 2
