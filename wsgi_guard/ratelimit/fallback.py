"""What holds while the store is away: each rule's declared policy, said once in the log when it begins and ends.

`local` counts in this process alone, each of a host's workers up to its part of the limit; `allow` lets pass; `deny`
answers 503. A rule in shadow never denies, with or without a store.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic

from wsgi_guard.errors import Outage, StoreError
from wsgi_guard.recent import Recent
from wsgi_guard.stores import MemoryStore

from .rules import Quota

log = logging.getLogger("wsgi_guard")

CALM = 1.0
"""Seconds without a failure before the store counts as back, which keeps a flapping one from flooding the log."""

SHARES = 1024
"""Half of the most shares of limits remembered; plans may bring many limits."""


class Fallback:
    """`degraded` says why the store is not used, None while it is; `failures` counts the calls that failed."""

    def __init__(self, max_keys: int, workers: int) -> None:
        self._workers = workers
        self.store = MemoryStore(max_keys)
        self._shares: Recent[Quota, Quota] = Recent(SHARES)
        self._failed_at = 0.0
        self.degraded: str | None = None
        self.failures = 0

    def failed(self, error: StoreError) -> bool:
        """Remembers the failure; True when it is the first since all was well."""
        first = self.degraded is None
        self.degraded = str(error)
        self._failed_at = monotonic()
        self.failures += 1
        if first:
            log.warning("rate limit store is away, each rule follows its on_store_failure: %s", error)
        return first

    def worked(self) -> None:
        if monotonic() - self._failed_at >= CALM:
            self.degraded = None
            log.warning("rate limit store answers again")

    def counted(
        self, quotas: Sequence[Quota], keys: Sequence[str], costs: Sequence[int] | None
    ) -> tuple[list[Quota], list[str], list[int] | None]:
        """The quotas that are counted here, with key and cost. Raises Outage when one of them denies."""
        counted: list[Quota] = []
        kept: list[str] = []
        paid: list[int] = []
        for at, (quota, key) in enumerate(zip(quotas, keys, strict=True)):
            if quota.on_failure == "deny" and quota.enforced:
                raise Outage(f"the rate limit store, which rule {quota.rule!r} cannot do without,")
            if quota.on_failure == "local":
                counted.append(self._share(quota))
                kept.append(key)
                paid.append(costs[at] if costs else 1)
        return counted, kept, paid if costs else None

    def _share(self, quota: Quota) -> Quota:
        """The part of a limit that is one worker's, rounded up so that it never closes a door the limit leaves open."""
        share = self._shares.get(quota)
        if share is None:
            workers = self._workers
            share = replace(quota, quantity=-(-quota.quantity // workers), burst=-(-quota.burst // workers))
            self._shares.put(quota, share)
        return share
