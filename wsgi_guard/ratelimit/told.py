"""How the limits that a request met stand after it, for whoever explains or counts them. Pure."""

from __future__ import annotations

from typing import NamedTuple

from wsgi_guard.facts import Facts
from wsgi_guard.stores.standing import left

from .decide import delay
from .plan import Spent


class Told(NamedTuple):
    """One limit. `left` charges still fit; when it is over, one more fits after `wait` whole seconds."""

    rule: str
    quantity: int
    window: int
    algorithm: str
    enforced: bool
    fits: bool
    blocked: bool
    left: int
    wait: int

    def as_text(self) -> str:
        """As "login: 10 in 300 s (sliding-window), 9 left"."""
        name = f"{self.rule}: {self.quantity} in {self.window} s ({self.algorithm})"
        if self.fits:
            return f"{name}, {self.left} left"
        state = "blocked" if self.blocked else "over"
        return f"{name}, {state} for {self.wait} s{'' if self.enforced else ', in shadow'}"


def limits_of(facts: Facts) -> list[Told]:
    """Every limit the request was charged, in the order of the rules; none where it is exempt or nothing matches."""
    spent: Spent | None = facts.limits
    if spent is None or not spent.states:
        return []
    return [
        Told(
            quota.rule, quota.quantity, quota.window, quota.algorithm, quota.enforced, state[0] > 0, state[0] < 0,
            left(quota, state) if state[0] > 0 else 0, 0 if state[0] > 0 else delay(quota, state),
        )
        for quota, state in zip(spent.quotas, spent.states, strict=True)
        if not quota.silent or state[0] < 0
    ]  # fmt: skip


def is_exempt(facts: Facts) -> bool:
    """Whether a rule or list said that nothing limits this request."""
    spent: Spent | None = facts.limits
    return spent is not None and spent.plan.exempt
