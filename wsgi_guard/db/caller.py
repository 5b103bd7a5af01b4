"""Where in the app something was asked for: the line that did, and the lines that led there.

Frames are looked at, never kept: they would keep what a request held.
"""

from __future__ import annotations

import sys
from functools import cache
from itertools import islice
from types import CodeType, FrameType
from typing import Any

# What stands between the app and its database; a wrapper of the app's own is the app.
BETWEEN = frozenset({"wsgi_guard", "psycopg", "psycopg_pool", "contextlib"})
DEEPEST = 40
"""Frames walked through to find the caller."""
KEPT = 8
"""Frames kept of a stack, those between included but for the pool's own. Each costs a quarter of a microsecond."""

# Code and place in it, innermost first, in turns: one flat list costs a third of a list of pairs.
Stack = list[Any]


def stack() -> Stack:
    """The frames that led to the function two above, to be read by `lines` when somebody wants to."""
    frame: FrameType | None = sys._getframe(3)
    found: Stack = []
    add = found.append
    for _ in range(KEPT):
        if frame is None:
            break
        add(frame.f_code)
        add(frame.f_lasti)
        frame = frame.f_back
    return found


def lines(found: Stack) -> list[str]:
    """The app's lines of a stack: file, line and function, innermost first."""
    spots = zip(found[::2], found[1::2], strict=True)
    return [_spot(code, at) for code, at in spots if not code.co_filename.startswith(_between())]


def caller() -> str:
    """File, line and function of the app that asked; "unknown" when no app is in sight."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(DEEPEST):
        if frame is None:
            break
        name = frame.f_globals.get("__name__")
        if not isinstance(name, str) or name.partition(".")[0] not in BETWEEN:
            return _spot(frame.f_code, frame.f_lasti)
        frame = frame.f_back
    return "unknown"


def _spot(code: CodeType, at: int) -> str:
    line = next(islice(code.co_positions(), at // 2, None), (None,))[0]
    return f"{code.co_filename}:{line or code.co_firstlineno} in {code.co_name}"


@cache
def _between() -> tuple[str, ...]:
    """Where the code of BETWEEN lies: the folder of each package, and the one module's file."""
    files = (getattr(sys.modules.get(name), "__file__", None) for name in BETWEEN)
    return tuple(file.removesuffix("__init__.py") for file in files if file)
