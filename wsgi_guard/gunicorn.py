"""gunicorn hooks that guard an app without a change in it.

Either `gunicorn -c python:wsgi_guard.gunicorn shop:app`, which first loads a `./gunicorn.conf.py`, or as the last line
of a configuration file `from wsgi_guard.gunicorn import install; install(globals())`. Hooks that are there already are
called first.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Callable, MutableMapping
from types import FrameType
from typing import Any

from .errors import ConfigurationError, GuardError
from .guard import Guard
from .host import HOST
from .settings import Settings, load

# Worker classes that call the app in another way than WSGI, by a part of their dotted name.
NOT_WSGI = ("asgi", "uvicorn", "aiohttp", "hypercorn", "daphne", "sanic")
CONFIGURATION_FILE = "gunicorn.conf.py"
HOOKS = ("on_starting", "on_reload", "when_ready", "post_worker_init", "on_exit")

Hook = Callable[..., None]


class Hooks:
    """The guard's hooks for one configuration; `settings` as `Guard` takes them."""

    def __init__(self, settings: Any = None) -> None:
        self._settings = settings

    def on_starting(self, server: Any) -> None:
        self._prepare(server)
        _forget_this_module()

    def on_reload(self, server: Any) -> None:
        self._prepare(server)
        _forget_this_module()

    def when_ready(self, server: Any) -> None:
        verify(server.cfg)
        settings = load_or_stop(self._settings)
        if settings.guard.drain > 0:
            arrange_drain(server, settings.guard.drain)

    def post_worker_init(self, worker: Any) -> None:
        verify(worker.cfg)
        if not isinstance(worker.wsgi, Guard):
            try:
                worker.wsgi = Guard(worker.wsgi, self._settings)
            except ConfigurationError as error:
                worker.log.error("%s", error)
                raise
            worker.log.info("worker %s runs %r", worker.pid, worker.wsgi)
        worker.wsgi.begin()
        worker.wsgi.warm(at_once(worker.cfg))

    def on_exit(self, server: Any) -> None:
        try:
            say_last_words(self._settings)
        except Exception as error:
            server.log.error("wsgi_guard: the last alerts could not be sent: %s", type(error).__name__)

    def _prepare(self, server: Any) -> None:
        verify(server.cfg)
        refuse_worker_class(server.cfg.worker_class)
        settings = load_or_stop(self._settings)
        HOST.prepare(server.cfg.workers)
        share_metrics(server)
        share_limits(server, settings)
        keep_schemas(server, settings)
        open_door(server, settings.admin.listen)


def install(namespace: MutableMapping[str, Any], settings: Any = None) -> None:
    """Puts the guard's hooks into a gunicorn configuration's `globals()`, chained behind what stands there."""
    hooks = Hooks(settings)
    if _is_read_by_gunicorn():
        from .observe.multiprocess import arrange

        arrange()
    for name in HOOKS:
        theirs = namespace.get(name)
        if not getattr(theirs, "wsgi_guard", False):
            namespace[name] = chained(getattr(hooks, name), theirs)


def chained(ours: Hook, theirs: Hook | None) -> Hook:
    def hook(server: Any) -> None:
        if theirs is not None:
            theirs(server)
        ours(server)

    hook.wsgi_guard = True  # type: ignore[attr-defined]
    return hook


def verify(cfg: Any) -> None:
    """Stops the start when a hook was lost: silence would mean an app without its guard."""
    lost = [
        name
        for name in HOOKS
        if not getattr(getattr(cfg, name), "wsgi_guard", False)
    ]
    if lost:
        raise RuntimeError(
            f"wsgi_guard: the hook(s) {', '.join(lost)} were overwritten after install(globals()); "
            "make that call the last line of the gunicorn configuration"
        )


def at_once(cfg: Any) -> int:
    """How many requests of one worker are likely to need a connection at the same time."""
    greenlets = any(word in cfg.worker_class.__module__ for word in ("gevent", "eventlet"))
    threads: int = cfg.threads
    return min(max(threads, 4 if greenlets else 1), 16)


def refuse_worker_class(worker_class: type) -> None:
    name = f"{worker_class.__module__}.{worker_class.__qualname__}"
    if any(word in name.lower() for word in NOT_WSGI):
        raise RuntimeError(f"wsgi_guard: worker class {name!r} does not speak WSGI, which is all that can be guarded")


def load_or_stop(settings: Any) -> Settings:
    """The settings; wrong ones become the RuntimeError that gunicorn prints before it exits with 1."""
    try:
        return load(settings)
    except GuardError as error:
        raise RuntimeError(str(error)) from None


