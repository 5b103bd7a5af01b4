"""Answers the health paths: alive, ready, well, and for admins why not.

Decides only which path was asked and whether the caller may read it; what the answer says comes from `decide.py` out of
what the monitor has seen. An answer runs no check, waits for nothing and touches no other service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from wsgi_guard.admin import Admin
from wsgi_guard.changes import Listener
from wsgi_guard.errors import ConfigurationError, Refused
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Reply
from wsgi_guard.problem import phrase
from wsgi_guard.reports import Report, Unproved
from wsgi_guard.series import Series
from wsgi_guard.settings.sections import HealthSection

from . import decide, document
from .checks import Checks, Ping
from .fresh import Fresh, examined
from .monitor import Clock, Monitor
from .numbers import series
from .registry import built, registered

if TYPE_CHECKING:
    from wsgi_guard.board import Board

METHODS = ("GET", "HEAD")
Answer = Callable[["Health", Facts], Reply]


class Health:
    """The layer. `pings` raise unless the store or pool of that name answers; `draining` says not to send any more.

    Raises ConfigurationError with every problem of the checks and paths.
    """

    name = "health"

    def __init__(
        self,
        section: HealthSection,
        admin: Admin,
        *,
        pings: Mapping[str, Ping],
        draining: Callable[[], bool],
        clock: Clock | None = None,
        board: Callable[[], Board | None] = lambda: None,
    ) -> None:
        checks = Checks(section, pings, registered())
        # Functions that settings name are imported by now, and with them what stands beside.
        built()
        self._checks = checks.declared
        self._admin = admin
        self._draining = draining
        self._reports: dict[str, Report] = {}
        self._alive = reply(200, document.public(decide.PASS))
        self._answers, problems = self._paths(section)
        self._one = section.health + "/check/" if section.health and self._admin.configured else None
        if checks.problems or problems:
            raise ConfigurationError([*checks.problems, *problems])
        self._monitor = Monitor(checks.declared, checks.runs, clock, board)
        self._fresh = Fresh(self._monitor)

    @property
    def own_paths(self) -> frozenset[str]:
        """The exact paths that are answered here."""
        return frozenset([*self._answers, *(self._one + name for name in self._checks if self._one)])

    def report(self, name: str, tell: Report) -> None:
        """One more of the guard's own parts, and what it says of itself."""
        self._reports[name] = tell

    def listen(self, listener: Listener) -> None:
        """Has changes of checks told to one more listener (see `wsgi_guard/changes.py`); before the start."""
        self._monitor.listeners.append(listener)

    def each_second(self, act: Callable[[], object]) -> None:
        """Has `act` called about once a second in each process, on the thread that watches; before the start."""
        self._monitor.beats.append(act)

    def series(self) -> Iterable[Series]:
        """Every check as numbers; how the checks stand is told by the process that runs them alone."""
        return series(self._checks, self._monitor, self._monitor.now())

    def examine(self, timeout: float) -> dict[str, Any]:
        """The detailed document of one run of every check, here and now; for where nothing was started."""
        seen = examined(self._monitor, self._checks, timeout)
        now = self._monitor.now()
        return document.detailed(decide.findings(self._checks, seen, now), {}, now)

    def start(self) -> None:
        self._monitor.start()

    def stop(self) -> None:
        self._monitor.stop()

    def before(self, facts: Facts) -> Reply | None:
        path = facts.environ.get("PATH_INFO", "")
        answer = self._answers.get(path)
        if answer is None:
            if self._one is None or not path.startswith(self._one) or not is_segment(path[len(self._one) :]):
                return None
            answer = Health._single
        facts.own_page = True
        made = answer(self, facts)
        return made._replace(body=b"") if facts.method == "HEAD" else made

    def _paths(self, section: HealthSection) -> tuple[dict[str, Answer], list[str]]:
        wanted: list[tuple[str, str | None, Answer]] = [
            ("livez", section.livez, Health._livez),
            ("readyz", section.readyz, Health._readyz),
            ("health", section.health, Health._health),
        ]
        if section.health and self._admin.configured:
            wanted.append(("health", section.health + "/detailed", Health._detailed))
        answers: dict[str, Answer] = {}
        problems = []
        for key, path, answer in wanted:
            if path and path in answers:
                problems.append(f"health.{key}: {path!r} is the path of another answer already")
            elif path:
                answers[path] = answer
        return answers, problems

    # the answers

    def _livez(self, facts: Facts) -> Reply:
        self._only_reads(facts)
        return self._alive

    def _readyz(self, facts: Facts) -> Reply:
        self._only_reads(facts)
        why_not = decide.ready(
            self._checks.values(), self._monitor.seen(), self._monitor.now(), draining=self._draining()
        )
        status = decide.FAIL if why_not else decide.PASS
        return reply(document.code(status), document.public(status, why_not))

    def _health(self, facts: Facts) -> Reply:
        self._only_reads(facts)
        seen, now = self._monitor.seen(), self._monitor.now()
        statuses = [
            decide.reading(check, seen.get(name, decide.NOTHING), now).status for name, check in self._checks.items()
        ]
        degraded = any(text is not None and not isinstance(text, Unproved) for text in self._told().values())
        status = decide.overall([*statuses, decide.WARN] if degraded else statuses)
        return reply(document.code(status), document.public(status))

    def _detailed(self, facts: Facts) -> Reply:
        self._only_admins(facts)
        self._only_reads(facts)
        made = self._document()
        return reply(document.code(made["status"]), document.encode(made))

    def _single(self, facts: Facts) -> Reply:
        self._only_admins(facts)
        self._only_reads(facts)
        name = facts.environ["PATH_INFO"][len(self._one or "") :]
        parts = self._document()["checks"].get(name)
        if parts is None:
            facts.decide(self.name, "deny", "check", "no check of that name")
            raise Refused(404, "no check of that name")
        if facts.environ.get("QUERY_STRING") == "fresh=1":
            parts = [document.fresh(self._checks[name], self._fresh.run(name))] if name in self._checks else parts
        made = document.one(name, parts[0])
        return reply(document.code(made["status"]), document.encode(made))

    def _document(self) -> dict[str, Any]:
        now = self._monitor.now()
        return document.detailed(decide.findings(self._checks, self._monitor.seen(), now), self._told(), now)

    def _told(self) -> dict[str, str | None]:
        return {name: ask(tell) for name, tell in self._reports.items()}

    # the refusals

    def _only_reads(self, facts: Facts) -> None:
        if facts.method not in METHODS:
            facts.decide(self.name, "deny", "method", "health paths are only read")
            raise Refused(405, "this path can only be read", headers=(("Allow", ", ".join(METHODS)),))

    def _only_admins(self, facts: Facts) -> None:
        if not self._admin.may_read(facts):
            facts.decide(self.name, "deny", "admin", "no valid token and no allowed address")
            raise Refused(
                401, "this path is open to admins", headers=(("WWW-Authenticate", self._admin.challenge(facts)),)
            )


def is_segment(rest: str) -> bool:
    """Whether it can be the name of a check. Any can: which of them exist is told to admins only."""
    return bool(rest) and "/" not in rest


def ask(tell: Report) -> str | None:
    """What a part says of itself; one that cannot say it is not well."""
    try:
        return tell()
    except Exception as error:
        return f"cannot tell its state: {type(error).__name__}"


def reply(status: int, body: bytes) -> Reply:
    headers = (
        ("Content-Type", document.TYPE),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    )
    return Reply(f"{status} {phrase(status)}", headers, body)
