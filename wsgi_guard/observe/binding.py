"""The request id on every record that the app logs while a request runs, whatever logger and thread."""

from __future__ import annotations

import logging
from functools import wraps
from typing import Any

from wsgi_guard.wrapped import is_around, put_around, within

from .inheriting import request_here

NONE = "-"
"""What stands for an id outside of requests, so that a format with `%(request_id)s` works everywhere."""


def bind_ids() -> None:
    """Gives each new record `request_id` and `trace_id`, once in a process.

    This is done where records are made, and not by a record factory: a factory comes before `extra`, and logging raises
    KeyError when an app gives a `request_id` of its own there. Factories and filters that are set stay, what they or
    the app have put on a record does too.
    """
    make = logging.Logger.makeRecord
    if is_around(make):
        return

    @wraps(make)
    def binding(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        facts, told = request_here(), record.__dict__
        if facts is None:
            told.setdefault("request_id", NONE)
            told.setdefault("trace_id", NONE)
        else:
            told.setdefault("request_id", facts.request_id)
            told.setdefault("trace_id", facts.trace_id)
        return record

    put_around(binding, make)
    logging.Logger.makeRecord = binding  # type: ignore[method-assign]


def makes_plainly(make: Any, factory: Any) -> bool:
    """Whether a method `makeRecord` and a record factory are logging's own, but for what the guard has put around."""
    return within(factory) is logging.LogRecord and getattr(within(make), "__globals__", None) is vars(logging)
