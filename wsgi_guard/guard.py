"""Guard: the one WSGI callable. It holds the app and the stack of layers, and nothing of any request."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError
from .exchange import Exchange
from .facts import Environ
from .process import Starts

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

    from .stack import Stack


class Guard:
    """`app` with error capture, rate limits, validation, health and a pool around it; itself a WSGI callable.

    `settings` is the path of a TOML file or a dict with the same keys; without it the environment and
    `./wsgi_guard.toml` speak. `only` names the layers to have (setting `guard.layers`). Raises ConfigurationError with
    every problem found.
    """

    def __new__(cls, app: Any, settings: Any = None, *, only: Sequence[str] | None = None) -> Guard:
        if isinstance(app, Guard) and settings is None and only is None:
            return app
        return super().__new__(cls)

    def __init__(
        self,
        app: WSGIApplication,
        settings: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        only: Sequence[str] | None = None,
    ) -> None:
        if app is self:
            return
        if isinstance(app, Guard):
            raise ConfigurationError(["the app is a Guard already, settings for a second one around it have no place"])
        if not callable(app):
            raise ConfigurationError([f"the app must be a WSGI callable, not {type(app).__name__!r}"])
        from .stack import build

        self.app: Any = app
        self.stack: Stack = build(settings, only)
        self.starts = Starts(self.stack)

    @property
    def limits(self) -> Any:
        """Rate limits by hand (see `ratelimit/control.py`); None when that layer is off."""
        return self.stack.limits

    def __repr__(self) -> str:
        names = " > ".join(layer.name for layer in self.stack.full.layers)
        return f"<Guard {names} > {getattr(self.app, '__name__', type(self.app).__name__)!r}>"

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not self.starts.done:
            self.starts.run()
        body: Iterable[bytes] = Exchange(self, environ, start_response).run()
        return body

    def begin(self) -> None:
        """Starts ahead of the first request what each process needs of its own."""
        self.starts.run()

    def warm(self, count: int) -> None:
        """Connects ahead of the first request for `count` of them at a time; takes a second at most."""
        self.stack.warm(count)
