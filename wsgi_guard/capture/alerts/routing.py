"""Which channels a notice goes to, and which is next when one fails. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from wsgi_guard.capture.decide import LEVELS
from wsgi_guard.settings.sections import RouteSection

from .notice import Notice


class Routing(NamedTuple):
    """`order` is all channels, the preferred one first; `everywhere`: each alert goes to all of its channels."""

    order: tuple[str, ...]
    routes: tuple[RouteSection, ...] = ()
    everywhere: bool = True

    def targets(self, notice: Notice) -> tuple[str, ...]:
        """Where a notice goes at once; () for one that a route keeps silent."""
        found = self._named(notice)
        return found if self.everywhere else found[:1]

    def _named(self, notice: Notice) -> tuple[str, ...]:
        for route in self.routes:
            grave = route.severity is None or LEVELS[notice.severity] >= LEVELS[route.severity]
            if grave and (not route.category or notice.category in route.category):
                return tuple(name for name in self.order if name in (route.channels or ()))
        return self.order

    def parcels(self, notices: Sequence[Notice]) -> dict[str, list[Notice]]:
        """The notices of a message by channel."""
        found: dict[str, list[Notice]] = {}
        for notice in notices:
            for name in self.targets(notice):
                found.setdefault(name, []).append(notice)
        return found

    def next(self, tried: Collection[str]) -> str | None:
        """The channel that stands in for one that failed."""
        return next((name for name in self.order if name not in tried), None)
