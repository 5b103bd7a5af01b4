"""What a slice counts, in the form in which metrics want it, so that who shows numbers needs to know no slice.

A layer that has numbers has `series() -> Iterable[Series]`. It is called about once a second and when somebody asks,
on any thread and off the requests' path: it copies what stands there, and does no I/O.
"""

from __future__ import annotations

from typing import NamedTuple

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

# How the processes of a host are put together: added up, the largest of them, or shown as the one that knows.
SUM, MOST, ONE = "sum", "most", "one"


class Buckets(NamedTuple):
    """A histogram: how many values were at most each of `bounds`, not added up, with one more count for all above."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


class Series(NamedTuple):
    """One number of this process since it started.

    `name` as Prometheus writes it, with its unit, without "_total"; `labels` are pairs with values of a bounded number.
    `value` is a `Buckets` for a histogram. Counters and histograms are always added up; `across` is for gauges.
    """

    name: str
    kind: str
    help: str
    value: float | Buckets
    labels: tuple[tuple[str, str], ...] = ()
    across: str = SUM
