"""An event: all that is told about one error, redacted when it is made, so that nothing after it can leak."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, NamedTuple

from wsgi_guard.facts import Facts
from wsgi_guard.named import method_label, route_of
from wsgi_guard.redact import Redactor, one_line
from wsgi_guard.settings.alert_relations import CATEGORY
from wsgi_guard.shown import shown_path

from . import categories, decide
from .categories import Kind, Own
from .family import family
from .secrets import secrets_of
from .trace import message, own_way, sqlstate, traceback_text, type_name


class Origin(NamedTuple):
    """What is the same for all events of a guard."""

    redactor: Redactor
    environment: str | None
    release: str | None
    locals: bool = False
    own: Sequence[Own] = ()
    categorize: Callable[[BaseException], Any] | None = None
    service: str = "app"

    def knowing(self, facts: Facts | None) -> Origin:
        """With a redactor that also takes out what this request brought under secret names, wherever it turns up."""
        if facts is None:
            return self
        return self._replace(redactor=self.redactor.knowing(secrets_of(facts.environ, self.redactor)))


@dataclass(frozen=True, slots=True)
class Event:
    """One error. `id` is what the client reads in `X-Error-ID`; `duration` in seconds since the request began.

    `signs` are what thresholds count besides the category: "database_connection", "websocket".
    """

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
    signs: tuple[str, ...] = ()
    duration: float | None = None
    environment: str | None = None
    release: str | None = None
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    pid: int = field(default_factory=os.getpid)
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")

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
    service: str | None = None,
    severity: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> Event:
    """The event for an exception, with the chain it stands in; without a `severity` its kind says how grave it is.

    Without a `service` it is the app's.

    `origin` knows the secrets of the request, as `Origin.knowing` returns it; so for all events here.
    """
    redactor = origin.redactor
    relatives = family(error)
    chain = [relative.error for relative in relatives if relative.link in ("", "cause")]
    kinds = [_kind(relative) for relative in chain]
    return Event(
        id=id,
        service=redactor.error(str(service or origin.service), 100),
        severity=decide.severity(severity) if severity else categories.severity(kinds, origin.own),
        category=_category(error, kinds, origin),
        type=type_name(error),
        message=message(error, redactor),
        fingerprint=decide.fingerprint([type_name(relative) for relative in chain], own_way(error)),
        traceback=traceback_text(relatives, redactor, locals=origin.locals),
        causes=tuple(
            {"link": link, "type": type_name(cause), "message": message(cause, redactor)}
            for cause, link in relatives[1:]
        ),
        request=request_facts(facts, redactor) if facts else None,
        context=redactor.data(context) if context else None,
        signs=_signs(kinds, facts),
        duration=_duration(facts),
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
        service=origin.service,
        severity=severity,
        category=category,
        type=kind,
        message=f"{kind}, cause unseen",
        fingerprint=decide.fingerprint([kind], [method_label(facts.method), request.get("route") or ""]),
        request=request,
        signs=_signs((), facts),
        duration=_duration(facts),
        environment=origin.environment,
        release=origin.release,
    )


def of_disconnect(facts: Facts, origin: Origin, *, id: str) -> Event:
    """The event for a client that left before it had the whole answer."""
    kind = "client disconnected"
    return Event(
        id=id, service=origin.service, severity="INFO", category="network", type=kind,
        message=f"{kind} before the end of the response", fingerprint=decide.fingerprint([kind], []),
        request=request_facts(facts, origin.redactor), duration=_duration(facts),
        environment=origin.environment, release=origin.release,
    )  # fmt: skip


def _kind(error: BaseException) -> Kind:
    """Class, SQLSTATE and errno of an exception."""
    lineage = [(str(kind.__module__), kind.__name__) for kind in type(error).__mro__]
    number = error.errno if isinstance(error, OSError) else None
    return Kind(lineage, sqlstate(error), number if isinstance(number, int) else 0)


def _category(error: BaseException, kinds: Sequence[Kind], origin: Origin) -> str:
    found = None if origin.categorize is None else origin.categorize(error)
    if isinstance(found, str) and found:
        # It becomes a label of metrics, which no text of an exception may.
        return found if CATEGORY.fullmatch(found) else "other"
    return categories.category(kinds, origin.own)


def _signs(kinds: Sequence[Kind], facts: Facts | None) -> tuple[str, ...]:
    signs = ["database_connection"] if categories.unreachable(kinds) else []
    upgrade = facts.environ.get("HTTP_UPGRADE") if facts else None
    if isinstance(upgrade, str) and upgrade.lower() == "websocket":
        signs.append("websocket")
    return tuple(signs)


def _duration(facts: Facts | None) -> float | None:
    return round(perf_counter() - facts.started, 6) if facts else None


def request_facts(facts: Facts, redactor: Redactor) -> dict[str, Any]:
    """What tells this request from others; of the query string nothing, of the path what is no secret."""
    told: dict[str, Any] = {
        "id": facts.request_id,
        "method": one_line(facts.method[:20]),
        "path": shown_path(facts, redactor),
    }
    try:
        told["client"] = facts.client_ip
        if facts.identity is not None:
            told["user"] = one_line(redactor.text(facts.identity, 200))
        route = route_of(facts)
        if route:
            told["route"] = route
    except Exception as error:
        told["incomplete"] = type(error).__name__
    return told
