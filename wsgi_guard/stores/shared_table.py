"""A table of fixed size in memory that processes share: made before they are forked, or a named file.

It is cut into stripes, each with slots for counters and pages for the entries of logs, and a lock of its own. A slot is
found by a keyed hash, so nobody can aim collisions; it carries a checksum, so one that a killed process left half
written is seen and counts as empty. When the slots a key may stand in are taken, what has expired gives way, then what
ends soonest and is not blocked.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from hashlib import blake2b
from typing import NamedTuple, Protocol
from zlib import crc32

from wsgi_guard.errors import ConfigurationError

from .mutexes import Mutexes
from .stripes import Stripes

STRIPES = 128
LEAST = 16
"""Slots of a stripe, at least."""
RUN = 16
"""Places where a key may stand."""
PAGES = 512
"""Pages of a stripe: three logs of the longest kind. What is never touched takes no memory."""
ENTRIES = 60
BODY = struct.Struct("<16sQ6q")
SLOT = BODY.size + 4  # its checksum behind: 76 bytes
WHOLE = 0x2144DF1C
"""The CRC-32 of whatever has its own CRC-32 behind it, lowest byte first (RFC 1952 and zlib use that CRC)."""
PAGE_HEAD = struct.Struct("<16sQ")
PAGE = PAGE_HEAD.size + 8 * ENTRIES
NUMBER = struct.Struct("<q")
HEAD = struct.Struct("<8sQ32s16sQ")
MAGIC = b"wguard02"
HEAD_SIZE = 4096
GENERATION = HEAD.size - 8
EMPTY = bytes(SLOT)


class Locks(Protocol):
    """One for each stripe, which no death of a process leaves locked."""

    def take(self, stripe: int, timeout: float) -> bool:
        """Whether it could be had within `timeout` seconds; 0 does not wait at all."""
        ...

    def give(self, stripe: int) -> None: ...


class Slot(NamedTuple):
    """One policy and key: where it stands, and what is counted (`a`, `b`, `c`: see `shared_look.py`) and blocked."""

    at: int
    digest: bytes
    a: int = 0
    b: int = 0
    c: int = 0
    until: int = 0
    denials: int = 0
    last: int = 0


class SharedTable:
    """`create` makes one. `path` is None for memory that only forked children share; `made_in` the process it is of."""

    def __init__(self, memory: mmap.mmap, locks: Locks, slots: int, path: str | None) -> None:
        self.memory = memory
        self.slots = slots
        self.path = path
        self.made_in = os.getpid()
        self.stripes = locks
        self.secret = bytes(memory[16:48])
        self._pages_at = HEAD_SIZE + STRIPES * slots * SLOT

    @classmethod
    def create(cls, slots: int, path: str | None = None) -> SharedTable:
        """A table for about `slots` keys. Raises ConfigurationError where there is no such memory, or another file."""
        each = max(LEAST, -(-slots // STRIPES))
        size = HEAD_SIZE + STRIPES * (each * SLOT + PAGES * PAGE)
        if path is not None:
            return _named(cls, path, each, size)
        try:
            memory = mmap.mmap(-1, size)
        except (OSError, OverflowError) as error:
            raise _too_large(slots, error) from None
        _begin(memory, each)
        return cls(memory, _locks(), each, None)

    @property
    def generation(self) -> int:
        found: int = int.from_bytes(self.memory[GENERATION : GENERATION + 8], "little")
        return found

    def renew(self) -> None:
        """Another generation. Random, so that two who do it at once do not hide each other."""
        self.memory[GENERATION : GENERATION + 8] = os.urandom(8)

    def hash(self, text: str) -> int:
        """128 bits that only who reads the table can foresee."""
        return int.from_bytes(
            blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=self.secret).digest(), "little"
        )

    def begins(self, stripe: int) -> int:
        """Where the slots of a stripe are."""
        return HEAD_SIZE + stripe * self.slots * SLOT

    def find(self, stripe: int, digest: int, now: int, *, claim: bool) -> Slot | None:
        """The slot of a digest; a new one when there is none and it is claimed, else None."""
        memory, name, each = self.memory, digest.to_bytes(16, "little"), self.slots
        begin = self.begins(stripe)
        first = (digest >> 64) % each
        spare, spare_end = -1, 0
        for step in range(RUN if each > RUN else each):
            at = begin + (first + step) % each * SLOT
            if memory[at : at + 16] == name:
                raw = memory[at : at + SLOT]
                if crc32(raw) == WHOLE:
                    _, _, a, b, c, until, denials, last = BODY.unpack_from(raw)
                    return Slot(at, name, a, b, c, until, denials, last)
                spare = at
                break
            if not claim:
                continue
            end = self._end(at, now)
            if spare < 0 or end < spare_end:
                spare, spare_end = at, end
            if not end:
                # Never used: nothing can stand behind it.
                break
        if not claim:
            return None
        # Taken at once, or another key of the same charge would find the same place.
        self.write(slot := Slot(spare, name), now + 1)
        return slot

    def write(self, slot: Slot, end: int) -> None:
        """Keeps a slot until `end`; a block, or denials that count towards one, keep it longer."""
        body = BODY.pack(slot.digest, max(end, slot.until), *slot[2:])
        self.memory[slot.at : slot.at + SLOT] = body + crc32(body).to_bytes(4, "little")

    def _end(self, at: int, now: int) -> int:
        """How long a slot that belongs to another key matters: 0 never used, 1 expired or broken, more for a block."""
        raw = self.memory[at : at + SLOT]
        if raw == EMPTY:
            return 0
        _, end, _, _, _, until, _, _ = BODY.unpack_from(raw)
        if end <= now or crc32(raw) != WHOLE:
            return 1
        return end + (1 << 62) if until > now else int(end)

    # pages of logs

    def page(self, stripe: int, digest: int, number: int, now: int, *, claim: bool) -> int | None:
        """Where the entries of page `number` of a log begin; None when there is no such page and none is claimed."""
        memory = self.memory
        name = ((digest + number * 0x9E3779B97F4A7C15) & ((1 << 128) - 1)).to_bytes(16, "little")
        begin = self._pages_at + stripe * PAGES * PAGE
        # The upper half of a product with the golden ratio spreads numbers in a row evenly (Knuth, 6.4).
        first = int.from_bytes(name[5:8], "little") % PAGES
        spare, spare_end = -1, 0
        for step in range(2 * RUN):
            at = begin + (first + step) % PAGES * PAGE
            found, end = PAGE_HEAD.unpack_from(memory, at)
            if found == name:
                return at + PAGE_HEAD.size
            if spare < 0 or end < spare_end:
                spare, spare_end = at, end
            if not end:
                break
            if end <= now:
                spare_end = 0
        if not claim:
            return None
        PAGE_HEAD.pack_into(memory, spare, name, now + 1)
        return spare + PAGE_HEAD.size

    def keep_page(self, entries: int, end: int) -> None:
        at = entries - 8
        self.memory[at:entries] = end.to_bytes(8, "little")

    def entry(self, entries: int, place: int) -> int:
        found: int = NUMBER.unpack_from(self.memory, entries + 8 * place)[0]
        return found

    def put_entry(self, entries: int, place: int, value: int) -> None:
        NUMBER.pack_into(self.memory, entries + 8 * place, value)


# By inode: a second descriptor of a file, once closed, would take all of the process's locks on it along.
_named_tables: dict[tuple[int, int], SharedTable] = {}


def _locks() -> Locks:
    """For those who are forked from this process."""
    try:
        return Mutexes(STRIPES)
    except OSError:
        with tempfile.TemporaryFile() as file:
            return Stripes(os.dup(file.fileno()), STRIPES)


def _begin(memory: mmap.mmap, slots: int) -> None:
    HEAD.pack_into(memory, 0, MAGIC, slots, os.urandom(32), boot(), 1)


def boot() -> bytes:
    """Tells one run of the machine from another, since times in the table are counted from its start."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            return blake2b(file.read(), digest_size=16).digest()
    except OSError:
        return bytes(16)


