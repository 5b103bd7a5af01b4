"""The words of a health answer: the shape of `application/health+json` (draft-inadarei-api-health-check-06).

The public form is one word and, for readiness, why not. Names, causes and measurements stand only in the detailed form,
which the layer shows to admins alone. Fields in snake_case are ours, the others are the draft's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from wsgi_guard.reports import Unproved

from .decide import FAIL, PASS, UNKNOWN, WARN, Check, Finding, Result, overall
from .trend import Trend

TYPE = "application/health+json"
COMPONENTS = {
    "system": "system", "disk": "system", "file": "system", "redis": "datastore", "postgres": "datastore",
}  # fmt: skip
"""Kind of check -> the draft's componentType; every other kind is a "component"."""


def code(status: str) -> int:
    """The draft wants 2xx for pass and warn, 4xx or 5xx for fail."""
    return 503 if status == FAIL else 200


def public(status: str, output: str = "") -> bytes:
    return encode({"status": status, "output": output} if output else {"status": status})


def encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, allow_nan=False).encode("ascii")


def detailed(findings: Sequence[Finding], reports: Mapping[str, str | None], now: float) -> dict[str, Any]:
    """Every check, the root causes first and in words on top; `reports` are the guard's own parts and what they say."""
    own = {f"guard:{name}": report(text) for name, text in reports.items()}
    # A part that nothing has used yet says nothing against the whole; a check that did not run does.
    parts_known = [part["status"] for part in own.values() if part["status"] != UNKNOWN]
    status = overall([*(finding.status for finding in findings), *parts_known])
    causes = [finding.check.name for finding in findings if finding.root]
    parts = [*((finding.check.name, entry(finding, now)) for finding in findings), *own.items()]
    parts.sort(key=lambda part: bool(part[1]["status"] == PASS))
    found: dict[str, Any] = {"status": status, "causes": causes}
    if causes:
        # The root cause leads: first the widest.
        found["output"] = "; ".join(f"{finding.check.name}: {_output(finding)}" for finding in findings if finding.root)
    return {**found, "checks": {name: [part] for name, part in parts}}


def one(name: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """The same shape for a single check."""
    return {"status": overall([part["status"]]), "checks": {name: [part]}}


def fresh(check: Check, result: Result) -> dict[str, Any]:
    """A check as one more run found it just now."""
    return entry(Finding(check, result.reading.status, result.reading.cause, result), result.at)


def report(text: str | None) -> dict[str, Any]:
    """A part of the guard itself: it fails no probe, since the guard has a policy for doing without it."""
    if text is None:
        return {"status": PASS, "componentType": "component"}
    status = UNKNOWN if isinstance(text, Unproved) else WARN
    return {"status": status, "componentType": "component", "output": text}


def entry(finding: Finding, now: float) -> dict[str, Any]:
    check = finding.check
    found: dict[str, Any] = {
        "status": finding.status,
        "componentType": COMPONENTS.get(check.kind, "component"),
        "tier": check.tier,
    }
    if finding.status != PASS:
        found["output"] = _output(finding)
    for name, names in (("needs", check.needs), ("blocked_by", finding.blocked_by), ("affected", finding.affected)):
        if names:
            found[name] = list(names)
    if finding.result is not None:
        found.update(_measured(finding.result, now))
    if finding.trend is not None:
        found["trend"] = _trend(finding, finding.trend, now)
    return found


def _trend(finding: Finding, trend: Trend, now: float) -> dict[str, Any]:
    """Shares are 0 to 1; `last` has a letter for each of the last runs, the latest at the end: p passed, f failed."""
    shares = trend.availability(now)
    found: dict[str, Any] = {
        "availability": {span: None if share is None else round(share, 5) for span, share in shares.items()},
        "last": finding.standing.runs,
        "flapping": finding.standing.flaps,
    }
    latency = trend.latency()
    if latency is not None:
        found["p50_ms"], found["p95_ms"] = (round(1000 * seconds, 2) for seconds in latency)
    if finding.standing.failures:
        found["failing_since"] = _moment(finding.standing.since)
    return found


def _moment(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _output(finding: Finding) -> str:
    blocked = f"blocked by {_list(finding.blocked_by)}" if finding.blocked_by else ""
    own = finding.cause or {UNKNOWN: "not known", WARN: "degraded"}.get(finding.status, "fails")
    if blocked and finding.status == WARN and not finding.cause:
        return blocked
    return f"{own}; {blocked}" if blocked else own


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _measured(result: Result, now: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        "time": _moment(result.time),
        "age_s": round(max(now - result.at, 0.0), 1),
        "duration_ms": round(result.took * 1000, 2),
    }
    if result.reading.observed:
        found["observedValue"] = dict(result.reading.observed)
    return found
