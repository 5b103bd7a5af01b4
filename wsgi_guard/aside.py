"""The guard's own paths without an app behind them: what `admin.listen` serves."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import TYPE_CHECKING, Any

from .errors import Refused
from .exchange import Exchange
from .facts import Environ

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

    from .stack import Stack


class Aside:
    """A WSGI callable that leaves through the same door as a guard; all that no layer answers is a 404."""

    def __init__(self, stack: Stack) -> None:
        self.stack = copy(stack)
        self.stack.full = stack.aside

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body: Iterable[bytes] = Exchange(self, environ, start_response).run()
        return body

    def app(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        raise Refused(404, "the guard has no such page")