def _named(kind: type[SharedTable], path: str, slots: int, size: int) -> SharedTable:
    try:
        known = os.stat(path)
        table = _named_tables.get((known.st_dev, known.st_ino))
        if table is not None:
            return table
    except OSError:
        # Not there yet, or not to be seen: opening it makes it, or says why not.
        pass
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _refusal(path, f"cannot be opened: {error.strerror}") from None
    found = os.fstat(file)
    try:
        table = _opened(kind, file, found, path, slots, size)
    except ConfigurationError:
        os.close(file)
        raise
    _named_tables[found.st_dev, found.st_ino] = table
    return table


def _opened(kind: type[SharedTable], file: int, found: os.stat_result, path: str, slots: int, size: int) -> SharedTable:
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise _refusal(path, "must belong to the user that runs this, and be closed to others (mode 600)")
    gate = Stripes(file, STRIPES + 1)
    if not gate.take(STRIPES, 5.0):
        raise _refusal(path, "is held by another process")
    try:
        held = os.fstat(file).st_size
        if held not in (0, size):
            raise _refusal(path, "was made for another rate_limit.max_keys or by another version; remove it")
        memory = _mapped(file, size, slots, new=not held)
        magic, each, _, run, _ = HEAD.unpack_from(memory, 0)
        if held and (magic not in (MAGIC, bytes(8)) or (each != slots and magic == MAGIC)):
            raise _refusal(path, "is no table of rate limits")
        if magic != MAGIC or run != boot():
            if magic == MAGIC:
                memory[HEAD_SIZE:size] = bytes(size - HEAD_SIZE)
            _begin(memory, slots)
    finally:
        gate.give(STRIPES)
    return kind(memory, Stripes(file, STRIPES), slots, path)


def _mapped(file: int, size: int, slots: int, *, new: bool) -> mmap.mmap:
    """The memory of a file. Reserved on its disk as a whole: a write that finds no room later would kill the process.
    """
    try:
        if new:
            os.posix_fallocate(file, 0, size)
        return mmap.mmap(file, size)
    except (OSError, OverflowError) as error:
        os.ftruncate(file, 0 if new else size)
        raise _too_large(slots * STRIPES, error) from None


def _too_large(slots: int, error: Exception) -> ConfigurationError:
    why = error.strerror if isinstance(error, OSError) else "more than can be addressed"
    return ConfigurationError([f"rate_limit.max_keys: no shared memory for {slots} keys: {why}"])


def _refusal(path: str, why: str) -> ConfigurationError:
    return ConfigurationError([f"rate_limit.store: the file {path!r} {why}"])
