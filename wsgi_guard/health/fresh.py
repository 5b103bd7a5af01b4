"""One run of a check because somebody wants to know now: never longer than it may take, and for admins rarely."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping

from wsgi_guard.errors import Refused

from .decide import FAIL, Check, Reading, Result, Seen
from .monitor import Monitor

PAUSE = 5.0
"""Seconds between two fresh runs of a check in one process: often enough to watch a repair, too rare to be a load."""


class Fresh:
    """Runs in threads of their own, so that a check that hangs holds up no answer beyond its timeout."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._began: dict[str, float] = {}
        self._hanging: set[str] = set()
        self._lock = threading.Lock()

    def run(self, name: str) -> Result:
        """Raises Refused, 429, when it was run just now or has not come back."""
        now = self._monitor.now()
        self._admit(name, now)
        answer: queue.SimpleQueue[Result] = queue.SimpleQueue()

        def one() -> None:
            try:
                answer.put(self._monitor.once(name))
            finally:
                self._hanging.discard(name)

        threading.Thread(target=one, name=f"wsgi_guard.health {name} fresh", daemon=True).start()
        timeout = self._monitor.timeout(name)
        try:
            return answer.get(timeout=timeout)
        except queue.Empty:
            wall = self._monitor.wall()
            return Result(Reading(FAIL, "timed out"), self._monitor.now(), wall, timeout)

    def _admit(self, name: str, now: float) -> None:
        # Guards the two books: of two requests at once one runs the check.
        with self._lock:
            left = self._began.get(name, now - PAUSE) + PAUSE - now
            if left > 0 or name in self._hanging:
                wait = str(max(int(left) + 1, 1))
                raise Refused(429, "this check was run just now", headers=(("Retry-After", wait),))
            self._began[name] = now
            self._hanging.add(name)


def examined(monitor: Monitor, checks: Mapping[str, Check], timeout: float) -> dict[str, Seen]:
    """What one run of every check finds, all at a time; one that is not back in its own or in this time has failed."""
    answers: queue.SimpleQueue[tuple[str, Result]] = queue.SimpleQueue()
    began, found = monitor.now(), dict[str, Seen]()

    def one(name: str) -> None:
        answers.put((name, monitor.once(name)))

    for name in checks:
        threading.Thread(target=one, args=(name,), name=f"wsgi_guard.health {name} once", daemon=True).start()
    while missing := checks.keys() - found.keys():
        patience = min(timeout, max(checks[name].timeout for name in missing))
        try:
            name, result = answers.get(timeout=max(began + patience - monitor.now(), 0.0))
        except queue.Empty:
            late = Result(Reading(FAIL, "timed out"), monitor.now(), monitor.wall(), monitor.now() - began)
            return found | dict.fromkeys(missing, Seen(late))
        found[name] = Seen(result)
    return found
