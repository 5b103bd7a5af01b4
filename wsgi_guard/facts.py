"""What is known of the request that runs, found lazily and once, and which request that is.

Every layer reads facts; none parses the environ again. Nothing here answers, counts or logs.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from time import perf_counter
from typing import Any, NamedTuple

from .body import Body
from .client import Addresses, Client
from .errors import Refused
from .routes import Route, Routes
from .trace import OWN_ID, SPAN, Trace, trace_of

Environ = dict[str, Any]
# As `verb_of`, without its call.
VERBS = {"GET": "GET", "HEAD": "GET", "POST": "POST", "PUT": "PUT", "PATCH": "PATCH", "DELETE": "DELETE"}


class Decision(NamedTuple):
    """What a layer decided against a request or would have; "deny", "shadow", "error", "unscanned" or "degraded"."""

    layer: str
    verdict: str
    rule: str
    reason: str
    # What of the client's led to it, redacted.
    evidence: str = ""
    # The part of the request that it rests on, as a schema file names it: query, body, headers and so on.
    part: str = ""


class Origin(NamedTuple):
    """Where facts come from: the parts of a guard that know how to find them."""

    routes: Routes
    addresses: Addresses
    identity: Callable[[Environ], Any] | None


class Facts:
    """One request. Attributes documented in the README are the same values that the environ holds for the app.

    `replied` says that the answer is the guard's own, `own_page` that a page of the guard's was asked for, `open` that
    the request has not ended yet.
    """

    # Defaults stand on the class: a request that needs none of them pays for none (24 slots took 1 µs to fill).
    open = True
    replied = False
    own_page = False
    decisions: list[Decision] | None = None
    # Decided as it was for others before: told with the request and counted, but on the audit log for many at once.
    again: tuple[Decision, ...] = ()
    errors: Any = None
    error: BaseException | None = None
    limits: Any = None
    noted: Refused | None = None
    cause: BaseException | None = None
    pools: Mapping[str, Any] | None = None
    # What the request spent on databases: seconds, and statements.
    db_seconds = 0.0
    db_queries = 0
    # The template by which the app's framework found its view, where an adapter saw it.
    matched: str | None = None
    # The name under which the request counts, found at its end.
    endpoint: str | None = None
    # The id of the error that the client was told of.
    error_id = ""
    # As `identity`, once somebody has asked for it: nobody's function is called.
    known_identity: str | None = None
    _asked = False
    # The request id came from outside.
    _sent_id = False
    _trace: Trace | None = None
    _span: str | None = None
    # How often each statement ran.
    db_shapes: dict[Any, int] | None = None
    _outer: Facts | None = None
    # As `route` and `client`, once somebody has asked.
    known_route: Route | None = None
    known_client: Client | None = None
    # The body, if somebody has asked for it.
    asked_body: Body | None = None
    _validated: dict[str, Any] | None = None

    def __init__(self, environ: Environ, origin: Origin, outer: Facts | None = None) -> None:
        self.environ = environ
        self._origin = origin
        self.started = perf_counter()
        method = environ.get("REQUEST_METHOD")
        self.method: str = method if type(method) is str else ""
        self.verb: str = VERBS.get(self.method) or verb_of(self.method)
        if outer is not None:
            self._outer = outer
            self.request_id: str = outer.request_id
        elif "HTTP_X_REQUEST_ID" in environ:
            sent = origin.addresses.request_id(environ)
            self._sent_id = sent is not None
            self.request_id = sent or new_id()
        else:
            try:
                self.request_id = IDS.popleft()
            except IndexError:
                self.request_id = new_id()

    @property
    def root(self) -> Facts:
        """The facts of the outermost guard, to whom errors and decisions of this request belong."""
        return self if self._outer is None else self._outer.root

    @property
    def trace(self) -> Trace:
        """The trace that a proxy's or another service's `traceparent` names, else one that begins with this request."""
        if self._outer is not None:
            return self.root.trace
        trace = self._trace
        if trace is None:
            environ, sent = self.environ, None
            if "HTTP_TRACEPARENT" in environ and self.told_by_proxy:
                sent = trace_of(environ["HTTP_TRACEPARENT"])
            own = self.request_id
            trace = self._trace = sent or Trace(new_id() if self._sent_id and not OWN_ID.fullmatch(own) else own)
        return trace

    @property
    def told_by_proxy(self) -> bool:
        """Whether headers that only a proxy or another service should send are believed."""
        return self._origin.addresses.believes(self.environ)

    @property
    def trace_id(self) -> str:
        """As `trace.id`, without making a trace where nothing was sent."""
        if self._sent_id or self._outer is not None or "HTTP_TRACEPARENT" in self.environ:
            return self.trace.id
        return self.request_id

    @property
    def traceparent(self) -> str:
        """The header to send along with requests that the app makes on behalf of this one."""
        root = self.root
        if root._span is None:
            own = root.request_id[-16:]
            root._span = own if SPAN.fullmatch(own) else new_id()[:16]
        return root.trace.header(root._span)

    @property
    def validated(self) -> dict[str, Any]:
        """Part of the request -> converted data, empty where no schema applies."""
        if self._validated is None:
            self._validated = {}
        return self._validated

    @property
    def route(self) -> Route:
        route = self.known_route
        if route is None:
            route = self.known_route = self._origin.routes.match(self.environ)
        return route

    @property
    def client(self) -> Client:
        client = self.known_client
        if client is None:
            client = self.known_client = self._origin.addresses.client(self.environ)
        return client

    @property
    def client_ip(self) -> str:
        return self.client.ip

    @property
    def shared_address(self) -> bool:
        return self.client.shared

    @property
    def identity(self) -> str | None:
        """Who calls, as text: what the setting `guard.identity` returns, else `REMOTE_USER`, else None."""
        if not self._asked:
            # Nobody, should the app's function raise: whoever asks first meets the error, and nobody meets it twice.
            self._asked = True
            find = self._origin.identity
            found = find(self.environ) if find is not None else None
            if found is None or found == "":
                found = self.environ.get("REMOTE_USER") or None
            self.known_identity = found if found is None else str(found)
        return self.known_identity

    @property
    def body(self) -> Body:
        body = self.asked_body
        if body is None:
            body = self.asked_body = Body(self.environ)
        return body

    def release(self) -> None:
        """Lets go of what was kept of the body, once nobody reads it any more."""
        if self.asked_body is not None:
            self.asked_body.close()

    @property
    def pool(self) -> Any:
        """The pool `main`; None when there is none."""
        return self.pools.get("main") if self.pools else None

    def db(self, name: str = "main") -> Any:
        """This request's connection of the pool `name`, taken at the first call. RuntimeError without such a pool."""
        pools: Any = self.pools
        if pools is None or name not in pools:
            known = ", ".join(map(repr, pools or ()))
            raise RuntimeError(f"no pool {name!r} is configured, only {known}" if known else "no pool is configured")
        return pools.of_request(self, name)

    def publish(self) -> None:
        """Puts what every app finds into the environ."""
        environ = self.environ
        client = self.known_client
        if client is None:
            client = self.known_client = self._origin.addresses.client(environ)
        environ["wsgi_guard.client_ip"] = client.ip
        if "HTTP_TRACEPARENT" in environ:
            environ["wsgi_guard.traceparent"] = self.traceparent
        if self._validated:
            environ["wsgi_guard.validated"] = self._validated
        elif self._outer is None and "wsgi_guard.validated" in environ:
            # Test clients send one environ twice; what was checked belongs to the first request.
            del environ["wsgi_guard.validated"]
        try:
            environ["wsgi_guard.identity"] = self.identity
        except Exception:
            environ["wsgi_guard.identity"] = None
            raise

    def note(self, refused: Refused, cause: BaseException | None = None) -> None:
        """Remembers what a refusal or outage inside the app meant, should a framework make a 5xx of it."""
        self.root.noted = refused
        self.root.cause = cause if cause is not None else refused

    @property
    def decided(self) -> tuple[Decision, ...]:
        """All of this request's decisions, those first that have an audit line of their own."""
        return (*(self.decisions or ()), *self.again)

    def decide(
        self, layer: str, verdict: str, rule: str = "", reason: str = "", evidence: str = "", part: str = ""
    ) -> None:  # fmt: skip
        """Puts a decision on record; all of a request's become one audit line at its end."""
        root = self.root
        if root.decisions is None:
            root.decisions = []
        root.decisions.append(Decision(layer, verdict, rule, reason, evidence, part))


def verb_of(method: str) -> str:
    """What rules and schemas call a method."""
    verb = method.upper()
    return "GET" if verb == "HEAD" else verb


# Made ahead: asking the kernel once for 64 ids costs a third of asking 64 times. Emptied in a child after a fork.
IDS: deque[str] = deque()


def new_id() -> str:
    """32 hex digits that nothing else has."""
    try:
        return IDS.popleft()
    except IndexError:
        first, *others = os.urandom(64 * 16).hex(" ", 16).split()
        IDS.extend(others)
        return first


CURRENT: ContextVar[Facts | None] = ContextVar("wsgi_guard.current", default=None)


def current() -> Facts | None:
    """The facts of the request that runs here, None outside one."""
    facts = CURRENT.get()
    return facts if facts is not None and facts.open else None
