"""What all log lines need, started before anything else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.redact import Redactor

from .binding import bind_ids
from .frameworks import connect
from .inheriting import inherit
from .logs import ensure_output
from .servers import be_discreet

if TYPE_CHECKING:
    from wsgi_guard.settings.sections import LogSection


class Output:
    """`redactor` is for what others log: what the guard itself logs has been through one.

    Raises ConfigurationError for a file in a folder that is not there.
    """

    name = "log"

    def __init__(self, section: LogSection, redactor: Redactor) -> None:
        folder = os.path.dirname(os.path.abspath(section.file)) if section.file else None
        if folder is not None and not os.path.isdir(folder):
            raise ConfigurationError([f"log.file: there is no folder {folder!r}"])
        self._section = section
        self._redactor = redactor

    def start(self) -> None:
        bind_ids()
        inherit()
        connect()
        be_discreet(self._redactor)
        ensure_output(self._section)
