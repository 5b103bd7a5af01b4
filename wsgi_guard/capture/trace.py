"""The traceback of an exception as redacted text, and the way through the user's own functions that led to it.

No local variable is read unless the settings ask for it. Every part has a stated limit, and nothing an exception class
defines is trusted.
"""

from __future__ import annotations

import linecache
import re
import sysconfig
from collections import deque
from functools import cache, lru_cache
from itertools import islice
from os.path import dirname
from types import TracebackType

from wsgi_guard.redact import Redactor, one_line, plain_text

from .family import Relative

MESSAGE_LIMIT = 2_000
NAME_LIMIT = 200
FIRST_FRAMES, LAST_FRAMES = 10, 40
"""Frames that are shown of one exception; what lies between is counted."""
TRACE_LIMIT = 32_000
"""Characters of a whole traceback with all its causes."""
NOTES = 5
LOCAL_FRAMES, LOCALS, LOCAL_LIMIT, LOCAL_DEPTH = 5, 20, 300, 3
"""With locals: frames, variables of a frame or items of a container, characters of a variable, and containers in
containers that are shown."""
_SCALARS = (str, int, float, bool, bytes, type(None))

_SQLSTATE = re.compile(r"[0-9A-Z]{5}")
_HEADINGS = {
    "cause": "\nThe above exception was the direct cause of the following exception:\n",
    "context": "\nDuring handling of the above exception, another exception occurred:\n",
    "member": "\nThe above exception is a member of the following group:\n",
}
Frame = tuple[str, int, str, str]


def type_name(error: BaseException) -> str:
    kind = type(error)
    module = str(kind.__module__)
    name = kind.__qualname__ if module in ("builtins", "__main__") else f"{module}.{kind.__qualname__}"
    return name[:NAME_LIMIT]


