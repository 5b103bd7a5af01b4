"""Other limits for some keys: those the file overrides, then those a function gives, as plans do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from wsgi_guard.facts import Environ, Facts
from wsgi_guard.recent import Recent
from wsgi_guard.settings.quantities import limits
from wsgi_guard.settings.sections import Limit

from .rules import MOST, Quota

REMEMBERED = 256
"""Half of the most distinct answers of a function whose limits are remembered; plans are few."""

Make = Callable[[Iterable[Limit]], tuple[Quota, ...]]


class Adjust:
    """`overrides`: store key -> limits, () for a key that is exempt. `make` turns limits into the rule's quotas.

    `first` is the rule's first own limit. What a function gives is asked beside it, without counting, where no window
    is the same: who blocks a key by hand cannot know the windows of all plans.
    """

    def __init__(
        self, rule: str, overrides: Mapping[str, tuple[Limit, ...]], find: Callable[[Environ], Any] | None, make: Make,
        first: Quota,
    ) -> None:  # fmt: skip
        self._rule = rule
        self._make = make
        self._find = find
        self._place = replace(first, quantity=MOST, cost=0, burst=0, block=0, ahead=0, silent=True)
        self._overrides = {key: make(found) for key, found in overrides.items()}
        self._recent: Recent[object, tuple[Quota, ...]] = Recent(REMEMBERED)

    def quotas(self, facts: Facts, key: str) -> tuple[Quota, ...] | None:
        """What to charge instead of the rule's own limits, None for these; () is no limit at all.

        Raises ValueError when the function returns what is no limit.
        """
        own = self._overrides.get(key)
        if own is not None or self._find is None:
            return own
        found = self._find(facts.environ)
        return None if found is None else self._read(tuple(found) if isinstance(found, list) else found)

    def overridden(self, key: str) -> tuple[Quota, ...] | None:
        """The limits that the file has for this key."""
        return self._overrides.get(key)

    def known(self, key: str) -> list[Quota]:
        """The limits that this process knows beside the rule's own: those of the file for this key, and all plans."""
        return [quota for quotas in (self._overrides.get(key, ()), *self._recent.all()) for quota in quotas]

    def _read(self, found: Any) -> tuple[Quota, ...]:
        try:
            quotas = self._recent.get(found)
            if quotas is None:
                quotas = self._make(limits(found))
                if all(quota.id != self._place.id for quota in quotas):
                    quotas += (self._place,)
                self._recent.put(found, quotas)
        except (TypeError, ValueError):
            raise ValueError(f"limit_by of rate limit rule {self._rule!r} returned what is no limit") from None
        return quotas
