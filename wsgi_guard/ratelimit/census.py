"""What this process has denied, by rule and by key, for those who operate it."""

from __future__ import annotations

from collections import Counter

from .rules import Quota

MOST = 512
"""Keys whose denials are counted, at about 200 bytes each; the least denied half makes room for new ones."""


class Census:
    """Counts since the start of the process. Races between threads lose a count, never more."""

    def __init__(self) -> None:
        self.denials: Counter[str] = Counter()
        self.shadows: Counter[str] = Counter()
        self.keys: Counter[tuple[str, str]] = Counter()

    def denied(self, quota: Quota, key: str) -> None:
        self.denials[quota.rule] += 1
        self.keys[quota.rule, key] += 1
        if len(self.keys) > MOST:
            self.keys = Counter(dict(self.keys.most_common(MOST // 2)))

    def shadowed(self, quota: Quota) -> None:
        self.shadows[quota.rule] += 1
