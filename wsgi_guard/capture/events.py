"""An event: all that is told about one error, redacted when it is made, so that nothing after it can leak."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, NamedTuple

from wsgi_guard.facts import Facts
from wsgi_guard.redact import Redactor, one_line
from wsgi_guard.shown import shown_path

from . import decide
from .family import family
from .trace import message, own_way, traceback_text, type_name


class Origin(NamedTuple):
    """What is the same for all events of a guard."""

    redactor: Redactor
    environment: str | None
    release: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One error. `id` is what the client reads in `X-Error-ID`; `category` and `fingerprint` as in `decide.py`."""

    id: str
    service: str
    severity: str
    category: str
    type: str
    message: str
    fingerprint: str
    traceback: str = ""
    causes: tuple[Mapping[str, str], ...] = ()
    request: Mapping[str, Any] | None = None
    context: Any = None
    environment: str | None = None
    release: str | None = None
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    pid: int = field(default_factory=os.getpid)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what is not known is left out."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "", ())}

    def headline(self) -> str:
        """One line for people, which no text of an exception or a client can break in two."""
        where = ""
        if self.request:
            where = f" [{self.request['method']} {self.request.get('route') or self.request['path']}]"
        said = self.message if len(self.message) <= 300 else self.message[:300] + "..."
        return one_line(f"{self.type}: {said}{where} error_id={self.id}")


def of_exception(
    error: BaseException,
    facts: Facts | None,
    origin: Origin,
    *,
    id: str,
    service: str = "app",
    severity: str = "ERROR",
    context: Mapping[str, Any] | None = None,
) -> Event:
    """The event for an exception, with the chain it stands in."""
    redactor = origin.redactor
    relatives = family(error)
    chain = [relative.error for relative in relatives if relative.link in ("", "cause")]
    return Event(
        id=id,
        service=redactor.text(str(service), 100),
        severity=decide.severity(severity),
        category=decide.category(*(_lineage(relative) for relative in chain)),
        type=type_name(error),
        message=message(error, redactor),
        fingerprint=decide.fingerprint([type_name(relative) for relative in chain], own_way(error)),
        traceback=traceback_text(relatives, redactor),
        causes=tuple(
            {"link": link, "type": type_name(cause), "message": message(cause, redactor)}
            for cause, link in relatives[1:]
        ),
        request=request_facts(facts, redactor) if facts else None,
        context=redactor.data(context) if context else None,
        environment=origin.environment,
        release=origin.release,
    )


def of_status(code: int, facts: Facts, origin: Origin, *, id: str) -> Event:
    """The event for a 5xx answer whose cause nobody showed."""
    severity, category = decide.unseen(code)
    request = request_facts(facts, origin.redactor)
    kind = f"response {code}"
    return Event(
        id=id,
        service="app",
        severity=severity,
        category=category,
        type=kind,
        message=f"{kind}, cause unseen",
        fingerprint=decide.fingerprint([kind], [request["method"], request.get("route") or ""]),
        request=request,
        environment=origin.environment,
        release=origin.release,
    )


def _lineage(error: BaseException) -> list[tuple[str, str]]:
    return [(str(kind.__module__), kind.__name__) for kind in type(error).__mro__]


def request_facts(facts: Facts, redactor: Redactor) -> dict[str, Any]:
    """What tells this request from others; of the query string nothing, of the path what is no secret."""
    told: dict[str, Any] = {
        "id": facts.request_id,
        "method": one_line(facts.method[:20]),
        "path": shown_path(facts, redactor),
        "duration": round(perf_counter() - facts.started, 6),
    }
    try:
        told["client"] = facts.client_ip
        hits = facts.route.hits
        if hits:
            told["route"] = hits[0].template.text
    except Exception as error:
        told["incomplete"] = type(error).__name__
    return told
