"""The answer of /metrics: what all processes of the host have counted, and the app's own metrics beside it."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from wsgi_guard.facts import Facts
from wsgi_guard.layer import Reply
from wsgi_guard.series import COUNTER, GAUGE, MOST, ONE

from .cells import Cells, Entry, Labels, remove_live_gauges

if TYPE_CHECKING:
    from .metrics import Metrics

log = logging.getLogger("wsgi_guard")

LARGEST = 1_000  # characters of an Accept header that are read
PROCESS = ("process_", "python_")
"""What the client library says of one process, which is no answer where several are asked."""

Found = dict[str, tuple[Entry, dict[Labels, list[float]]]]


class Exposition:
    """`folder` is where the app's metrics of several processes lie, None when they are those of this process."""

    def __init__(self, metrics: Metrics, version: str, folder: str | None) -> None:
        self._metrics = metrics
        self._version = version
        self._folder = folder
        self._told: set[str] = set()

    def page(self, facts: Facts) -> Reply:
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.registry import CollectorRegistry

        accept = facts.environ.get("HTTP_ACCEPT")
        encode, kind = choose_encoder(accept[:LARGEST] if type(accept) is str else "")
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        body = encode(registry)
        headers = (("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"))
        return Reply("200 OK", headers, body)

    def describe(self) -> list[Any]:
        """Nothing is known ahead of asking."""
        return []

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        self._metrics.gathering.gather()
        cells = self._metrics.cells
        names = {"wsgi_guard_build"}
        labels = {"version": self._version, "python": platform.python_version()}
        build = GaugeMetricFamily("wsgi_guard_build_info", "What runs here.", labels=list(labels))
        build.add_metric(list(labels.values()), 1.0)
        yield build
        for name, (entry, numbers) in sorted(merged(cells, self._folder).items() if cells is not None else ()):
            names.add(name)
            yield family(entry, numbers)
        yield from self._of_app(names)

    def _of_app(self, names: set[str]) -> Iterator[Any]:
        """The app's own; one that has a name of the guard's is left out, for an answer with both is no answer."""
        from prometheus_client import REGISTRY

        found = {one.name: one for one in REGISTRY.collect()}
        if self._folder is not None:
            from prometheus_client.multiprocess import MultiProcessCollector

            found = {name: one for name, one in found.items() if not one.name.startswith(PROCESS)}
            found |= {one.name: one for one in MultiProcessCollector(None, self._folder).collect()}  # type: ignore[no-untyped-call]
        for name, one in found.items():
            if name not in names:
                yield one
            elif name not in self._told:
                self._told.add(name)
                log.warning("the app has a metric %r as the guard has; the app's is left out of the answer", name)


def merged(cells: Cells, folder: str | None) -> Found:
    """All sheets in one: counters and histograms of all that ever ran, gauges of those that run."""
    found: Found = {}
    for sheet, lives in cells.all():
        if not lives and folder is not None:
            remove_live_gauges(folder, sheet.number)
        for entry in sheet.entries():
            if entry.kind == GAUGE and not lives:
                continue
            first, known = found.setdefault(entry.name, (entry, {}))
            # Of a histogram whose bounds are others than they were before a reload, those of today.
            if first.kind == entry.kind and first.bounds == entry.bounds:
                values = list(sheet.numbers[entry.first : entry.first + entry.size])
                known[entry.labels] = _together(entry, known.get(entry.labels), values)
    return found


def _together(entry: Entry, known: list[float] | None, values: list[float]) -> list[float]:
    if known is None:
        return values
    if entry.kind == GAUGE and entry.across == ONE:
        return known
    if entry.kind == GAUGE and entry.across == MOST:
        return [max(known[0], values[0])]
    return [a + b for a, b in zip(known, values, strict=True)]


def family(entry: Entry, numbers: dict[Labels, list[float]]) -> Any:
    """A metric as the client library wants it."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    names = [name for name, _ in entry.labels]
    if entry.kind in (COUNTER, GAUGE):
        kind = CounterMetricFamily if entry.kind == COUNTER else GaugeMetricFamily
        made: Any = kind(entry.name, entry.help, labels=names)
        for labels, (number,) in numbers.items():
            made.add_metric([value for _, value in labels], number)
        return made
    made = HistogramMetricFamily(entry.name, entry.help, labels=names)
    for labels, values in numbers.items():
        made.add_metric([value for _, value in labels], buckets=list(_rising(entry, values)), sum_value=values[-1])
    return made


def _rising(entry: Entry, values: list[float]) -> Iterable[tuple[str, float]]:
    total = 0.0
    for bound, count in zip((*map(str, entry.bounds), "+Inf"), values, strict=False):
        total += count
        yield bound, total
