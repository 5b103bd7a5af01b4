"""The answer of /metrics: what all processes of the host have counted, and the app's own metrics beside it."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator, Set
from operator import add
from typing import TYPE_CHECKING, Any

from wsgi_guard.cells import Cells, Entry
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Reply
from wsgi_guard.series import GAUGE, MOST, ONE

from .multiprocess import remove_live_gauges
from .rendering import Found, rendered

if TYPE_CHECKING:
    from .metrics import Metrics

log = logging.getLogger("wsgi_guard")

LARGEST = 1_000  # characters of an Accept header that are read
PROCESS = ("process_", "python_")
"""What the client library says of one process, which is no answer where several are asked."""


class Exposition:
    """`folder` is where the app's metrics of several processes lie, None when they are those of this process."""

    def __init__(self, metrics: Metrics, version: str, folder: str | None) -> None:
        self._metrics = metrics
        self._version = version
        self._folder = folder
        self._told: set[str] = set()
        if folder is not None:
            # Ahead of the first scrape, which would wait for it. Where there is no folder yet, the app may still name
            # one, and the library asks for it when it is imported.
            import prometheus_client.multiprocess  # noqa: F401

    def page(self, facts: Facts) -> Reply:
        from prometheus_client.exposition import choose_encoder
        from prometheus_client.registry import CollectorRegistry

        accept = facts.environ.get("HTTP_ACCEPT")
        encode, kind = choose_encoder(accept[:LARGEST] if type(accept) is str else "")
        found = self._found()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_App(list(self._of_app(found.keys()))))
        ours = rendered(found, as_open=kind.startswith("application/openmetrics-text"))
        # What the app has comes last, for it brings the end that OpenMetrics wants.
        body = ours.encode() + encode(registry)
        headers = (("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"))
        return Reply("200 OK", headers, body)

    def _found(self) -> Found:
        self._metrics.gathering.gather()
        cells = self._metrics.cells
        found = merged(cells, self._folder) if cells is not None else {}
        labels = (("version", self._version), ("python", platform.python_version()))
        name, help = "wsgi_guard_build_info", "What runs here."
        found[name] = Entry(name, GAUGE, help, labels, (), ONE, 0, 1), {labels: [1.0]}
        return found

    def _of_app(self, names: Set[str]) -> Iterator[Any]:
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


class _App:
    """What was collected already, as the client library wants it."""

    def __init__(self, families: list[Any]) -> None:
        self._families = families

    def collect(self) -> list[Any]:
        return self._families


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
                values: list[float] = [*sheet.numbers[entry.first : entry.first + entry.size]]
                before = known.get(entry.labels)
                known[entry.labels] = values if before is None else _together(entry, before, values)
    return found


def _together(entry: Entry, known: list[float], values: list[float]) -> list[float]:
    if entry.kind == GAUGE and entry.across == ONE:
        return known
    if entry.kind == GAUGE and entry.across == MOST:
        return [max(known[0], values[0])]
    return list(map(add, known, values))
