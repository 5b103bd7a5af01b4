"""What the results of checks mean: how each check stands, which failure is the root, what the whole is, ready or not.

Values in, values out: `now` is an argument, and nothing here knows a thread, a clock, an environ or a driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from wsgi_guard.settings.fields import Threshold

from .trend import Trend

PASS, WARN, FAIL, UNKNOWN = "pass", "warn", "fail", "unknown"
STATUSES = frozenset({PASS, WARN, FAIL, UNKNOWN})

STALE_AFTER = 3
"""Intervals after which a result says nothing any more: one round may be late, one lost, a third is a pattern."""
WAY = 2.0
"""Seconds more: from the process that watches to one that looks once a second. A run may take its timeout besides."""


@dataclass(frozen=True, slots=True)
class Check:
    """What is declared of a check; `tier` is "ready" or "info", `timeout` and `interval` are seconds.

    `warn` and `fail` bound what it measures; `failures` and `passes` in a row make an alarm and end it.
    """

    name: str
    kind: str
    tier: str = "info"
    needs: tuple[str, ...] = ()
    timeout: float = 5.0
    interval: float = 30.0
    warn: tuple[Threshold, ...] = ()
    fail: tuple[Threshold, ...] = ()
    failures: int = 2
    passes: int = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """How the runs of a check went in a row, and what was told of it (see `standing.py`).

    `failures` and `passes` are runs in a row, `runs` the last of them as letters; `alone` those of the failures during
    which nothing failed that the check needs. `began` (monotonic) and `since` (epoch) tell the first failure, `cleared`
    (monotonic) the first pass after it; `told` while an alarm is out; `flaps` while the check goes to and fro.
    """

    failures: int = 0
    passes: int = 0
    runs: str = ""
    began: float = 0.0
    since: float = 0.0
    told: bool = False
    flaps: bool = False
    alone: int = 0
    cleared: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one run found. `cause` is a word of the guard's own or the name of an exception class, never its text."""

    status: str
    cause: str = ""
    observed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """A reading and when its run ended: `at` on the monotonic clock, `time` since the epoch, `took` in seconds."""

    reading: Reading
    at: float
    time: float
    took: float


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known of a check; `since` is when the run in flight began, None without one."""

    result: Result | None = None
    since: float | None = None
    standing: Standing = Standing()
    trend: Trend | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """How a check stands now. `blocked_by` are the root failures it depends on, `affected` what it blocks as a root."""

    check: Check
    status: str
    cause: str
    result: Result | None = None
    blocked_by: tuple[str, ...] = ()
    affected: tuple[str, ...] = ()
    standing: Standing = Standing()
    trend: Trend | None = None

    @property
    def root(self) -> bool:
        return self.status == FAIL and not self.blocked_by


NOTHING = Seen()


def overdue(check: Check, seen: Seen, now: float) -> bool:
    """True while a run is in flight for longer than the check may take."""
    return seen.since is not None and now - seen.since >= check.timeout


def reading(check: Check, seen: Seen, now: float) -> Reading:
    """What the check itself says now: a run that hangs fails it, a result that is too old is no result."""
    if overdue(check, seen, now):
        return Reading(FAIL, "timed out")
    if seen.result is None:
        return Reading(UNKNOWN, "not run yet")
    age = now - seen.result.at
    if age > STALE_AFTER * check.interval + check.timeout + WAY:
        return Reading(UNKNOWN, f"stale: last run {age:.0f} s ago")
    return seen.result.reading


def overall(statuses: Iterable[str]) -> str:
    """One word for all: the worst. What is not known is a warning, as it is neither well nor broken."""
    found = set(statuses)
    if FAIL in found:
        return FAIL
    return PASS if found <= {PASS} else WARN


def ready(checks: Iterable[Check], seen: Mapping[str, Seen], now: float, *, draining: bool) -> str:
    """Why this process must get no traffic, "" when it may.

    The last result of a check counts however old it is: a guard that stopped looking is no reason to lose every
    instance at once. It shows as a warning in the other answers.
    """
    if draining:
        return "draining"
    wanted = [(check, seen.get(check.name, NOTHING)) for check in checks if check.tier == "ready"]
    if any(overdue(check, state, now) for check, state in wanted):
        return "a check fails"
    results = [state.result for _, state in wanted]
    if any(result is None for result in results):
        return "starting"
    bad = any(result is not None and result.reading.status not in (PASS, WARN) for result in results)
    return "a check fails" if bad else ""


def findings(checks: Mapping[str, Check], seen: Mapping[str, Seen], now: float) -> tuple[Finding, ...]:
    """Every check as it stands, roots of failures first (the widest first), then what they block, then the rest."""
    said = {name: reading(check, seen.get(name, NOTHING), now) for name, check in checks.items()}
    failing = {name for name, word in said.items() if word.status == FAIL}
    above = {name: ancestors(name, checks) for name in checks}
    roots = {name for name in failing if not above[name] & failing}
    found = [
        _finding(check, said[name], seen.get(name, NOTHING), sorted(above[name] & roots), _below(name, above, roots))
        for name, check in checks.items()
    ]
    return tuple(sorted(found, key=_rank))


def ancestors(name: str, checks: Mapping[str, Check]) -> Set[str]:
    """All checks that this one needs, directly or not, itself left out."""
    found: set[str] = set()
    waiting = list(checks[name].needs)
    while waiting:
        need = waiting.pop()
        if need not in found and need in checks:
            found.add(need)
            waiting.extend(checks[need].needs)
    return found - {name}


def _below(name: str, above: Mapping[str, Set[str]], roots: Set[str]) -> list[str]:
    return sorted(other for other, needs in above.items() if name in needs) if name in roots else []


def _finding(check: Check, said: Reading, seen: Seen, blocked_by: list[str], affected: list[str]) -> Finding:
    """A check that answers while something it needs fails is a warning: its pass says less than it seems."""
    status = WARN if blocked_by and said.status == PASS else said.status
    return Finding(
        check, status, said.cause, seen.result, tuple(blocked_by), tuple(affected), seen.standing, seen.trend
    )


def _rank(finding: Finding) -> tuple[int, int, str]:
    order = (finding.root, bool(finding.blocked_by), finding.status == FAIL, finding.status == WARN)
    place = next((index for index, holds in enumerate(order) if holds), len(order) + (finding.status == PASS))
    return place, -len(finding.affected), finding.check.name
