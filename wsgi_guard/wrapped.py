"""What the guard has put around functions of others, told apart from what the user has put there."""

from __future__ import annotations

from typing import Any

_OURS = "_wsgi_guard_around"


def put_around(ours: Any, theirs: Any) -> None:
    """Notes that `ours` calls `theirs` and changes nothing that the guard would not do itself."""
    # With itself: who wraps `ours` may copy its attributes.
    setattr(ours, _OURS, (ours, theirs))


def is_around(made: Any) -> bool:
    """Whether `made` is a function of the guard's, or a wrapper of one."""
    return hasattr(made, _OURS)


def within(made: Any) -> Any:
    """What is left of `made` without what the guard has put around it."""
    while getattr(made, _OURS, (None, None))[0] is made:
        made = getattr(made, _OURS)[1]
    return made
