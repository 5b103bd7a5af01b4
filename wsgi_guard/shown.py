"""How a request stands in lines that people read: its path without secrets, and the names of what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .redact import Redactor, one_line

if TYPE_CHECKING:
    from .facts import Facts

PATH_LIMIT = 500


def shown_path(facts: Facts, redactor: Redactor) -> str:
    """The path of the request as people read it: UTF-8 where it is, without secrets and line breaks."""
    environ = facts.environ
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    text = path.encode("latin-1", "replace").decode("utf-8", "replace")
    return one_line(redactor.text(text, PATH_LIMIT))


def decision_id(facts: Facts, at: int) -> str:
    """The same for a decision in every line that tells of it."""
    return f"{facts.request_id}-{at + 1}"
