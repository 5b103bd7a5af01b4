"""`wsgi-guard replay`: what a configuration would have made of the requests in a log."""

from __future__ import annotations

import argparse
import heapq
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from wsgi_guard.redact import MARK

from .lines import LONGEST, Entry, Reader, in_order

if TYPE_CHECKING:
    from wsgi_guard.settings import Settings

    from .stage import Stage, Walk

REFUSED = ("deny", "error")
BAR = 30  # characters
EVERY = 250  # lines between two looks at the progress
UNLIKE = 20  # requests that are told one by one, of those about which something else was decided then

# Parts of a request that no log holds: what was decided by them stands as it was.
UNSEEN = frozenset({"body", "cookies", "files", "form", "headers"})
AS_THEN = "{} request(s) were judged by headers, bodies or secrets, which the log does not hold; that stands as it was"

Place = tuple[str, str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", help="the guard's JSON log or a log in the combined format; - reads standard input")
    parser.add_argument("--file", help="settings file, as for check")
    parser.add_argument("--json", action="store_true", help="print JSON in place of words")


def replay(options: argparse.Namespace) -> str:
    """What to print. Raises ConfigurationError, and OSError for a log that cannot be read."""
    from wsgi_guard.settings import load

    from .stage import Stage

    settings = load(options.file)
    stage, totals = Stage(settings, bodies=False), Totals()
    if options.log == "-":
        totals.run(stage, sys.stdin.buffer, None)
    else:
        with open(options.log, "rb") as file:
            totals.run(stage, file, os.fstat(file.fileno()).st_size)
    found = totals.as_dict() | {"notes": notes(settings)}
    return json.dumps(found, indent=2) if options.json else words(found)


class Totals:
    """What a run counted."""

    def __init__(self) -> None:
        self.requests = self.lost = self.stopped = 0
        # Against what the log's own guard did.
        self.newly_refused = self.newly_passed = self.as_then = 0
        self.unlike: list[dict[str, Any]] = []
        self.span: list[float] = []
        # (verdict, layer, rule) -> requests, and the first line.
        self.counts: Counter[Place] = Counter()
        self.first: dict[Place, int] = {}

    def run(self, stage: Stage, file: IO[bytes], size: int | None) -> None:
        for one, walk in played(stage, in_order(self._entries(file, size))):
            self.count(one, walk)

    def count(self, one: Entry, walk: Walk) -> None:
        self.requests += 1
        at = one.request.at
        self.span = [min(at, *self.span), max(at, *self.span)] if self.span else [at, at]
        kept = unseen(one, walk)
        places = list(dict.fromkeys([*decided(walk), *kept]))
        refused = walk.status >= 400 or any(verdict in REFUSED for verdict, _, _ in kept)
        self.stopped += refused
        self.as_then += bool(kept)
        if one.decided is not None:
            self._compare(one, refusals(places))
        for place in places:
            self.counts[place] += 1
            self.first.setdefault(place, one.number)

    def _compare(self, one: Entry, now: list[Place]) -> None:
        then = refusals((then.verdict, then.layer, then.rule) for then in one.decided or ())
        self.newly_refused += bool(now) and not then
        self.newly_passed += bool(then) and not now
        if then != now and len(self.unlike) < UNLIKE:
            self.unlike.append({"line": one.number, "then": then, "now": now})

    def _entries(self, file: IO[bytes], size: int | None) -> Iterator[Entry]:
        read, number, bar, reader = 0, 0, Bar(size), Reader()
        while line := file.readline(LONGEST + 1):
            read += len(line)
            number += 1
            bar.show(read, number)
            if not line.endswith(b"\n") and len(line) > LONGEST:
                self.lost += 1
                read += _skip(file)
                continue
            if not line.strip():
                continue
            try:
                found = reader.entry(line, number)
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                self.lost += 1
            else:
                if found is not None:
                    yield found
        bar.end()

    def as_dict(self) -> dict[str, Any]:
        rows = [
            {"verdict": verdict, "layer": layer, "rule": rule, "requests": count, "first_line": self.first[place]}
            for place, count in sorted(self.counts.items(), key=lambda one: -one[1])
            for verdict, layer, rule in (place,)
        ]
        return {
            "requests": self.requests, "not_understood": self.lost, "refused": self.stopped,
            "refused_now_not_then": self.newly_refused, "refused_then_not_now": self.newly_passed,
            "as_then": self.as_then, "unlike": self.unlike,
            "from": _shown(self.span[0]) if self.span else None, "to": _shown(self.span[1]) if self.span else None,
            "decisions": rows,
        }  # fmt: skip


def played(stage: Stage, entries: Iterator[Entry]) -> Iterator[tuple[Entry, Walk]]:
    """Each request as it begins; those that have ended by then have given back what does not count."""
    flying: list[tuple[float, int, Walk, int]] = []
    for one in entries:
        while flying and flying[0][0] <= one.request.at:
            ended, _, walk, code = heapq.heappop(flying)
            stage.end(walk, ended, code)
        stage.set_clock(one.clock)
        walk = stage.walk(one.request)
        code = walk.status or one.request.status
        heapq.heappush(flying, (one.request.at + one.request.duration, one.number, walk, code))
        yield one, walk


def decided(walk: Walk) -> list[Place]:
    """(verdict, layer, rule), each once, of all that was decided about a request."""
    return list(dict.fromkeys((decision.verdict, decision.layer, decision.rule) for decision in walk.facts.decided))


def unseen(one: Entry, walk: Walk) -> list[Place]:
    """As `decided`, of what was decided then by parts that the log does not hold, if the request comes as far now."""
    if walk.stopped in ("rate_limit", "validation"):
        return []
    hidden = UNSEEN | {"path", "query"} if MARK in one.request.target else UNSEEN
    kept = (then for then in one.decided or () if then.layer == "validation" and then.part in hidden)
    return [(then.verdict, then.layer, then.rule) for then in kept]


def refusals(places: Iterable[tuple[str, ...]]) -> list[Place]:
    """The places, each once and sorted, that refused the request."""
    return sorted({(place[0], place[1], place[2]) for place in places if place[0] in REFUSED})


def notes(settings: Settings) -> list[str]:
    """What a log cannot tell, and which rules look at it."""
    asking = [
        repr(rule.name)
        for rule in settings.rate_limit.rules
        if rule.header or rule.limit_by or isinstance(rule.cost, str)
        or any(part == "api_key" or ":" in part for part in rule.key)
    ]  # fmt: skip
    found = [f"a log holds no headers, which the rule(s) {', '.join(asking)} may look at"] if asking else []
    if settings.validation.schemas is not None:
        found.append("a log holds no headers and bodies: of the schemas only path and query were applied")
    return found


def words(found: dict[str, Any]) -> str:
    asked = found["requests"]
    lines = [f"{asked} requests" + (f" from {found['from']} to {found['to']}" if asked else "")]
    if found["not_understood"]:
        lines.append(f"{found['not_understood']} lines were not understood")
    lines.append(f"{found['refused']} would be refused" + _share(found["refused"], asked))
    if found["refused_now_not_then"] or found["refused_then_not_now"]:
        lines.append(
            f"unlike then: {found['refused_now_not_then']} refused that had passed, "
            f"{found['refused_then_not_now']} passed that had been refused"
        )
    lines += [f"  line {one['line']}: {_places(one['then'])}, now {_places(one['now'])}" for one in found["unlike"]]
    if found["decisions"]:
        lines += ["", f"{'verdict':<10} {'layer':<11} {'rule':<24} {'requests':>9} {'share':>8}  first line"]
        lines += [
            f"{row['verdict']:<10} {row['layer']:<11} {row['rule'] or '-':<24} {row['requests']:>9} "
            f"{row['requests'] / asked:>8.2%}  {row['first_line']}"
            for row in found["decisions"]
        ]
    told = [*([AS_THEN.format(found["as_then"])] if found["as_then"] else []), *found["notes"]]
    lines += [f"note: {note}" for note in told]
    return "\n".join(lines)


class Bar:
    """How far a file is read, on standard error where that is a terminal."""

    def __init__(self, size: int | None) -> None:
        self._size = size
        self._shows = sys.stderr.isatty()

    def show(self, read: int, lines: int) -> None:
        if not self._shows or lines % EVERY != 1:
            return
        if self._size:
            done = min(1.0, read / self._size)
            text = f"[{'#' * int(done * BAR):<{BAR}}] {done:4.0%} {lines} lines"
        else:
            text = f"{lines} lines"
        print(f"\r{text}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _skip(file: IO[bytes]) -> int:
    """Reads the rest of a line that is too long; how many bytes that were."""
    read = 0
    while piece := file.readline(LONGEST):
        read += len(piece)
        if piece.endswith(b"\n"):
            break
    return read


def _places(places: list[Place]) -> str:
    return ", ".join(f"{verdict} by {layer} {rule}".rstrip() for verdict, layer, rule in places) or "passed"


def _share(part: int, whole: int) -> str:
    return f" ({part / whole:.2%})" if whole else ""


def _shown(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
