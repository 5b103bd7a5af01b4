"""Where hidden exceptions are found: log records, and the frameworks that answer their own exceptions.

A framework is touched only when its module is loaded already, once per process, however many guards there are. Each
adapter only notes an exception on the request that runs; it changes nothing for the framework or the app.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from wsgi_guard.wrapped import put_around

from . import theirs
from .seen import note_here

_MARK = "_wsgi_guard_notes"
_connected: dict[str, ModuleType] = {}
_records_watched = False


def connect() -> None:
    """Attaches to what is loaded and not attached yet; a module that is half imported is left for the next call."""
    watch_records()
    for name, attach in _ADAPTERS.items():
        module = sys.modules.get(name)
        if module is None or _connected.get(name) is module:
            continue
        try:
            attach(module)
        except (AttributeError, ImportError):
            continue
        _connected[name] = module


def watch_records() -> None:
    """Chains a log record factory, which sees the records of all loggers, also of those that do not propagate."""
    global _records_watched
    if _records_watched:
        return
    _records_watched = True
    make = logging.getLogRecordFactory()

    def watched(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        if record.exc_info and record.levelno >= logging.ERROR:
            _note_record(record)
        return record

    put_around(watched, make)
    logging.setLogRecordFactory(watched)


def _note_record(record: logging.LogRecord) -> None:
    info = record.exc_info
    if isinstance(info, tuple) and not f"{record.name}.".startswith("wsgi_guard."):
        entry = note_here(info[1])
        if entry is not None and record.levelno >= logging.CRITICAL:
            entry.severity = "CRITICAL"


def _flask(module: Any) -> None:
    module.got_request_exception.connect(_flask_raised, weak=False)


def _flask_raised(sender: object, exception: object = None, **_: object) -> None:
    note_here(exception, raised=True)


def _flask_handlers(module: Any) -> None:
    """Flask asks here for the app's own error handler first, and sends no signal when there is one."""
    _note_argument(module.Flask, "handle_user_exception", meant=_meant_by_view)


def _meant_by_view(error: object) -> bool:
    """True for the werkzeug exceptions that stand for an answer, as abort(404) does; a 500 is nobody's wish."""
    return getattr(error, "code", 500) != 500 and any(kind.__name__ == "HTTPException" for kind in type(error).__mro__)


def _django(module: Any) -> None:
    module.got_request_exception.connect(_django_raised, weak=False, dispatch_uid=_MARK)


def _django_raised(**_: object) -> None:
    note_here(sys.exc_info()[1], raised=True)


def _django_middleware(module: Any) -> None:
    """Django asks here the middlewares of the app first, and sends no signal when one of them answers."""
    _note_argument(module.BaseHandler, "process_exception_by_middleware")


def _falcon(module: Any) -> None:
    """Falcon hands every exception to this method first; which ones it answers as an error only the status tells."""
    _note_argument(module.App, "_handle_exception", meant=_meant_by_app)


def _note_argument(owner: Any, method: str, *, meant: Callable[[object], bool] = lambda error: False) -> None:
    """Notes the exceptions that `method` is given, wherever it takes them: errors, if the answer is a 5xx."""
    handle = getattr(owner, method)
    if hasattr(handle, _MARK):
        return

    @wraps(handle)
    def noting(*args: Any, **options: Any) -> Any:
        given = [one for one in (*args, *options.values()) if isinstance(one, BaseException)]
        if given and not meant(given[0]):
            note_here(given[0], soft=True, raised=True)
        return handle(*args, **options)

    setattr(noting, _MARK, True)
    setattr(owner, method, noting)


def _meant_by_app(error: object) -> bool:
    """True for the falcon exceptions that stand for an ordinary answer: a redirect, a 404."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "HTTPStatus" in kinds:
        return True
    return "HTTPError" in kinds and str(getattr(error, "status", ""))[:1] in ("3", "4")


def _bottle(module: Any) -> None:
    """Bottle makes an HTTPError of every exception it answers, out of a view or out of a generator's first step."""
    make = module.HTTPError.__init__
    if hasattr(make, _MARK):
        return

    @wraps(make)
    def noting(error: Any, /, *args: Any, **options: Any) -> None:
        make(error, *args, **options)
        note_here(getattr(error, "exception", None), soft=True, raised=True)

    setattr(noting, _MARK, True)
    module.HTTPError.__init__ = noting


def _pyramid(module: Any) -> None:
    """Pyramid asks for an exception view with every exception that leaves a view, redirects and 404s included."""
    invoke = module.ViewMethodsMixin.invoke_exception_view
    if hasattr(invoke, _MARK):
        return

    @wraps(invoke)
    def noting(asked: Any, /, *args: Any, **options: Any) -> Any:
        # It takes a `request` of its own by name, so ours may not be called so.
        error = ((args[0] if args else options.get("exc_info")) or sys.exc_info())[1]
        if getattr(error, "status_int", 500) >= 500:
            note_here(error, soft=True, raised=True)
        return invoke(asked, *args, **options)

    setattr(noting, _MARK, True)
    module.ViewMethodsMixin.invoke_exception_view = noting


_ADAPTERS: dict[str, Callable[[Any], None]] = {
    "flask": _flask,
    "flask.app": _flask_handlers,
    "django.core.signals": _django,
    "django.core.handlers.base": _django_middleware,
    "falcon.app": _falcon,
    "bottle": _bottle,
    "pyramid.view": _pyramid,
    "sentry_sdk": theirs.attach,
}
