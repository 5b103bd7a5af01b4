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
from wsgi_guard.stores import MemoryStore, Tally

from .rules import Quota

log = logging.getLogger("wsgi_guard")

CALM = 1.0
"""Seconds without a failure before the store counts as back, which keeps a flapping one from flooding the log."""


class Fallback:
    """`degraded` says why the store is not used, None while it is."""

    def __init__(self, max_keys: int, workers: int) -> None:
        self._workers = workers
        self._store = MemoryStore(max_keys)
        self._shares: dict[Quota, Quota] = {}
        self._failed_at = 0.0
        self.degraded: str | None = None

    def failed(self, error: StoreError) -> bool:
        """Remembers the failure; True when it is the first since all was well."""
        first = self.degraded is None
        self.degraded = str(error)
        self._failed_at = monotonic()
        if first:
            log.warning("rate limit store is away, each rule follows its on_store_failure: %s", error)
        return first

    def worked(self) -> None:
        if monotonic() - self._failed_at >= CALM:
            self.degraded = None
            log.warning("rate limit store answers again")

    def charge(self, quotas: Sequence[Quota], keys: Sequence[str]) -> tuple[list[Quota], Tally]:
        """The quotas that are counted here, and their tally. Raises Outage when one of them denies."""
        counted: list[Quota] = []
        kept: list[str] = []
        for quota, key in zip(quotas, keys, strict=True):
            if quota.on_failure == "deny" and quota.enforced:
                raise Outage("the rate limit store")
            if quota.on_failure == "local":
                counted.append(self._share(quota))
                kept.append(key)
        return counted, self._store.charge(counted, kept)

    def _share(self, quota: Quota) -> Quota:
        """The part of a limit that is one worker's, rounded up so that it never closes a door the limit leaves open."""
        share = self._shares.get(quota)
        if share is None:
            share = self._shares[quota] = replace(quota, quantity=-(-quota.quantity // self._workers))
        return share
