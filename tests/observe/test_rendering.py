"""What is written down for Prometheus is what its own library would write, whatever stands in labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.openmetrics import exposition as openmetrics

from wsgi_guard.cells import Entry
from wsgi_guard.observe.rendering import Found, rendered
from wsgi_guard.series import COUNTER, GAUGE, HISTOGRAM, SUM

from .asking import read

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))
NUMBERS = st.floats(min_value=0, allow_nan=False)
COUNTS = st.integers(0, 2**40).map(float)
BOUNDS = (0.005, 1.0, 1e7)


class Theirs:
    def __init__(self, families: list[Any]) -> None:
        self.families = families

    def collect(self) -> list[Any]:
        return self.families


def theirs(found: Found) -> Theirs:
    families = []
    kinds: dict[str, Callable[..., Any]] = {COUNTER: CounterMetricFamily, GAUGE: GaugeMetricFamily}
    for entry, numbers in found.values():
        names = [name for name, _ in entry.labels]
        family: Any = kinds.get(entry.kind, HistogramMetricFamily)(entry.name, entry.help, labels=names)
        for labels, values in numbers.items():
            texts = [text for _, text in labels]
            if entry.kind == HISTOGRAM:
                rising = [sum(values[: at + 1]) for at in range(len(BOUNDS) + 1)]
                ends = [*map(str, BOUNDS), "+Inf"]
                family.add_metric(texts, list(zip(ends, rising, strict=True)), values[-1])
            else:
                family.add_metric(texts, values[0])
        families.append(family)
    return Theirs(families)


def found_of(help: str, labels: list[tuple[str, str]], number: float, counts: list[float]) -> Found:
    def entry(name: str, kind: str, bounds: tuple[float, ...] = ()) -> Entry:
        return Entry(name, kind, help, (("a", ""), ("b", "")), bounds, SUM, 0, 0)

    pairs = [(("a", a), ("b", b)) for a, b in dict.fromkeys(labels)]
    return {
        "c": (entry("c", COUNTER), {pair: [number] for pair in pairs}),
        "g": (entry("g", GAUGE), {pair: [number] for pair in pairs}),
        "h": (entry("h", HISTOGRAM, BOUNDS), {pair: [*counts, number] for pair in pairs}),
    }


LABELS = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4)


@given(TEXTS, LABELS, NUMBERS, st.lists(COUNTS, min_size=4, max_size=4))
def test_same_as_the_library(help: str, labels: list[tuple[str, str]], number: float, counts: list[float]) -> None:
    found = found_of(help, labels, number, counts)
    other: Any = theirs(found)
    openly: Any = openmetrics.generate_latest
    assert read(rendered(found, as_open=False).encode()) == read(generate_latest(other))
    if math.isfinite(number):
        ours = rendered(found, as_open=True).encode() + b"# EOF\n"
        assert read(ours, as_open=True) == read(openly(other), as_open=True)


@pytest.mark.parametrize(("value", "text"), [(math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (1.0, "1.0")])
def test_numbers_beyond_counting(value: float, text: str) -> None:
    entry = Entry("g", GAUGE, "Help.", (), (), SUM, 0, 0)
    assert rendered({"g": (entry, {(): [value]})}, as_open=False).endswith(f"\ng {text}\n")


def test_histogram_without_labels() -> None:
    entry = Entry("h", HISTOGRAM, "Help.", (), (1.0,), SUM, 0, 0)
    lines = rendered({"h": (entry, {(): [2.0, 1.0, 9.5]})}, as_open=False).splitlines()
    assert lines[2:] == ['h_bucket{le="1.0"} 2.0', 'h_bucket{le="+Inf"} 3.0', "h_count 3.0", "h_sum 9.5"]
