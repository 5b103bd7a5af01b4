"""Which request a thread works for that the app started, or gave work to, while the request ran."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import ref

from wsgi_guard.facts import Facts, current
from wsgi_guard.wrapped import is_around, put_around

_REQUEST = "_wsgi_guard_request"
_POOLS = "concurrent.futures.thread"


def request_here() -> Facts | None:
    """The request that runs here, or on whose behalf this thread works; None once it has ended, and outside of one."""
    facts = current()
    if facts is not None:
        return facts
    held = threading.current_thread().__dict__.get(_REQUEST)
    facts = held() if held is not None else None
    return facts if facts is not None and facts.open else None


def inherit() -> None:
    """Has threads and pools of threads know the request that set them to work, once in a process.

    A thread that is there for all requests, as those of a pool are, belongs to none: there each piece of work does.
    """
    from concurrent.futures import ThreadPoolExecutor

    if not is_around(threading.Thread.start):
        threading.Thread.start = _starting(threading.Thread.start)  # type: ignore[method-assign]
    if not is_around(ThreadPoolExecutor.submit):
        ThreadPoolExecutor.submit = _submitting(ThreadPoolExecutor.submit)  # type: ignore[method-assign]


def _starting(start: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(start)
    def starting(self: threading.Thread, *args: Any, **options: Any) -> Any:
        facts = request_here()
        if facts is not None and not _is_for_all(self):
            self.__dict__[_REQUEST] = ref(facts)
        return start(self, *args, **options)

    put_around(starting, start)
    return starting


def _submitting(submit: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(submit)
    def submitting(self: Any, work: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
        facts = request_here()
        return submit(self, work if facts is None else _for(facts, work), *args, **options)

    put_around(submitting, submit)
    return submitting


def _for(facts: Facts, work: Callable[..., Any]) -> Callable[..., Any]:
    held = ref(facts)

    @wraps(work, updated=())
    def working(*args: Any, **options: Any) -> Any:
        thread = threading.current_thread().__dict__
        thread[_REQUEST] = held
        try:
            return work(*args, **options)
        finally:
            thread.pop(_REQUEST, None)

    return working


def _is_for_all(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    return getattr(target, "__module__", "") == _POOLS or thread.name.startswith("wsgi_guard-")
