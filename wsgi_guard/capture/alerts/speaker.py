"""What this process has to say at one look: it decides by `decide.py`, and by claims whether another has said it.

A message needs the turn of its cause, so that two processes never tell the same errors twice; FIRST and AGAIN also need
the cool-down to have passed, ESCALATED that nobody said so before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from . import decide
from .causes import Cause, Causes
from .counts import DAY, Counts, Sums
from .decide import AGAIN, ESCALATED, FIRST, RECOVERED, Standing
from .notice import Notice
from .rules import Rule
from .tally import Drained

TURN = 1
"""Seconds for which nobody else speaks of a cause: longer than a message takes to be counted."""


class Speaker:
    """`cooldown` in seconds."""

    def __init__(self, cooldown: int, counts: Counts, rules: tuple[Rule, ...]) -> None:
        self._cooldown = cooldown
        self._counts = counts
        self._rules = rules
        self._said: list[Notice] = []
        self._events: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()
        # By rule the events of each cause, in this window and the one before.
        self._shares: dict[str, tuple[Counter[str], Counter[str]]] = {}
        self._turned: dict[str, float] = {}
        self._waiting: set[str] = set()
        # Rules that are over with no cause to blame -> when they were last.
        self._open: dict[str, float] = {}

    def gather(self, drained: Drained) -> None:
        self._events.update(drained.events)
        self._requests.update(drained.requests)
        for name, shares in drained.shares.items():
            self._shares.setdefault(name, (Counter(), Counter()))[0].update(shares)

    def say(self, notice: Notice) -> None:
        self._said.append(notice)

    def spoken(self) -> list[Notice]:
        """What was said since this was last asked."""
        said, self._said = self._said, []
        return said

    # causes

    def cause(self, key: str, cause: Cause, sums: Sums, *, last: bool) -> None:
        """Says what is due about a cause; at the `last` look all that is untold, whenever it was told of before."""
        kind = decide.wanted(Standing(*sums, graver=cause.graver, escalated=cause.escalated))
        if kind and self._tell(key, cause, kind, hurry=last):
            cause.reason = ""

    def _tell(self, key: str, cause: Cause, kind: str, *, hurry: bool = False) -> bool:
        counts = self._counts
        # Asked first: a turn that is taken in vain is one that nobody else has.
        cooling = kind in (FIRST, AGAIN) and not hurry and counts.claimed(key, self._cooldown)
        if cooling or (not counts.claim(f"{key}:turn", TURN) and not hurry):
            return False
        # Somebody may have told meanwhile: what counts is what stands there now that it is our turn.
        [sums] = counts.add([(key, 0)])
        standing = Standing(*sums, graver=cause.graver, escalated=cause.escalated)
        if kind != ESCALATED:
            kind = decide.wanted(standing)
        if kind == RECOVERED and not standing.untold and not counts.claimed(f"{key}:escalated", DAY):
            # Another process has said that it is over.
            cause.escalated = False
            return False
        if not kind or (kind in (FIRST, AGAIN) and not counts.claim(key, self._cooldown) and not hurry):
            return False
        counts.tell(key, standing.untold)
        self._after(key, cause, kind)
        event = cause.event
        title = f"{event.type}: {event.message}" if event.message else event.type
        self.say(Notice(
            kind, key, title[:500], cause.severity, event.category, standing.untold, standing.total, cause.reason,
            event,
        ))  # fmt: skip
        return True

    def _after(self, key: str, cause: Cause, kind: str) -> None:
        cause.told_severity = cause.severity
        if kind == ESCALATED:
            cause.escalated = True
        elif kind == RECOVERED:
            cause.escalated = False
            self._counts.release(f"{key}:escalated", DAY)

    # thresholds

    def rules(self, causes: Causes, now: float) -> None:
        for rule in self._rules:
            if self._over(rule) or rule.name in self._waiting:
                self._waiting.discard(rule.name)
                self._fire(rule, causes, now)
            elif rule.name in self._open and now - self._open[rule.name] > rule.window:
                del self._open[rule.name]
                self.say(self._of_rule(rule, RECOVERED, "it is below the threshold again"))
            self._age(rule, now)

    def _over(self, rule: Rule) -> bool:
        name = rule.name
        events, requests = self._events[name], self._requests[name]
        if not events and not requests:
            return False
        if rule.ratio:
            over = self._counts.over_ratio(rule, events, requests)
        else:
            over = events > 0 and self._counts.over(rule, events)
        # Counted now: after a failure of the store they would have been left for the next look.
        del self._events[name], self._requests[name]
        return over

    def _fire(self, rule: Rule, causes: Causes, now: float) -> None:
        shares = sum(self._shares.get(rule.name, ()), Counter())
        key = decide.dominant(shares)
        cause = causes.get(key) if key is not None else None
        if key is None or cause is None:
            self._open[rule.name] = now
            if self._counts.claim(f"rule:{rule.name}", self._cooldown):
                why = f"{len(shares)} causes, none of them half of it" if shares else "no error was seen behind it"
                self.say(self._of_rule(rule, FIRST, why))
        elif cause.escalated:
            self._blame_too(rule, key)
        else:
            self._blame(rule, key, cause)

    def _blame(self, rule: Rule, key: str, cause: Cause) -> None:
        """One cause made the threshold fire: it is what the message is about, and the only one there will be."""
        counts = self._counts
        new = next((at for at, notice in enumerate(self._said) if notice.key == key), None)
        if new is None and counts.claimed(f"{key}:turn", TURN):
            self._waiting.add(rule.name)
            return
        first = counts.claim(f"{key}:escalated", DAY)
        cause.escalated = True
        counts.claim(f"rule:{rule.name}", self._cooldown)
        if not first:
            return
        if new is not None:
            self._said[new] = replace(self._said[new], reason=rule.title())
            return
        cause.reason = rule.title()
        if not self._tell(key, cause, ESCALATED):
            # Somebody took the turn in between; the next event brings us back.
            cause.escalated = False
            counts.release(f"{key}:escalated", DAY)
            self._waiting.add(rule.name)
        cause.reason = ""

    def _blame_too(self, rule: Rule, key: str) -> None:
        """One more threshold that a cause made fire: named in the message that is not out yet."""
        for at, notice in enumerate(self._said):
            if notice.key == key and notice.reason and rule.title() not in notice.reason.split("; "):
                self._said[at] = replace(notice, reason=f"{notice.reason}; {rule.title()}")

    def _of_rule(self, rule: Rule, kind: str, reason: str) -> Notice:
        category = next(iter(sorted(rule.categories)), "other")
        severity = rule.severity if rule.severity == "CRITICAL" else "ERROR"
        return Notice(kind, f"rule:{rule.name}", rule.title(), severity, category, 0, 0, reason)

    def _age(self, rule: Rule, now: float) -> None:
        """Shares of the window before the last are forgotten."""
        if rule.name in self._shares and now >= self._turned.get(rule.name, 0.0) + rule.window:
            newer, _ = self._shares[rule.name]
            self._shares[rule.name], self._turned[rule.name] = (Counter(), newer), now

