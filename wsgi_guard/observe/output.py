"""What all log lines need, started before anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgi_guard.redact import Redactor

from .binding import bind_ids
from .frameworks import connect
from .inheriting import inherit
from .logs import ensure_output
from .servers import be_discreet

if TYPE_CHECKING:
    from wsgi_guard.settings.sections import LogSection


class Output:
    """`redactor` is for what others log: what the guard itself logs has been through one."""

    name = "log"

    def __init__(self, section: LogSection, redactor: Redactor) -> None:
        self._section = section
        self._redactor = redactor

    def start(self) -> None:
        bind_ids()
        inherit()
        connect()
        be_discreet(self._redactor)
        ensure_output(self._section)
