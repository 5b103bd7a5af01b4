"""The validation layer: what schema files describe must fit them, and what looks like an attack is told or refused."""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Iterable, Sequence, Set
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from wsgi_guard.audit import audit
from wsgi_guard.errors import ConfigurationError, Refused
from wsgi_guard.facts import Facts
from wsgi_guard.layer import Outcome
from wsgi_guard.routes import Route, Routes
from wsgi_guard.settings.sections import GuardSection, ValidationSection
from wsgi_guard.shown import decision_id

from . import decide
from .decide import Denial, Excuse
from .described import NOTHING
from .inspector import Inspector, Place, evidence
from .judge import Judge
from .lengths import Lengths
from .loaded import FELL_BACK, Kept, Loaded, load, root_of
from .shapes import Shape
from .threats.policy import policy

if TYPE_CHECKING:
    from .schemas.watch import Watch

log = logging.getLogger("wsgi_guard")

# Findings of one request that go on record; an attack that needs more to be seen does not exist.
_REPORTED = 5
# Methods are the client's words: what a path means is remembered for this many of them.
_METHODS = 8
_ORDINARY = re.compile(r"[\w/.~:$\[\] -]{0,100}", re.A)


class Sight:
    """What one path means under one method."""

    __slots__ = ("ambiguous", "excuses", "own", "params", "parts", "places")

    def __init__(self) -> None:
        self.own = False
        self.ambiguous = False
        self.parts: dict[str, Any] = {}
        self.params: dict[str, str] = {}
        self.excuses: tuple[Excuse, ...] = ()
        self.places: Sequence[Place] = ()


