"""The one file that names, orders and switches the layers.

Builds what one guard needs from its settings: the chain of layers, the parts they share, and what `exchange.py` asks of
them. A layer that is off is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import TYPE_CHECKING, Any, TypeVar

from .admin import Admin
from .announce import announce
from .chain import Chain
from .client import Addresses
from .errors import ConfigurationError, Refused
from .facts import Facts, Origin
from .host import HOST
from .layer import Layer, Reply
from .problem import problem
from .redact import Redactor
from .routes import Routes
from .settings import Settings, load, resolve_target
from .settings.alert_relations import channels_of

if TYPE_CHECKING:
    from .capture.alerts.desk import Desk
    from .capture.layer import Capture
    from .db.layer import Data
    from .health.layer import Health
    from .observe.access import AccessLog
    from .observe.direct import DirectLog
    from .observe.endpoints import Endpoints
    from .observe.metrics import Metrics
    from .observe.output import Output
    from .pages import Pages
    from .port import Port
    from .ratelimit.control import Control
    from .ratelimit.layer import RateLimit
    from .stores import Place
    from .validation.layer import Validation

# Outermost first: an error anywhere inside is captured, a flood is stopped before it is parsed, the app comes last.
ORDER = ("capture", "rate_limit", "validation", "health", "admin", "data")
# Watch every request and answer from outside all layers, the guard's own answers included, and decide nothing.
AROUND = ("log", "metrics")
# What is served at admin.listen, where there is no app behind.
ASIDE = ("capture", "health", "admin")
# A guard inside another leaves these to the outer one.
OUTER_ONLY = ("capture", "health", "admin")

FAILURE = "the request could not be completed"

T = TypeVar("T")


class Stack:
    """The layers of one guard: `full`, and `nested` for when it runs inside another guard."""

    name = "settings"

    def __init__(
        self, settings: Settings, origin: Origin, layers: Mapping[str, Any], capture: Capture, output: Output
    ) -> None:
        present: list[tuple[str, Layer]] = [(name, layers[name]) for name in ORDER if layers.get(name) is not None]
        self.settings = settings
        self.origin = origin
        self.capture = capture
        around = [layers[name] for name in AROUND if layers.get(name) is not None]
        self.full = Chain([layer for _, layer in present], around)
        self.nested = Chain([layer for name, layer in present if name not in OUTER_ONLY])
        self.full.starts = ((output.start, output), (self.tell, self), *self.full.starts)
        self.aside = Chain([layer for name, layer in present if name in ASIDE], around)
        self.health: Health | None = layers.get("health")
        limit = layers.get("rate_limit")
        self.limits: Control | None = None if limit is None else limit.control
        self.warm: Callable[[int], None] = (lambda count: None) if limit is None else limit.ledger.warm
        self.raises = settings.capture.on_error == "raise"
        self.denies_on_error = settings.guard.on_layer_error == "deny"
        self.port = None if settings.admin.listen is None else self._port(settings.admin.listen)
        if self.port is not None:
            # Last: what is asked there finds everything started.
            self.full.starts = (*self.full.starts, (self.port.start, self.port))

    def tell(self) -> None:
        announce(self.settings)

    def _port(self, address: str) -> Port:
        from .aside import Aside
        from .port import Port

        return Port(address, Aside(self), lambda: HOST.enter(address))

    def problem(self, facts: Facts, refused: Refused, error_id: str = "") -> Reply:
        return problem(facts.environ, refused, facts.request_id, error_id=error_id or None)

    def failure(self, facts: Facts, error_id: str = "") -> Reply:
        """The answer when a layer failed and the request must not go on unchecked, or its work is undone."""
        return self.problem(facts, Refused(500, FAILURE), error_id)


class Build:
    """Collects the parts of one stack, and every problem met on the way."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.routes = Routes()
        self.problems: list[str] = []
        self.alerting = bool(channels_of(settings.alerts))
        self.admin = Admin(settings.admin)
        chosen = settings.guard.layers
        self.wanted = set(ORDER if chosen is None else ("capture", "admin", "data", *chosen))

    def attempt(self, part: Callable[[], T]) -> T | None:
        """What `part` returns; None when it has problems, which are kept."""
        try:
            return part()
        except ConfigurationError as error:
            self.problems.extend(error.problems)
        except ValueError as error:
            self.problems.append(str(error))
        return None

    def capture(self) -> Capture:
        from .capture.layer import Capture

        return Capture(self.settings.capture, environment=self.settings.environment, board=lambda: HOST.errors)

    def stack(self) -> Stack:
        from .observe.endpoints import Endpoints
        from .observe.output import Output

        settings = self.settings
        capture = self.attempt(self.capture)
        # Health may have a check of the store without the layer that uses it; opening connects to nothing.
        place = self.attempt(self.place) if self.alerting or self.wanted & {"rate_limit", "health"} else None
        desk = self.attempt(lambda: self.desk(place, capture)) if self.alerting else None
        data = self.attempt(self._data) if settings.pools else None
        health = self.attempt(lambda: self._health(place, data, capture)) if "health" in self.wanted else None
        # The paths that the guard answers itself; filled once all layers are there, which leave them alone.
        own_paths: set[str] = set()
        limit = self.attempt(lambda: self._rate_limit(place, own_paths)) if "rate_limit" in self.wanted else None
        validation = self.attempt(lambda: self._validation(own_paths)) if "validation" in self.wanted else None
        origin = self.attempt(self._origin)
        endpoints = Endpoints(own_paths)
        redactor = Redactor(settings.capture.redact)
        access = self.attempt(lambda: self._access(endpoints, redactor)) if settings.log.access else None
        output = self.attempt(lambda: Output(settings.log, redactor))
        if self.problems or capture is None or origin is None or output is None:
            raise ConfigurationError(self.problems)
        if health is not None:
            self._report(health, limit, capture, data)
        if desk is not None:
            self._attach(desk, capture, health)
        if validation is not None and validation.idle:
            validation = None
        counting: list[Any] = [capture, *((limit.census, limit.ledger) if limit else ()), validation, health, data]
        metrics = self._metrics(endpoints, [one.series for one in counting if hasattr(one, "series")])
        if metrics is not None:
            capture.ledger.counted = metrics.error
        pages = self._pages(limit, data, metrics, capture)
        own_paths.update(pages.own_paths if pages is not None else (), health.own_paths if health is not None else ())
        layers = {
            "capture": capture, "rate_limit": limit, "validation": validation, "health": health, "admin": pages,
            "data": data, "log": access, "metrics": metrics,
        }  # fmt: skip
        return Stack(settings, origin, layers, capture, output)

    def _report(self, health: Health, limit: RateLimit | None, capture: Capture, data: Data | None) -> None:
        """Has the guard's own parts say how they are."""
        if limit is not None:
            health.report("rate_limit", lambda: limit.degraded)
        if capture.sentry is not None:
            health.report("sentry", capture.report)
        if data is not None:
            health.report("pools", data.report)
            health.each_second(data.saturation.tell)

    def _pages(
        self, limit: RateLimit | None, data: Data | None, metrics: Metrics | None, capture: Capture
    ) -> Pages | None:
        """The admin pages of all slices that have some; None when there is nobody to read them."""
        from .pages import Page, Pages

        section = self.settings.admin
        found: dict[str, Page] = {}
        if limit is not None and section.rate_limits:
            from .ratelimit.pages import pages

            found.update(pages(section.rate_limits, limit))
        if data is not None and section.db:
            from .db.stats import pages as pages_of_pools

            found.update(pages_of_pools(section.db, data.pools))
        if metrics is not None and self.settings.metrics.path:
            from .observe.pages import pages as pages_of_metrics

            found.update(pages_of_metrics(self.settings.metrics.path, metrics))
        if section.errors:
            from .capture.pages import pages as pages_of_errors

            found.update(pages_of_errors(section.errors, capture))
        return Pages(self.admin, found) if found and self.admin.configured else None

    def _metrics(self, endpoints: Endpoints, sources: list[Any]) -> Metrics | None:
        """Nothing is counted where nobody may read it."""
        if not self.settings.metrics.path or not self.admin.configured:
            return None
        from .observe.metrics import Metrics

        return Metrics(endpoints, lambda: HOST.cells, sources)

    def _access(self, endpoints: Endpoints, redactor: Redactor) -> AccessLog | DirectLog:
        from .observe.access import access_log

        return access_log(self.settings.log, redactor, endpoints)

    def desk(self, place: Place | None, capture: Capture | None) -> Desk | None:
        """Who writes alerts; it counts where rate limits do."""
        from .capture.alerts.build import build_desk

        if place is None or capture is None:
            return None
        found, sentry = self.settings, capture.sentry
        alone = lambda: HOST.errors is None or place.alone  # noqa: E731  (asked when the process ends)
        return build_desk(found.alerts, sentry, place.open, alone, found.environment, found.capture.service)

    def _attach(self, desk: Desk, capture: Capture, health: Health | None) -> None:
        """Alerts hear of every event and of every check that changes, and health of alerts that do not get through."""
        capture.attach(desk)
        if health is not None:
            health.report("alerts", desk.report)
            health.listen(desk.changed)

    def _origin(self) -> Origin:
        guard = self.settings.guard
        identity = resolve_target(guard.identity) if guard.identity else None
        return Origin(self.routes, Addresses(guard.trusted_proxies, guard.forwarded_header), identity)

    def place(self) -> Place:
        from .stores import Place

        source = self.settings.origins.get("rate_limit.store", "")
        return Place(self.settings.rate_limit, lambda: HOST.table, source)

    def _rate_limit(self, place: Place | None, own_paths: Set[str]) -> RateLimit | None:
        from .ratelimit.layer import RateLimit

        settings = self.settings
        if place is None:
            return None
        return RateLimit(
            settings.rate_limit, settings.guard, self.routes, place, own_paths=own_paths, workers=lambda: HOST.workers,
            board=lambda: HOST.board,
        )  # fmt: skip

    def _validation(self, own_paths: Set[str]) -> Validation:
        from .validation.layer import Validation

        settings = self.settings
        return Validation(
            settings.validation, settings.guard, self.routes, settings.folder, own_paths=own_paths, kept=HOST.schemas
        )

    def _data(self) -> Data:
        from .db.layer import Data

        return Data(self.settings.pools, self.routes, lambda: HOST.workers, lambda: HOST.pools)

    def _health(self, place: Place | None, data: Data | None, capture: Capture | None) -> Health:
        from .health.checks import vitals
        from .health.layer import Health

        pings: dict[str, Callable[[float], object]] = dict(data.pings()) if data else {}
        if place is not None and place.remote:
            pings["redis"] = vitals(place.open())
        draining = HOST.drained_by(self.settings.guard.drain_file)
        return Health(self.settings.health, self.admin, pings=pings, draining=draining, board=HOST.claim)


def build(settings: Any = None, only: Any = None) -> Stack:
    """The stack that `settings` describe. Raises ConfigurationError with every problem found."""
    return Build(load(settings, only=only)).stack()
