"""What the log tells of the runs of checks: texts of what they raised, thresholds of no measure."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from wsgi_guard.health.decide import FAIL, PASS, Check, Reading
from wsgi_guard.health.said import LONGEST, Said
from wsgi_guard.settings.fields import Threshold

CHECK = Check("disk", "disk", "info", (), 5.0, 30.0, (Threshold("fre", "<", 1.0), Threshold("duration_ms", ">", 9.0)))
GOOD, BAD = Reading(PASS, "", {"free": 5.0}), Reading(FAIL, "OSError")


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Said]:
    caplog.set_level(logging.INFO, "wsgi_guard.health")
    yield Said({"disk": CHECK})


def test_text_of_what_was_raised_is_told_once_until_it_changes(said: Said, caplog: pytest.LogCaptureFixture) -> None:
    for error in (OSError("no\nroom"), OSError("no\nroom"), OSError("password=xyzzy x" + "y" * 1000)):
        said.raised("disk", error)
        said.ended("disk", BAD)
    first, second = (record.getMessage() for record in caplog.records)
    assert first == "check 'disk' raised OSError: no\\nroom"
    assert "xyzzy" not in second
    assert len(second) < LONGEST + 50
    said.ended("disk", GOOD)
    caplog.clear()
    said.raised("disk", OSError("no\nroom"))
    assert len(caplog.records) == 1


def test_threshold_of_a_measure_that_is_not_taken_is_told(said: Said, caplog: pytest.LogCaptureFixture) -> None:
    said.ended("disk", BAD)
    assert caplog.records == []
    said.ended("disk", GOOD)
    said.ended("disk", GOOD)
    assert [record.getMessage() for record in caplog.records] == [
        "check 'disk' has thresholds of 'fre', but measured only 'duration_ms', 'free'"
    ]


def test_measure_that_its_kind_knows_may_be_missing(caplog: pytest.LogCaptureFixture) -> None:
    # The load of the processor is known from the second run on, and some machines have no swap.
    check = Check("system", "system", warn=(Threshold("cpu_percent", ">=", 95), Threshold("swap_percent", ">=", 5)))
    Said({"system": check}).ended("system", Reading(PASS, "", {"load_per_cpu": 0.1}))
    assert caplog.records == []


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError


def test_text_that_cannot_be_had_or_repeats_data_breaks_and_tells_nothing(
    said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    for error in (Mute(), OSError("DETAIL:  Key (email)=(ada@example.org) already exists.")):
        said.raised("disk", error)
    first, second = (record.getMessage() for record in caplog.records)
    assert first == "check 'disk' raised Mute: <unprintable Mute>"
    assert "Key (email)" in second
    assert "ada@" not in second
