"""The layers of a configuration, walked as they are when they serve, with a clock of the log's and counters aside.

No layer is started: no thread runs, nothing is connected but, where it is to be asked, the store of rate limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from wsgi_guard.errors import Refused, Unchecked
from wsgi_guard.facts import CURRENT, Facts
from wsgi_guard.layer import Outcome, Reply
from wsgi_guard.stack import Build
from wsgi_guard.stores import Debt, MemoryStore, Place, Store
from wsgi_guard.stores.contract import Policy, Tally

from .request import Recorded, environ_of

if TYPE_CHECKING:
    from wsgi_guard.settings import Settings

# Seconds by which two processes of one host may say the same clock began; more is another start of the host.
ALIKE = 1.0
# What decides about a request; the others watch it, or serve the app.
DECIDING = ("rate_limit", "validation", "health", "admin", "guard")
FAILED = "the layer failed"


class Walk(NamedTuple):
    """How far a request came: `stopped` names the layer whose `reply` ended it, "app" when none did."""

    facts: Facts
    stopped: str
    reply: Reply | None

    @property
    def status(self) -> int:
        """The guard's own answer, 0 when the app is to answer."""
        return int(self.reply.status[:3]) if self.reply is not None else 0


class Past(MemoryStore):
    """Counters whose clock stands where it is set, in microseconds; no denial is known without asking it."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.now = 0
        self._asked = 0

    @property
    def generation(self) -> int:
        """Another one each time, so that what was denied is asked again."""
        self._asked += 1
        return self._asked

    @generation.setter
    def generation(self, number: int) -> None:
        """Kept by nobody."""

    def charge(
        self, policies: Sequence[Policy], keys: Sequence[str], costs: Sequence[int] | None = None,
        now: int | None = None,
    ) -> Tally:  # fmt: skip
        return super().charge(policies, keys, costs, self.now)

    def refund(self, debts: Sequence[Debt], now: int | None = None) -> None:
        super().refund(debts, self.now)

    def renew(self, debts: Sequence[Debt], now: int | None = None) -> list[Debt]:
        return super().renew(debts, self.now)


class Onlooker:
    """A store that is asked and never charged."""

    generation = 0

    def __init__(self, store: Store) -> None:
        self._store = store
        self.name = store.name

    def charge(
        self, policies: Sequence[Policy], keys: Sequence[str], costs: Sequence[int] | None = None,
        now: int | None = None,
    ) -> Tally:  # fmt: skip
        return self._store.peek(policies, keys)

    def refund(self, debts: Sequence[Debt], now: int | None = None) -> None:
        """What was not charged is not given back."""


class Aside(Place):
    """A place whose store is the one given."""

    store: Any = None

    def open(self) -> Any:
        return self.store


class Stage(Build):
    """One configuration. `bodies`: those of requests are known, else what schemas say of them is left out.

    `live`: counters are those of the store that the settings name, where another process can see them. Raises
    ConfigurationError.
    """

    def __init__(self, settings: Settings, *, bodies: bool = True, live: bool = False) -> None:
        super().__init__(settings)
        self._bodies = bodies
        self._live = live
        self._past = Past(settings.rate_limit.max_keys)
        # When the clock of the counters began. That of Redis is Unix time.
        self._clock = 0.0
        self._counts_here = "://" not in settings.rate_limit.store.reveal()
        # Whether counters are those of running processes.
        self.asks_store = False
        self.made = self.stack()
        inward = self.made.full.inward
        self._steps = [(step, layer) for step, layer, _ in inward if layer.name in DECIDING]
        self._finishes = [(finish, layer) for finish, layer in self.made.full.finishes if layer.name in DECIDING]

    def place(self) -> Place:
        where = self.settings.rate_limit.store.reveal()
        place = Aside(self.settings.rate_limit, lambda: None)
        if self._live and ("://" in where or where.startswith("shared:")):
            place.store, self.asks_store = Onlooker(super().place().open()), True
        else:
            place.store = self._past
        return place

    def _validation(self, own_paths: Any) -> Any:
        made = super()._validation(own_paths)
        if not self._bodies:
            made.judge_only(("path", "query"))
        return made

    def set_clock(self, began: float) -> None:
        """From now on windows are cut as by a clock that began then, in Unix seconds, where the host's own counts."""
        if self._counts_here and abs(began - self._clock) > ALIKE:
            self._clock, self._past.now = began, 0

    def _pass(self, at: float) -> None:
        self._past.now = max(self._past.now, int((at - self._clock) * 1_000_000))

    def walk(self, request: Recorded) -> Walk:
        """What the layers say of `request`, at its time; it is in flight until `end`."""
        self._pass(request.at)
        facts = Facts(environ_of(request), self.made.origin)
        token = CURRENT.set(facts)
        try:
            for step, layer in self._steps:
                reply = self._step(step, layer, facts)
                if reply is not None:
                    return Walk(facts, layer.name, reply)
            return Walk(facts, "app", None)
        finally:
            CURRENT.reset(token)

    def _step(self, step: Any, layer: Any, facts: Facts) -> Reply | None:
        try:
            reply: Reply | None = step(facts)
        except Refused as refused:
            reply = self.made.problem(facts, refused)
        except Exception as error:
            # As when it serves (guard.on_layer_error).
            facts.decide(layer.name, "error", "", f"{FAILED}: {type(error).__name__}")
            vital = self.made.denies_on_error or getattr(layer, "vital", False) or isinstance(error, Unchecked)
            reply = self.made.failure(facts) if vital else None
        return reply

    def end(self, walk: Walk, at: float, code: int) -> None:
        """The request ended at `at`, in Unix seconds, with status `code`."""
        self._pass(at)
        outcome = Outcome(code, 0.0, "return", walk.reply is not None)
        for finish, _ in self._finishes:
            finish(walk.facts, outcome)
        walk.facts.open = False
