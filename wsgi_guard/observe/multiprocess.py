"""The app's own metrics under several workers: files of prometheus-client by the worker's place, not by its id.

Runs where gunicorn reads its configuration, before anything makes a metric; the hooks are the only ones who ask for it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress

from wsgi_guard.cells import Cells
from wsgi_guard.host import HOST
from wsgi_guard.settings.variables import metrics_folder, set_metrics_folder


def arrange() -> None:
    """Makes what the workers share of metrics, once; a folder that is there already is emptied of earlier numbers."""
    if HOST.cells is not None:
        return
    HOST.cells = cells = Cells()
    folder = metrics_folder()
    if folder is None:
        folder = tempfile.mkdtemp(prefix="wsgi-guard-metrics-")
        set_metrics_folder(folder)
        atexit.register(_remove, folder, os.getpid())
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if name.endswith(".db"):
            os.unlink(os.path.join(folder, name))
    from prometheus_client import values

    # By process id there would be new files for each worker that ever ran.
    values.ValueClass = values.MultiProcessValue(slots_of(cells, folder))  # type: ignore[no-untyped-call]


def hand_over(user: int, group: int) -> None:
    """Lets the workers write, who may run as another user than the master."""
    folder = metrics_folder()
    if folder is None or os.geteuid() != 0 or (user, group) == (os.geteuid(), os.getegid()):
        return
    with suppress(OSError):
        for place in (folder, *(os.path.join(folder, name) for name in os.listdir(folder))):
            os.chown(place, user, group)


def _remove(folder: str, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def slots_of(cells: Cells, folder: str) -> Callable[[], str]:
    """Names this process as no other one is named while it runs, and another one is later."""
    asked = 0

    def slot() -> str:
        nonlocal asked
        number, pid = cells.join().number, os.getpid()
        if asked != pid:
            # The library asks under its lock and before it opens a file: a successor is there at once, and would go on
            # with what a gauge said of the process before.
            asked = pid
            remove_live_gauges(folder, number)
        return f"w{number}" if number >= 0 else f"p{pid}"

    return slot


def remove_live_gauges(folder: str, number: int) -> None:
    """Takes away what the app's gauges of the kind live* say of a process that has died."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith("gauge_live") and name.endswith(f"_w{number}.db"):
                with suppress(OSError):
                    os.unlink(os.path.join(folder, name))