class Validation:
    """Judges each request; `own_paths` are the guard's and not looked at, `folder` is where a schema folder starts.

    `kept` are schema files to go on with where those of the folder cannot be used.
    """

    name = "validation"

    def __init__(
        self,
        section: ValidationSection,
        guard: GuardSection,
        routes: Routes,
        folder: str,
        *,
        own_paths: Set[str] = frozenset(),
        kept: Kept | None = None,
    ) -> None:
        self._own_paths = own_paths
        lengths = Lengths(section, guard)
        self._lengths = lengths if lengths.any else None
        self._policy = policy(section.threats, guard.defaults)
        self._inspector = Inspector(section, self._policy) if self._policy.classes else None
        # Behind so many findings as are told nothing that is found would change anything.
        self._only_tells = not self._policy.blocked and section.threats.beyond == "pass"
        self._judged: Container[str] | None = None
        self._excluded, problems = _excluded(section, routes)
        self._load = partial(load, section, routes, folder)
        self._section, self._routes = section, routes
        try:
            self._use(self._load(kept))
        except ConfigurationError as error:
            raise ConfigurationError([*error.problems, *problems]) from None
        if problems:
            raise ConfigurationError(problems)
        self._watch = self._watching(folder) if section.reload and section.schemas is not None else None

    def _use(self, loaded: Loaded) -> None:
        self._endpoints, self.notes = loaded.endpoints, loaded.notes
        self._judge = Judge(self._section, loaded.html)

    def _watching(self, folder: str) -> Watch:
        from .schemas.watch import Watch

        return Watch(root_of(self._section, folder))

    def start(self) -> None:
        """Logs what there is to say about the schema files."""
        for note in self.notes:
            log.warning("%s", note)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do for any request."""
        return not self._endpoints and self._watch is None and self._inspector is None and self._lengths is None

    def judge_only(self, parts: Container[str]) -> None:
        """Leaves the schemas of other parts out: of a request from a log they are not known. To be called first."""
        self._judged = parts

    def before(self, facts: Facts) -> None:
        """Raises Refused: 400, 411, 413 or 415 for what does not fit, 403 for what looks like an attack."""
        if self._watch is not None:
            self._renew(self._watch)
        route = facts.known_route or facts.route
        sight = route.memo.get(("validation", facts.verb))
        if sight is None:
            sight = self._look(facts, route)
        # Inside another guard there is no health layer to answer these paths, so they are the app's.
        if sight.own and facts.root is facts:
            return
        try:
            self._check(facts, sight)
        except Denial as denial:
            facts.decide(self.name, "deny", denial.rule, denial.reason, denial.evidence, denial.part)
            raise
        except Refused as refused:
            facts.decide(self.name, "deny", "body", refused.detail, part="body")
            raise

    def finish(self, facts: Facts, outcome: Outcome) -> None:
        """Whatever became of the request: an upload that was kept for the app is let go of."""
        if facts.asked_body is not None:
            facts.release()

    def _renew(self, watch: Watch) -> None:
        """Takes changed schema files over, if they can be used; whoever comes meanwhile goes on with those before."""
        now = monotonic()
        if not watch.due(now) or not watch.busy.acquire(blocking=False):
            return
        try:
            if watch.changed(now):
                self._use(self._load())
                self._routes.forget()
                audit(self.name, "load", "schemas", "schema files have changed and are in use")
                self.start()
        except ConfigurationError as error:
            log.error("%s", FELL_BACK.format(problems="; ".join(error.problems)))
        finally:
            watch.busy.release()

    def _check(self, facts: Facts, sight: Sight) -> None:
        if self._lengths is not None:
            self._lengths.check(facts.environ)
        if sight.ambiguous:
            raise Denial(400, decide.AMBIGUOUS, "path", part="path")
        read = self._judge.judge(facts, sight.parts, sight.params) if sight.parts else NOTHING
        inspector = self._inspector
        if inspector is not None:
            if sight.places:
                self._report(facts, sight.places)
            # In this order, and each before the next is looked at: a refused query costs no body.
            found: Iterable[Place] = inspector.head(facts, sight.excuses, sight.parts)
            if found:
                self._report(facts, found)
            found = inspector.body(facts, sight.excuses, sight.parts, read)
            if found:
                self._report(facts, found)

    def _report(self, facts: Facts, places: Iterable[Place]) -> None:
        """Puts findings on record; the first one that the policy refuses ends the request."""
        seen: set[str] = set()
        for place in places:
            kind, reason = place.finding.kind, f"{place.part}{_shown(place.pointer)} {place.finding.rule}"
            if self._policy.refuses(place.finding):
                members = {"decision": decision_id(facts, len(facts.root.decisions or ()))}
                told = {"evidence": evidence(place), "part": place.part}
                raise Denial(403, decide.ATTACK, kind, reason, **told, members=members)
            if reason not in seen and len(seen) < _REPORTED:
                seen.add(reason)
                facts.decide(self.name, "shadow", kind, reason, evidence(place), place.part)
            if len(seen) == _REPORTED and self._only_tells:
                return

    def _look(self, facts: Facts, route: Route) -> Sight:
        sight = Sight()
        sight.own = route.given in self._own_paths
        found = None
        try:
            found = decide.endpoint(route, facts.verb, self._endpoints)
        except Denial:
            sight.ambiguous = True
        else:
            if found is not None:
                sight.parts, sight.params = found[0].parts, dict(found[1].params)
                if self._judged is not None:
                    sight.parts = {name: part for name, part in sight.parts.items() if name in self._judged}
        raw = str(facts.environ.get("RAW_URI") or facts.environ.get("REQUEST_URI") or "")
        sight.excuses = decide.excuses(route, self._excluded, raw)
        if self._inspector is not None:
            shapes: Sequence[Shape] = ()
            if found is not None and "path" in sight.parts:
                shapes = decide.segment_shapes(route, found[1], sight.parts["path"].shape, raw)
            sight.places = self._inspector.path(route.given, sight.excuses, shapes)
        if len(route.memo) < _METHODS:
            route.memo["validation", facts.verb] = sight
        return sight


def _shown(pointer: str) -> str:
    """A pointer for the record: its names may be the client's, so only ordinary and short ones are shown."""
    return pointer if _ORDINARY.fullmatch(pointer) else "/..."


def _excluded(section: ValidationSection, routes: Routes) -> tuple[list[tuple[Any, Any]], list[str]]:
    found, problems = [], []
    for exclude in section.threats.exclude:
        try:
            found.append((routes.add(exclude.path), exclude))
        except ValueError as error:
            problems.append(f"validation.threats.exclude: {error}")
    return found, problems
