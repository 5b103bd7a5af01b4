"""What a client is told: the 429, and the fields that say how much is left. Pure.

Fields are those of draft-ietf-httpapi-ratelimit-headers-10, and the X-RateLimit-* that many clients know.
"""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_guard.errors import Refused
from wsgi_guard.layer import Head, Header
from wsgi_guard.stores import State
from wsgi_guard.stores.contract import WINDOW
from wsgi_guard.stores.window import HALF, PARTS

from .decide import Standing, Verdict
from .rules import Quota

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
LEGACY = "X-RateLimit-"
TITLE = "Request cannot be satisfied as assigned quota has been exceeded"


def refusal(verdict: Verdict, headers: Sequence[Header]) -> Refused:
    """429 for the limits that are over; `headers` are the RateLimit fields, which must not promise more."""
    unit = "second" if verdict.wait == 1 else "seconds"
    return Refused(
        429,
        f"too many requests, try again in {verdict.wait} {unit}",
        type=QUOTA_EXCEEDED,
        title=TITLE,
        headers=(("Retry-After", str(verdict.wait)), *headers),
        members={"violated-policies": [quota.label for quota in verdict.denied]},
    )


def policy(quotas: Sequence[Quota]) -> str:
    """The value of RateLimit-Policy, the same in every answer of a route; "" when nothing is enforced."""
    return ", ".join(_policy(quota) for quota in quotas if quota.told)


def _policy(quota: Quota) -> str:
    if quota.lease:
        return f'"{quota.label}";q={quota.quantity};qu="concurrent-requests"'
    quantity, window = quota.offer
    return f'"{quota.label}";q={quantity};w={window}'


# A limit as `usual` reads it: how its item begins, quantity, window; None for one that answers never speak of.
Row = tuple[str, int, int] | None


def rows(quotas: Sequence[Quota]) -> tuple[Row, ...]:
    """One for each quota; none where some are no windows, or only spoken of when they are over."""
    if any(quota.enforced and (quota.algorithm != WINDOW or not quota.told) for quota in quotas):
        return ()
    return tuple((f'"{quota.label}";r=', quota.quantity, quota.window) if quota.told else None for quota in quotas)


def usual(found: Sequence[Row], states: Sequence[State]) -> str | None:
    """The value of RateLimit where all limits are windows with room left; None where that takes `standings`.

    Nearly every answer, at half the cost. There is a state for each row.
    """
    items: list[tuple[int, int, str]] = []
    for row, (fits, part, previous, current) in zip(found, states):  # noqa: B905
        if row is None:
            continue
        begin, quantity, window = row
        left = quantity - current
        if previous:
            left -= (previous * (PARTS - part) + HALF) // PARTS
        if left <= 0 or fits <= 0:
            return None
        sooner = (PARTS - part) * window // -PARTS
        items.append((left, sooner, f"{begin}{left};t={-sooner}"))
    if len(items) > 1:
        items.sort()
    return ", ".join([item for _, _, item in items])


def fields(form: str, policies: str, found: Sequence[Standing], now: float) -> list[Header]:
    """The fields in the `form` that the settings ask for, tightest limit first; `now` is a Unix time."""
    if form == "none":
        return []
    headers: list[Header] = []
    if form != "legacy":
        # No time tells when requests in flight will end.
        items = [
            f'"{label}";r={left}' if quota.lease and not sooner else f'"{label}";r={left};t={-sooner}'
            for left, sooner, label, quota in found
        ]
        headers += ("RateLimit-Policy", policies), ("RateLimit", ", ".join(items))
    if form != "ietf":
        headers += _legacy(found, now)
    return headers


def tells(head: Head) -> bool:
    """Whether the fields stand there: the answer was made from the refusal, which has them."""
    return any(str(name).lower() in ("ratelimit", "x-ratelimit-limit") for name, _ in head.headers)


def beside(head: Head, found: list[Header]) -> list[Header]:
    """Those of `found` that may stand beside what the app sends.

    RateLimit and RateLimit-Policy are lists (RFC 9651, 3.1), which may go on in another line. X-RateLimit-* are not: an
    app's own stand alone.
    """
    if not found or found[-1][0] != "X-RateLimit-Reset" or not _sends_legacy(head):
        return found
    return [field for field in found if not field[0].startswith(LEGACY)]


def _sends_legacy(head: Head) -> bool:
    # Whatever the app gives as headers is the server's to judge.
    headers: Sequence[object] = head.headers
    names = (str(header[0]) for header in headers if isinstance(header, tuple) and header)
    return any(name.lower().startswith(LEGACY.lower()) for name in names)


def _legacy(found: Sequence[Standing], now: float) -> list[Header]:
    """Of the tightest limit alone; X-RateLimit-Reset is a Unix time, as most who send it mean it."""
    left, sooner, _, quota = found[0]
    return [
        ("X-RateLimit-Limit", str(quota.offer[0])),
        ("X-RateLimit-Remaining", str(left)),
        ("X-RateLimit-Reset", str(int(now) - sooner)),
    ]
