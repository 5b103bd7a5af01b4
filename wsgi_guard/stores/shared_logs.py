"""Logs in a shared table: numbered entries in pages; a slot keeps the first number that counts and the next to come."""

from __future__ import annotations

from .shared_table import ENTRIES, SharedTable, Slot


class SharedLog:
    """The entries `first` to `end - 1` of one slot; an entry whose page was lost has expired."""

    def __init__(self, table: SharedTable, stripe: int, slot: Slot) -> None:
        self._table = table
        self._stripe = stripe
        self._digest = int.from_bytes(slot.digest, "little")
        self.first = slot.a
        self.end = max(slot.a, slot.b)

    @property
    def used(self) -> int:
        return self.end - self.first

    def time(self, place: int, now: int) -> int:
        """The time of the entry at `place`, counted from the first that counts; 0 for one that was lost."""
        page, at = divmod(self.first + place, ENTRIES)
        entries = self._table.page(self._stripe, self._digest, page, now, claim=False)
        return self._table.entry(entries, at) if entries is not None else 0

    def prune(self, now: int, span: int) -> None:
        """Leaves out what has expired; a log from a clock that has gone back far is left out whole."""
        if self.used and not now - span < self.time(self.used - 1, now) <= now + span:
            self.first = self.end
        while self.used:
            page, at = divmod(self.first, ENTRIES)
            entries = self._table.page(self._stripe, self._digest, page, now, claim=False)
            if entries is None:
                self.first = min(self.end, (page + 1) * ENTRIES)
            elif self._table.entry(entries, at) <= now - span:
                self.first += 1
            else:
                return

    def append(self, mark: int, cost: int, now: int, span: int) -> None:
        for number in range(self.end, self.end + cost):
            page, at = divmod(number, ENTRIES)
            entries = self._table.page(self._stripe, self._digest, page, now, claim=True)
            if entries is not None:
                self._table.put_entry(entries, at, mark)
                self._table.keep_page(entries, mark + span)
        self.end += cost

    def remove(self, mark: int, cost: int, now: int) -> None:
        """Takes out up to `cost` entries of time `mark`, the newest first; newer ones move down."""
        for _ in range(cost):
            place = self.used - 1
            newer: list[int] = []
            while place >= 0 and (time := self.time(place, now)) > mark:
                newer.append(time)
                place -= 1
            if place < 0 or time != mark:
                return
            for moved in reversed(newer):
                self._put(self.first + place, moved, now)
                place += 1
            self.end -= 1

    def _put(self, number: int, value: int, now: int) -> None:
        page, at = divmod(number, ENTRIES)
        entries = self._table.page(self._stripe, self._digest, page, now, claim=False)
        if entries is not None:
            self._table.put_entry(entries, at, value)
