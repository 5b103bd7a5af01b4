"""Locks between the threads and processes that a fork made of one program: robust mutexes in shared memory (POSIX).

When a process dies the kernel hands its mutex to the next who asks. Three times as fast as locks of a file; asked for
by the C library's own functions, so that nothing here depends on how a mutex looks inside. Nobody waits for ever.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from typing import Any

from .patience import retry

SIZE = 64
"""Bytes for a mutex: 40 with glibc on x86-64, 48 on arm64, 40 with musl."""
SHARED, ROBUST = 1, 1


class Mutexes:
    """`count` of them in memory made for them alone. Raises OSError where the system has none that are robust."""

    def __init__(self, count: int) -> None:
        # Kept, for the mapping must outlive the addresses.
        self._memory = mmap.mmap(-1, count * SIZE)
        begin = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        library = _library()
        attributes = ctypes.create_string_buffer(SIZE)
        for done in (
            library.pthread_mutexattr_init(attributes),
            library.pthread_mutexattr_setpshared(attributes, SHARED),
            library.pthread_mutexattr_setrobust(attributes, ROBUST),
        ):
            _check(done)
        self._places = [ctypes.c_void_p(begin + at * SIZE) for at in range(count)]
        for place in self._places:
            _check(library.pthread_mutex_init(place, attributes))
        self._try = library.pthread_mutex_trylock
        self._unlock = library.pthread_mutex_unlock
        self._mend = library.pthread_mutex_consistent

    def take(self, stripe: int, timeout: float) -> bool:
        """Whether the mutex could be had within `timeout` seconds; 0 does not wait at all."""
        place = self._places[stripe]
        return self._had(place) or (bool(timeout) and retry(lambda: self._had(place), timeout))

    def give(self, stripe: int) -> None:
        self._unlock(self._places[stripe])

    def _had(self, place: Any) -> bool:
        found = self._try(place)
        if found == errno.EOWNERDEAD:
            # What its owner left half done shows by the checksum of a slot.
            self._mend(place)
            return True
        return not found


def _library() -> Any:
    """The C library of this process; it is called with the interpreter's lock held, for nothing here blocks."""
    library = ctypes.PyDLL(None)
    try:
        for name in ("trylock", "unlock", "consistent"):
            getattr(library, f"pthread_mutex_{name}").argtypes = [ctypes.c_void_p]
        library.pthread_mutex_init.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        library.pthread_mutexattr_setrobust.argtypes = [ctypes.c_void_p, ctypes.c_int]
    except AttributeError as error:
        raise OSError(errno.ENOSYS, "no robust mutexes") from error
    return library


def _check(failed: int) -> None:
    if failed:
        raise OSError(failed, os.strerror(failed))
