"""What each process needs of its own, started once at its first request, and again in a child after a fork.

Threads and connections do not survive a fork, and a lock that another thread held stays held in the child.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING

from .facts import IDS

if TYPE_CHECKING:
    from .stack import Stack

_used: weakref.WeakSet[Starts] = weakref.WeakSet()
_made: weakref.WeakSet[Starts] = weakref.WeakSet()
_watching = False


class Starts:
    """The `start` of every layer of one guard; `done` once all of them have run in this process."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        _made.add(self)
        self.again()

    @property
    def stack(self) -> Stack:
        return self._stack

    def again(self) -> None:
        self.done = False
        self._lock = threading.Lock()
        self._left = list(self._stack.full.starts)

    def run(self) -> None:
        """Starts what has not started yet. What fails is an event and raises, now and at each call until it works."""
        _watch(self)
        # Guards the list of what is left; whoever comes second waits until all has started.
        with self._lock:
            while self._left:
                start, layer = self._left[0]
                try:
                    start()
                except Exception as error:
                    self._stack.capture.record(None, error, service=f"wsgi_guard.{layer.name}")
                    raise
                del self._left[0]
            self.done = True


def stacks() -> list[Stack]:
    """Those of all guards of this process."""
    return [starts.stack for starts in list(_made)]


def _watch(starts: Starts) -> None:
    global _watching
    _used.add(starts)
    if not _watching:
        _watching = True
        os.register_at_fork(after_in_child=_forked)


def _forked() -> None:
    IDS.clear()
    for starts in list(_used):
        starts.again()
