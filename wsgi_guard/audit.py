"""One entry of the audit trail that belongs to no request: settings loaded, a schema taken over, a hand that acts."""

from __future__ import annotations

import logging
from os import getpid
from typing import Any

from .facts import current, new_id
from .redact import one_line

log = logging.getLogger("wsgi_guard.audit")


def audit(layer: str, verdict: str, rule: str, reason: str, evidence: str = "", **more: Any) -> None:
    """Writes it now; its texts must be fit for everybody who reads logs. `more` stands beside the decision."""
    decision: dict[str, Any] = {
        "id": new_id(), "layer": layer, "verdict": verdict, "rule": rule, "reason": one_line(reason),
    }  # fmt: skip
    if evidence:
        decision["evidence"] = one_line(evidence)
    told = {"client": None, "pid": getpid(), **more, "decisions": [decision]}
    said = one_line(f"{verdict} by {layer}{' ' + rule if rule else ''} ({reason})")
    log.info("%s", said, extra={"audit": told})


def act(layer: str, rule: str, reason: str, evidence: str) -> None:
    """Somebody's command: on the record of the request that runs here, else by itself."""
    facts = current()
    if facts is None:
        audit(layer, "act", rule, reason, evidence)
    else:
        facts.decide(layer, "act", rule, reason, evidence)