def message(error: BaseException, redactor: Redactor) -> str:
    """What the exception says, without its secrets, at most about MESSAGE_LIMIT characters; a SQLSTATE besides."""
    parts, code = _said(error), sqlstate(error)
    said = "\n".join(redactor.error(part, MESSAGE_LIMIT // len(parts)) for part in parts)
    return f"{said.rstrip()}\nSQLSTATE: {code}" if said and code else said


def _said(error: BaseException) -> list[str]:
    """The text, or the parts of it that a PostgreSQL sent apart, without the statement: what each holds is certain."""
    text = plain_text(error)
    try:
        told = getattr(error, "diag", None)
        if told is None or not told.message_primary or not text.startswith(told.message_primary):
            return [text]
        more = {"DETAIL": told.message_detail, "HINT": told.message_hint, "CONTEXT": told.context}
        return [str(told.message_primary), *(f"{name}:  {part}" for name, part in more.items() if part)]
    except Exception:
        return [text]


def sqlstate(error: BaseException) -> str:
    """`sqlstate` of psycopg and asyncpg, `pgcode` of psycopg2; "" where there is none."""
    code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return code if isinstance(code, str) and _SQLSTATE.fullmatch(code) else ""


def traceback_text(relatives: list[Relative], redactor: Redactor, *, locals: bool = False) -> str:
    """As Python prints it, oldest exception first; no text from an exception can add a line of its own."""
    parts: list[str] = []
    links = [relative.link for relative in relatives]
    for relative, link in zip(reversed(relatives), reversed(links), strict=True):
        parts += _one(relative.error, redactor, locals)
        if link:
            parts.append(_HEADINGS[link])
    text = "\n".join(parts)
    if len(text) <= TRACE_LIMIT:
        return text
    half = TRACE_LIMIT // 2
    return f"{text[:half]}\n... [{len(text) - TRACE_LIMIT} characters]\n{text[-half:]}"


def _one(error: BaseException, redactor: Redactor, locals: bool) -> list[str]:
    frames, left_out = _frames(error.__traceback__)
    variables = _variables(error.__traceback__, redactor) if locals else {}
    lines = ["Traceback (most recent call last):"] if frames else []
    for index, (file, line, function, _) in enumerate(frames):
        if left_out and index == FIRST_FRAMES:
            lines.append(f"  ... [{left_out} frames]")
        lines.append(f'  File "{one_line(file)}", line {line}, in {one_line(function)}')
        source = linecache.getline(file, line).strip()
        if source:
            lines.append(f"    {redactor.code(source)}")
        lines += variables.get((file, line), ())
    lines.append(f"{one_line(type_name(error))}: {one_line(message(error, redactor))}".removesuffix(": "))
    notes = getattr(error, "__notes__", ())
    if isinstance(notes, list):
        lines += [one_line(redactor.error(plain_text(note), MESSAGE_LIMIT)) for note in notes[:NOTES]]
    return lines


def _frames(trace: TracebackType | None) -> tuple[list[Frame], int]:
    """The first and the last frames, and how many lie between."""
    first: list[Frame] = []
    last: deque[Frame] = deque(maxlen=LAST_FRAMES)
    count = 0
    while trace is not None:
        code = trace.tb_frame.f_code
        module = str(trace.tb_frame.f_globals.get("__name__"))
        # A line the compiler made up has no number.
        frame = (code.co_filename, trace.tb_lineno or 0, code.co_qualname, module)
        (first if count < FIRST_FRAMES else last).append(frame)
        count += 1
        trace = trace.tb_next
    return [*first, *last], count - len(first) - len(last)


def _variables(trace: TracebackType | None, redactor: Redactor) -> dict[tuple[str, int], list[str]]:
    """Lines for the local variables of the last frames in the user's own code, by file and line.

    Nothing is asked for its `repr`: what is no text, number or container of these shows its type alone.
    """
    last: deque[TracebackType] = deque(maxlen=LOCAL_FRAMES)
    while trace is not None:
        if is_own(trace.tb_frame.f_code.co_filename):
            last.append(trace)
        trace = trace.tb_next
    try:
        return {(one.tb_frame.f_code.co_filename, one.tb_lineno): _shown(one, redactor) for one in last}
    except Exception:
        # A variable that another thread changes meanwhile, or a class that lies about itself: the rest is worth more.
        return {}


def _shown(trace: TracebackType, redactor: Redactor) -> list[str]:
    found = list(trace.tb_frame.f_locals.items())[:LOCALS]
    told = redactor.data({name: _plain(value) for name, value in found})
    return [f"      {one_line(str(name))} = {one_line(str(value)[:LOCAL_LIMIT])}" for name, value in told.items()]


def _plain(value: object, depth: int = LOCAL_DEPTH) -> object:
    kind = type(value)
    if kind in _SCALARS:
        return value
    # By exact type: what a subclass does when it is iterated is its own business.
    if depth and isinstance(value, dict) and kind is dict:
        return {_name(key): _plain(item, depth - 1) for key, item in islice(value.items(), LOCALS)}
    if depth and isinstance(value, list | tuple | set | frozenset) and kind in (list, tuple, set, frozenset):
        return [_plain(item, depth - 1) for item in islice(value, LOCALS)]
    return f"<{kind.__module__}.{kind.__qualname__}>"


def _name(key: object) -> str:
    return key if type(key) is str else str(_plain(key, 0))


def own_way(error: BaseException) -> list[str]:
    """`module:function` of each frame in the user's own code; of the last three when none is."""
    frames, _ = _frames(error.__traceback__)
    own = [frame for frame in frames if is_own(frame[0])] or frames[-3:]
    return [f"{module}:{function}" for _, _, function, module in own]


@lru_cache(maxsize=4096)
def is_own(file: str) -> bool:
    """False for the standard library, installed packages and this one."""
    return not ("site-packages" in file or "dist-packages" in file or file.startswith(_foreign()))


@cache
def _foreign() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return ("<frozen", dirname(dirname(__file__)), *(paths[name] for name in names if name in paths))
