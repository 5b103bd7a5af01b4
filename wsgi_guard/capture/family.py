"""An exception and the ones it came from or holds, as values: who is related to whom.

Nothing here prints, logs or keeps anything; every walk is bounded and survives a chain that bites its own tail.
"""

from __future__ import annotations

from typing import NamedTuple

LIMIT = 12
"""Exceptions of one chain or group that are looked at, the newest first."""


class Relative(NamedTuple):
    """`link` says how it was reached: "" the exception itself, "cause", "context" or "member" of a group."""

    error: BaseException
    link: str


def family(error: BaseException, *, suppressed: bool = False) -> list[Relative]:
    """The exception, then its causes, contexts and members; with `suppressed` also those hidden by `from None`."""
    found = [Relative(error, "")]
    known = {id(error)}
    for relative in found:
        for near in _next(relative.error, suppressed):
            if id(near.error) not in known and len(found) < LIMIT:
                known.add(id(near.error))
                found.append(near)
    return found


def _next(error: BaseException, suppressed: bool) -> list[Relative]:
    near = []
    if error.__cause__ is not None:
        near.append(Relative(error.__cause__, "cause"))
    if error.__context__ is not None and (suppressed or not error.__suppress_context__):
        near.append(Relative(error.__context__, "context"))
    if isinstance(error, BaseExceptionGroup):
        near += [Relative(member, "member") for member in error.exceptions[:LIMIT]]
    return near


def wraps(error: BaseException, other: BaseException) -> bool:
    """True when `error` was raised on purpose from `other` (`raise ... from`) or is a group that holds it.

    What was merely raised while `other` was handled does not wrap it: that is a second mistake.
    """
    found = [error]
    for link in found:
        cause = link.__cause__
        near = ([] if cause is None else [cause]) + list(getattr(link, "exceptions", ()))[:LIMIT]
        if any(relative is other for relative in near):
            return True
        found += [relative for relative in near if len(found) < LIMIT and not _holds(found, relative)]
    return False


def _holds(found: list[BaseException], error: object) -> bool:
    return not isinstance(error, BaseException) or any(known is error for known in found)


def descends(error: BaseException, other: BaseException) -> bool:
    """True when `error` is `other` or came out of it."""
    return error is other or any(relative.error is other for relative in family(error, suppressed=True))


def related(error: BaseException, other: BaseException) -> bool:
    """True when one of the two came out of the other."""
    return descends(error, other) or descends(other, error)
