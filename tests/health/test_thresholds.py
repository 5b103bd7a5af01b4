"""Thresholds: what is beyond warns or fails, and what was not measured is not judged."""

from __future__ import annotations

from typing import Any

import pytest

from wsgi_guard.health.decide import FAIL, PASS, UNKNOWN, WARN, Reading
from wsgi_guard.health.thresholds import judged, merged
from wsgi_guard.settings.parse import threshold

JUDGED: list[tuple[Reading, float, list[str], list[str], str, str]] = [
    # reading, seconds, warn, fail, status, cause
    (Reading(PASS), 0.1, [], [], PASS, ""),
    (Reading(PASS, "", {"m": 90}), 0.1, ["m > 90"], [], PASS, ""),
    (Reading(PASS, "", {"m": 90}), 0.1, ["m >= 90"], [], WARN, "m >= 90"),
    (Reading(PASS, "", {"m": 90}), 0.1, ["m >= 80"], ["m >= 90"], FAIL, "m >= 90"),
    (Reading(PASS, "", {"m": 1, "n": 2}), 0.1, ["m < 5", "n < 5"], [], WARN, "m < 5, n < 5"),
    (Reading(PASS), 0.6, ["duration_ms > 500"], ["duration_ms > 1000"], WARN, "duration_ms > 500"),
    (Reading(PASS), 1.1, ["duration_ms > 500"], ["duration_ms > 1000"], FAIL, "duration_ms > 1000"),
    (Reading(FAIL, "own"), 1.1, ["duration_ms > 500"], ["duration_ms > 1000"], FAIL, "own"),
    (Reading(WARN, "own"), 0.6, ["duration_ms > 500"], [], WARN, "own"),
    (Reading(UNKNOWN, "own"), 0.6, ["duration_ms > 500"], [], UNKNOWN, "own"),
    (Reading(PASS, "", {"m": "90"}), 0.1, ["m > 1"], [], PASS, ""),
    (Reading(PASS, "", {"m": True}), 0.1, ["m > 0"], [], PASS, ""),
    (Reading(PASS, "", {"m": None}), 0.1, ["m > 0"], [], PASS, ""),
    (Reading(PASS, "", {"m": float("nan")}), 0.1, ["m > 0"], [], PASS, ""),
]


def test_judged_table_is_whole() -> None:
    assert len(JUDGED) == 14


@pytest.mark.parametrize(("reading", "took", "warn", "fail", "status", "cause"), JUDGED)
def test_a_measure_beyond_its_bound_is_named(
    reading: Reading, took: float, warn: list[str], fail: list[str], status: str, cause: str
) -> None:
    found = judged(reading, took, map(threshold, warn), map(threshold, fail))
    assert (found.status, found.cause, found.observed) == (status, cause, reading.observed)


def test_written_threshold_takes_the_place_of_the_default() -> None:
    defaults = [threshold("a > 1"), threshold("b > 1")]
    assert merged([threshold("a > 5")], defaults) == (threshold("a > 5"), threshold("b > 1"))


WRONG: list[Any] = ["", "m", "m >", "> 5", "m = 5", "m > x", "m > 5%", "m > 1e99", "m  5", 7, None, "a b > 5"]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_threshold_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="expected a"):
        threshold(text)
