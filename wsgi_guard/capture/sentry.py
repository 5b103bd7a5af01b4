"""Events to Sentry: by the client the app has set up, else by one of our own without integrations.

The client is made at the first event of a process and sends from a thread of its own; a request that succeeds never
comes here. What cannot be sent is counted, and the log has it in any case.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.redact import MARK, Redactor
from wsgi_guard.reports import Unproved
from wsgi_guard.settings.secret import Secret

from .events import Event
from .lines import log_failure
from .trace import sqlstate

FLUSH_SECONDS = 2.0
"""How long the end of a process waits for what is still queued, as in sentry-sdk itself."""
BEFORE_IMPORT = 0.05  # seconds
QUEUED = 100
"""Events that wait to be sent; further ones are dropped and counted."""
VALUE_LIMIT = 2_000

_LINES = frozenset({"context_line", "pre_context", "post_context"})


class Sentry:
    """Sends events to one DSN. `report()` tells what was lost."""

    def __init__(self, dsn: Secret, origin: Any) -> None:
        check_dsn(dsn)
        self._dsn = dsn
        self._origin = origin
        self._client: Any = None
        self._pid = 0
        self._begin()
        self._lost: Counter[str] = Counter()
        self._taken: Counter[int] = Counter()
        # One limit holds for all that is sent at the end, alerts first: what it returns are the seconds left.
        self.before_end: Callable[[], float] = lambda: FLUSH_SECONDS

    def _begin(self) -> None:
        self._owner = os.getpid()
        # Guards what waits until the SDK is there.
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Event, BaseException | None, Redactor]] = deque()
        self._opening = False
        self._opened = threading.Event()

    def tell(self, text: str, severity: str, tags: dict[str, str]) -> None:
        """Queues a message that is no error of its own, as an alert is; raises what the SDK raises."""
        import sentry_sdk

        theirs = sentry_sdk.get_client()
        client = theirs if theirs.is_active() else self._own()
        client.capture_event({"message": text, "level": _level(severity), "tags": tags, "logger": "wsgi_guard.alerts"})

    def flush(self, timeout: float) -> None:
        """Waits at most so many seconds for what is queued."""
        import sentry_sdk

        theirs = sentry_sdk.get_client()
        (theirs if theirs.is_active() else self._own()).flush(timeout=timeout)

    def told(self) -> tuple[int, int] | None:
        """Answers that took something, and events that were lost; None with the app's client, which does not say."""
        import sentry_sdk

        if sentry_sdk.get_client().is_active():
            return None
        return sum(self._taken.values()), sum(self._lost.values())

    def report(self) -> str | None:
        """How many events never reached Sentry and why; None when all did, Unproved before it took the first."""
        lost = self._lost.copy()
        if not lost:
            return None if self._taken else Unproved("sentry: configured, but it has not taken anything of ours yet")
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(lost.items()))
        return f"sentry: {sum(lost.values())} events lost ({reasons})"

    def send(self, event: Event, error: BaseException | None, redactor: Redactor, *, later: bool = False) -> None:
        """Queues the event under its own id; never raises. `later`: nobody waits while the SDK is imported for that."""
        try:
            if self._owner != os.getpid():
                self._begin()
            if later and (self._opening or "sentry_sdk" not in sys.modules):
                self._send_later(event, error, redactor)
            else:
                self._send(event, error, redactor)
        except Exception as failure:
            self._fails(failure)

    def _fails(self, failure: Exception) -> None:
        self._lost["internal_error"] += 1
        log_failure("sending to sentry", failure)

    def _send_later(self, event: Event, error: BaseException | None, redactor: Redactor) -> None:
        """On a thread that first imports the SDK, which takes a quarter of a second and more where much goes wrong."""
        with self._lock:
            if len(self._waiting) >= QUEUED:
                self._lost["queue_overflow"] += 1
                return
            self._waiting.append((event, error, redactor))
            if self._opening:
                return
            self._opening = True
        if not self._opened.is_set():
            # Once: an SDK that is broken is tried again with each error.
            atexit.register(self._wait, os.getpid())
        try:
            threading.Thread(target=self._open_and_send, name="wsgi_guard-sentry", daemon=True).start()
        except RuntimeError:
            # The process ends or may start no more threads.
            self._open_and_send()

    def _open_and_send(self) -> None:
        # What it happened to is answered first: an import leaves other threads little, and greenlets nothing.
        self._opened.wait(BEFORE_IMPORT)
        while True:
            with self._lock:
                if not self._waiting:
                    self._opening = False
                    self._opened.set()
                    return
                one = self._waiting.popleft()
            try:
                self._send(*one)
            except Exception as failure:
                self._fails(failure)

    def _wait(self, pid: int) -> None:
        if pid == os.getpid():
            self._opened.wait(min(FLUSH_SECONDS, self.before_end()))
            # Nobody calls what is registered for the end while the end is under way.
            self._end()

    def _send(self, event: Event, error: BaseException | None, redactor: Redactor) -> None:
        import sentry_sdk

        theirs = sentry_sdk.get_client()
        client = theirs if theirs.is_active() else self._own()
        payload: Any = self._payload(event, error, client.options, redactor)
        hint: dict[str, Any] = {"wsgi_guard": True}
        if error is not None:
            hint["exc_info"] = (type(error), error, error.__traceback__)
        if client is theirs:
            sentry_sdk.capture_event(payload, hint)
        else:
            client.capture_event(payload, hint)

    def _payload(self, event: Event, error: BaseException | None, options: Any, redactor: Redactor) -> dict[str, Any]:
        from sentry_sdk.utils import event_from_exception

        payload: Any = {"message": event.message}
        if error is not None:
            theirs, _ = event_from_exception(error, client_options=options, mechanism={"type": "wsgi_guard"})
            payload = redacted(theirs, redactor)
        # What an event tells is redacted already; an id that is looked at again may pass for a card number.
        code = sqlstate(error) if error is not None else ""
        tags = {"service": event.service, "category": event.category, "wsgi_guard.fingerprint": event.fingerprint}
        payload |= {"event_id": event.id, "level": _level(event.severity), "tags": tags, "logger": "wsgi_guard.errors"}
        if code:
            tags["sqlstate"] = code
        if event.context:
            payload["extra"] = {"context": event.context}
        if event.request:
            tags["request_id"] = event.request["id"]
            payload["request"] = {"method": event.request["method"], "url": event.request["path"]}
            if "user" in event.request:
                payload["user"] = {"id": event.request["user"]}
            route = event.request.get("route")
            payload["transaction"] = route or event.request["path"]
            # What has no route Sentry itself puts together, as it does for paths.
            payload["transaction_info"] = {"source": "route" if route else "url"}
        return dict(payload)

    def _own(self) -> Any:
        if self._client is None or self._pid != os.getpid():
            self._client, self._pid = self._open(), os.getpid()
            atexit.register(self._end)
        return self._client

    def _end(self) -> None:
        if self._pid == os.getpid():
            self._client.close(timeout=min(FLUSH_SECONDS, self.before_end()))

    def _open(self) -> Any:
        import sentry_sdk
        from sentry_sdk.transport import HttpTransport

        lost, taken = self._lost, self._taken

        class Counting(HttpTransport):
            def record_lost_event(
                self, reason: str, data_category: Any = None, item: Any = None, *, quantity: int = 1
            ) -> None:
                # The SDK also counts its own reports about losses.
                if (data_category if item is None else item.data_category) == "error":
                    lost[reason] += quantity
                super().record_lost_event(reason, data_category, item, quantity=quantity)

            def _request(self, *args: Any, **keys: Any) -> Any:
                answer = super()._request(*args, **keys)
                if 200 <= answer.status < 300:
                    taken[answer.status] += 1
                return answer

        return sentry_sdk.Client(
            dsn=self._dsn.reveal(),
            transport=Counting,
            transport_queue_size=QUEUED,
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            auto_session_tracking=False,
            spotlight=False,
            environment=self._origin.environment,
            release=self._origin.release,
        )


def check_dsn(dsn: Secret) -> None:
    """Raises ConfigurationError unless it looks like `https://key@host/project`; the text itself is not repeated."""
    try:
        parts = urlsplit(dsn.reveal())
        valid = parts.scheme in ("http", "https") and parts.username and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not parts.path.rpartition("/")[2].isdigit():
        raise ConfigurationError(["capture.sentry_dsn must look like 'https://key@host/project-number'"])


def _level(severity: str) -> str:
    return "fatal" if severity == "CRITICAL" else severity.lower()


def redacted(value: Any, redactor: Redactor, name: str = "", limit: int = VALUE_LIMIT) -> Any:
    """A copy of a Sentry payload without secrets; its shape, which Sentry's own SDK bounds, stays."""
    if isinstance(value, str):
        return redactor.code(value) if name in _LINES else redactor.error(value, limit)
    if isinstance(value, dict):
        return {
            key: MARK
            if redactor.secret_name(str(key)) and item is not None
            else redacted(item, redactor, str(key), limit)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(item, redactor, name, limit) for item in value]
    return value
