"""Checks that stand in the app's own code: `@health_check` puts a function on record, a guard built later runs it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, overload

from wsgi_guard.settings.fields import Threshold
from wsgi_guard.settings.health import CheckSection
from wsgi_guard.settings.parse import LABEL, threshold
from wsgi_guard.settings.quantities import duration

log = logging.getLogger("wsgi_guard.health")

F = TypeVar("F", bound=Callable[[], Any])


class Registered(NamedTuple):
    """`given` is what settings would have said; `function` is called without arguments."""

    given: CheckSection
    function: Callable[[], Any]


KEYS = ("tier", "needs", "timeout", "interval", "warn", "fail", "failures", "passes")

_registered: dict[str, Registered] = {}
# Set once a guard has taken what is on record.
_built = threading.Event()


@overload
def health_check(name: F, /) -> F: ...
@overload
def health_check(
    name: str | None = None,
    /,
    *,
    tier: str = "info",
    needs: str | Sequence[str] = (),
    timeout: float | str = 5.0,
    interval: float | str | None = None,
    warn: str | Sequence[str] = (),
    fail: str | Sequence[str] = (),
    failures: int = 2,
    passes: int = 2,
) -> Callable[[F], F]: ...
def health_check(name: Any = None, /, **keys: Any) -> Any:
    """A function that is a check of every guard built after it, under `name` or its own name.

    It returns True or None to pass, False to fail, or a mapping with "status" and values observed; what it raises fails
    it. The other arguments mean what they mean in `[health.checks.<name>]`. Raises ValueError for what cannot be. The
    function itself stays as it is.
    """
    if callable(name):
        return health_check()(name)

    def register(function: F) -> F:
        called = name or function.__name__
        if not LABEL.fullmatch(called):
            raise ValueError(f"{called!r} cannot be the name of a check: letters, digits, '_' and '-', 64 at most")
        place = f"{function.__module__}:{function.__qualname__}"
        other = _registered.get(called)
        if other is not None and other.given.type != place:
            raise ValueError(f"there is a check {called!r} already, of {other.given.type}")
        if _built.is_set() and called not in _registered:
            log.warning("check %r is declared after a guard was built: only guards that are built later run it", called)
        _registered[called] = Registered(_section(place, **keys), function)
        return function

    return register


def registered() -> Mapping[str, Registered]:
    """All checks on record now."""
    return MappingProxyType(dict(_registered))


def built() -> None:
    """A guard has taken what is on record, and what comes from now on comes too late for it."""
    _built.set()


def _section(place: str, **keys: Any) -> CheckSection:
    unknown = keys.keys() - KEYS
    if unknown:
        raise ValueError(f"health_check() takes no {', '.join(map(repr, sorted(unknown)))}, only {', '.join(KEYS)}")
    if keys.get("tier", "info") not in ("ready", "info"):
        raise ValueError(f"expected tier 'ready' or 'info', not {keys['tier']!r}")
    for key, least in (("timeout", 0.001), ("interval", 0.1)):
        if keys.get(key) is not None:
            keys[key] = duration(keys[key], least, 31 * 86400)
    for key in ("warn", "fail"):
        keys[key] = _thresholds(keys.get(key, ()))
    needs = keys.get("needs", ())
    keys["needs"] = (needs,) if isinstance(needs, str) else tuple(needs)
    return CheckSection(type=place, **keys)


def _thresholds(texts: str | Sequence[str]) -> tuple[Threshold, ...]:
    return tuple(threshold(text) for text in ([texts] if isinstance(texts, str) else texts))