def share_limits(server: Any, settings: Settings) -> None:
    """Makes the table in which all workers count, unless the settings name another store; says which it is, and why."""
    where, workers = settings.rate_limit.store.reveal(), server.cfg.workers
    if where in ("auto", "shared"):
        from .stores.shared import SharedTable

        # Kept over a reload: its workers go on counting where those before them were.
        try:
            HOST.table = HOST.table or SharedTable.create(settings.rate_limit.max_keys)
        except GuardError as error:
            raise RuntimeError(str(error)) from None
        reason = "no Redis URL is known" if where == "auto" else "rate_limit.store says so"
        server.log.info("wsgi_guard: rate limits are counted in memory that %d worker(s) share: %s", workers, reason)
    elif where == "memory" and workers > 1:
        server.log.warning(
            "wsgi_guard counts rate limits in each of the %d workers by itself, so clients have %d times the limit; "
            "set rate_limit.store to auto or shared, or to a redis URL",
            workers, workers,
        )  # fmt: skip


def keep_schemas(server: Any, settings: Settings) -> None:
    """Holds the schema files while they are right, for workers that find others: no HUP and no crash ends the service.

    At the first start there are none to go on with, so a worker says what is wrong, and the start stops.
    """
    section, layers = settings.validation, settings.guard.layers
    if section.schemas is None or (layers is not None and "validation" not in layers):
        return
    from .validation.loaded import FELL_BACK, proven

    try:
        HOST.schemas = proven(section, settings.folder)
    except GuardError as error:
        if HOST.schemas is not None:
            problems = error.problems if isinstance(error, ConfigurationError) else (str(error),)
            server.log.error("wsgi_guard: " + FELL_BACK.format(problems="; ".join(problems)))


def share_metrics(server: Any) -> None:
    """Lets the workers write the app's metrics."""
    from .observe.multiprocess import hand_over

    hand_over(server.cfg.uid, server.cfg.gid)


def open_door(server: Any, address: str | None) -> None:
    """Binds the address of admin.listen. One that is taken stops the start; a running master goes on and says so."""
    try:
        HOST.listen(address)
    except OSError as error:
        reason = f"wsgi_guard: admin.listen: {address} cannot be had: {os.strerror(error.errno or 0)}"
        # At a reload, or while a new master takes over from an old one (USR2), the workers try by themselves.
        if not server.WORKERS and not getattr(server, "master_pid", 0):
            raise RuntimeError(reason) from None
        server.log.error("%s; the workers go on trying", reason)


def say_last_words(settings: Any) -> None:
    """Alerts of what the workers counted or had under way: in the master, when all of them have ended."""
    from .observe.logs import ensure_output
    from .stack import Build

    pages = HOST.errors.rows(-1) if HOST.errors is not None else []
    if not pages:
        return
    made = Build(load(settings))
    if not made.alerting:
        return
    ensure_output(made.settings.log)
    desk = made.desk(made.place(), made.capture())
    if desk is not None:
        desk.close_last(pages)


def arrange_drain(server: Any, delay: float) -> None:
    """SIGTERM in the master first turns /readyz to 503, and after `delay` seconds starts gunicorn's own stop."""
    if not hasattr(getattr(server, "SIG_QUEUE", None), "put_nowait"):
        server.log.warning("wsgi_guard cannot drain under this gunicorn: its signal queue is not where it was")
        return
    master = os.getpid()

    def term(signum: int, frame: Any) -> None:
        if os.getpid() != master or HOST.draining():
            server.SIG_QUEUE.put_nowait(signum)
            return
        HOST.drain()
        timer = threading.Timer(delay, server.SIG_QUEUE.put_nowait, (signal.SIGTERM,))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, term)


def _forget_this_module() -> None:
    # gunicorn reads `python:` configurations through the import cache; forgotten, a HUP reads ./gunicorn.conf.py anew.
    sys.modules.pop("wsgi_guard.gunicorn", None)


def _is_the_configuration() -> bool:
    """Whether gunicorn itself is importing this module as its configuration, and not a configuration file of it."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "__config__":
            return False
        if frame.f_code.co_name == "get_config_from_module_name":
            return True
        frame = frame.f_back
    return False


def _is_read_by_gunicorn() -> bool:
    """Whether gunicorn is reading its configuration, whichever file asks: only then do metrics become shared."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "gunicorn.app.base":
            return True
        frame = frame.f_back
    return False


def _load_neighbour(namespace: MutableMapping[str, Any]) -> None:
    """Takes over the names of a `./gunicorn.conf.py`, which gunicorn would have read without the flag."""
    spec = importlib.util.spec_from_file_location("__config__", os.path.abspath(CONFIGURATION_FILE))
    if not os.path.exists(CONFIGURATION_FILE) or spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    namespace.update({name: value for name, value in vars(module).items() if not name.startswith("_")})


if _is_the_configuration():
    _load_neighbour(globals())
    install(globals())
