"""The log lines of capture: an event on `wsgi_guard.errors`, a request's decisions on `wsgi_guard.audit`.

Message and traceback come redacted and without `exc_info`, so that no formatter can print what was taken out.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from wsgi_guard.facts import Decision, Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.redact import Redactor, one_line
from wsgi_guard.shown import decision_id, shown_path

from .decide import LEVELS
from .events import Event

DECISIONS = 50
"""Decisions of one request that are written out; more than a handful means a loop."""


def log_event(event: Event) -> None:
    write("wsgi_guard.errors", LEVELS[event.severity], event.headline(), "event", event.as_dict(), event.traceback)


def log_decisions(facts: Facts, decisions: list[Decision], outcome: Outcome, redactor: Redactor) -> None:
    """One line for all that was decided about a request: WARNING when something was denied, else INFO."""
    denied = any(decision.verdict == "deny" for decision in decisions)
    told = [_told(facts, at, decision, redactor) for at, decision in enumerate(decisions[:DECISIONS])]
    who = _who(facts)
    audit = {
        "request_id": facts.request_id,
        "method": one_line(facts.method[:20]),
        "path": shown_path(facts, redactor),
        "client": facts.client_ip,
        "identity": None if who is None else redactor.text(who, 200),
        "status": outcome.code,
        "decisions": told,
    }
    said = "; ".join(_said(decision) for decision in told[:5])
    text = one_line(f"{audit['method']} {audit['path']} from {audit['client']}: {said}")
    write("wsgi_guard.audit", logging.WARNING if denied else logging.INFO, text, "audit", audit)


def _who(facts: Facts) -> str | None:
    """Asked for here, since what was refused early was refused whoever it was."""
    try:
        return facts.identity
    except Exception:
        # The app's function: where it decides something, what it raises is an event.
        return None


def _told(facts: Facts, at: int, decision: Decision, redactor: Redactor) -> dict[str, str]:
    told = {"id": decision_id(facts, at), "layer": decision.layer, "verdict": decision.verdict, "rule": decision.rule}
    if decision.part:
        told["part"] = decision.part
    if decision.reason:
        told["reason"] = one_line(redactor.text(str(decision.reason), 500))
    if decision.evidence:
        told["evidence"] = one_line(redactor.text(decision.evidence, 200))
    return told


def _said(told: dict[str, str]) -> str:
    why = f" ({told['reason'][:200]})" if "reason" in told else ""
    return f"{told['verdict']} by {told['layer']}{' ' + told['rule'] if told['rule'] else ''}{why}"


def write(logger_name: str, level: int, text: str, name: str, value: dict[str, Any], traceback: str = "") -> None:
    """One record with `value` as its attribute `name`, where the logger wants that level at all."""
    logger = logging.getLogger(logger_name)
    if not logger.isEnabledFor(level):
        return
    record = logger.makeRecord(logger_name, level, "(wsgi_guard)", 0, text, (), None)
    setattr(record, name, value)
    record.exc_text = traceback or None
    logger.handle(record)


def log_failure(doing: str, error: BaseException) -> None:
    """Says that capture itself failed, by the log or, where that is what fails, on standard error; never raises."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    text = one_line(f"capture failed while {doing}: {type(error).__name__} at {place}")
    try:
        logging.getLogger("wsgi_guard.capture").error("%s", text)
    except Exception:
        print(f"wsgi_guard: {text}", file=sys.__stderr__)
