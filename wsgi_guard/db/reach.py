"""Waits for a server that failed until it answers again, so that a pool has it back at once.

The driver would pause for a second and two between attempts, and hang in one for as long as connecting may take; here
one thread of a pool at a time asks four times a second, each time briefly.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING

from . import wire

if TYPE_CHECKING:
    from .watch import Watch

PAUSE = 0.25
"""Seconds between two questions."""
ANSWERED = 0.7
"""Seconds in which the server must answer one."""


def reach(watch: Watch) -> None:
    """Returns when the server answers, when `reconnect_timeout` is over, or when the pool is closed."""
    deadline = monotonic() + watch.section.reconnect_timeout
    while watch.pulse.weak and monotonic() < deadline:
        with watch.asking:
            if answers(watch):
                return
        if watch.ended.wait(PAUSE):
            return


def ask(watch: Watch) -> None:
    """Finds out whether a server that failed is there, on a thread of its own, unless somebody does so already."""
    if watch.asking.locked():
        return

    def find_out() -> None:
        with watch.asking:
            if watch.pulse.weak and answers(watch):
                watch.pulse.lived()
            else:
                watch.ended.wait(PAUSE)

    threading.Thread(target=find_out, name=f"{watch.name}-asker", daemon=True).start()


def answers(watch: Watch) -> bool:
    try:
        wire.ping(watch.conninfo(), ANSWERED)
    except (TimeoutError, ConnectionError):
        watch.pulse.failed()
        return False
    return True
