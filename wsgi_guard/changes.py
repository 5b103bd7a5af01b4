"""What health tells of a check that began to fail, or works again, in the form in which alerts want it.

`stack.py` hands a listener to the layer: `health.listen(alerts.changed)`. It is called on the thread that watches the
checks, in one process of a host, once for each change that has lasted (`failures` and `passes` of the check), and only
for root causes: a check is silent while something it needs fails. It must return soon; what it raises is logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

FAILING, RECOVERED = "failing", "recovered"


class Change(NamedTuple):
    """`state` is "failing" or "recovered"; `since` is when the failures began and `time` is now, both since the epoch.

    `cause` is a word of the guard's own or the name of an exception class, never its text; `affected` are the checks
    that depend on this one; `tier` "ready" means that instances leave the balancer because of it.
    """

    check: str
    state: str
    cause: str
    since: float
    time: float
    tier: str
    affected: tuple[str, ...] = ()


Listener = Callable[[Change], None]
