"""What still happens when a process is told to stop by a server that has no last word of its own."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


def before_sigterm(act: Callable[[], None]) -> None:
    """Has `act` run when SIGTERM comes, and then what SIGTERM does by default: ends the process.

    Where somebody else took the signal, as gunicorn does, `atexit` has its turn. Only the main thread can ask.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return
    mine = os.getpid()

    def term(number: int, frame: FrameType | None) -> None:
        try:
            if os.getpid() == mine:
                act()
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, term)
