"""Numbers as Prometheus and OpenMetrics read them, written straight down: a tenth of what a client library takes.

A scrape of many routes is work that holds up the requests of its worker.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import isfinite, isnan

from wsgi_guard.cells import Entry, Labels
from wsgi_guard.series import COUNTER, HISTOGRAM

Found = dict[str, tuple[Entry, dict[Labels, list[float]]]]


def rendered(found: Found, *, as_open: bool) -> str:
    """All families by name; `as_open` for OpenMetrics, without its last line."""
    return "".join(
        part for _, (entry, numbers) in sorted(found.items()) for part in _family(entry, numbers, as_open=as_open)
    )


def _family(entry: Entry, numbers: dict[Labels, list[float]], *, as_open: bool) -> Iterator[str]:
    # OpenMetrics names a family of counters without the suffix that its samples have.
    sample = f"{entry.name}_total" if entry.kind == COUNTER else entry.name
    family = entry.name if as_open else sample
    yield f"# HELP {family} {_escaped(entry.help, quotes=as_open)}\n# TYPE {family} {entry.kind}\n"
    if entry.kind == HISTOGRAM:
        ends = [f',le="{bound}"}} ' for bound in (*entry.bounds, "+Inf")]
        for labels, values in numbers.items():
            yield _histogram(sample, _pairs(labels), ends, values)
    else:
        for labels, (value,) in numbers.items():
            yield f"{sample}{_braces(_pairs(labels))} {_number(value)}\n"


def _histogram(name: str, pairs: str, ends: Sequence[str], values: Sequence[float]) -> str:
    rising = list(accumulate(values[:-1]))
    lead = f"{name}_bucket{{{pairs}"
    if not pairs:
        ends = [end[1:] for end in ends]
    lines = [f"{lead}{end}{count}\n" for end, count in zip(ends, rising, strict=True)]
    braces = _braces(pairs)
    return f"{''.join(lines)}{name}_count{braces} {rising[-1]}\n{name}_sum{braces} {_number(values[-1])}\n"


def _pairs(labels: Labels) -> str:
    return ",".join([f'{name}="{_escaped(value, quotes=True)}"' for name, value in labels])


def _braces(pairs: str) -> str:
    return f"{{{pairs}}}" if pairs else ""


def _escaped(text: str, *, quotes: bool) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _number(value: float) -> str:
    if isfinite(value):
        return repr(value)
    return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"
