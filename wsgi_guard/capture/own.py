"""What the settings say of categories, in the form in which events want it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings import resolve_target
from wsgi_guard.settings.sections import CaptureSection

from .categories import Own
from .lines import log_failure


def own_of(section: CaptureSection) -> tuple[Own, ...]:
    """What the settings say of categories. Their names of errno are proved by then."""
    return tuple(
        Own(
            name, frozenset(one.types), one.sqlstates, frozenset(getattr(errno, word) for word in one.errnos),
            one.severity,
        )
        for name, one in section.categories.items()
    )  # fmt: skip


def function_of(section: CaptureSection) -> Callable[[BaseException], Any] | None:
    """What `capture.categorize` names, made safe; raises ConfigurationError when it is not there."""
    target = section.categorize
    if target is None:
        return None
    try:
        function = resolve_target(target)
    except ValueError as error:
        raise ConfigurationError([f"capture.categorize: {error}"]) from None

    def asked(error: BaseException) -> Any:
        try:
            return function(error)
        except Exception as failure:
            # The event is worth more than its category.
            log_failure("asking capture.categorize", failure)
            return None

    return asked
