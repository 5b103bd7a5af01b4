"""What still happens when a process is told to stop by a server that has no last word of its own."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType


def before_sigterm(act: Callable[[], None], limit: float) -> None:
    """Has `act` run when SIGTERM comes, for `limit` seconds at most, and then what SIGTERM does by default.

    Where somebody else took the signal, as gunicorn does, `atexit` has its turn. Only the main thread can ask.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return
    mine = os.getpid()

    def term(number: int, frame: FrameType | None) -> None:
        try:
            if os.getpid() == mine:
                _run(act, limit)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, term)


def _run(act: Callable[[], None], limit: float) -> None:
    # On a thread of its own: this one may have been interrupted while it held a lock that `act` wants.
    thread = threading.Thread(target=act, daemon=True)
    with suppress(RuntimeError):
        thread.start()
        thread.join(limit)
