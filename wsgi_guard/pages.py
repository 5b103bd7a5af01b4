"""Answers the admin paths with JSON: what slices tell of themselves, and what they may be told to do.

Exact paths, there only when admin is configured. Reading is open to admins, whatever changes state to the token alone.
Knows no slice: `stack.py` hands over what each path does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .admin import Admin
from .errors import Refused
from .facts import Facts
from .layer import Reply

LARGEST = 16 * 1024
"""Bytes of a command; a key and a rule fit in a hundred."""

READS = ("GET", "HEAD")


class Page(NamedTuple):
    """`answer` returns what JSON can say, or a whole Reply; it raises Refused for a command that makes no sense.

    `acts`: it is a POST.
    """

    answer: Callable[[Facts], Any]
    acts: bool = False


class Pages:
    """The layer. `pages` by exact path; made only where somebody can be an admin, else these are the app's."""

    name = "admin"

    def __init__(self, admin: Admin, pages: Mapping[str, Page]) -> None:
        self._admin = admin
        self._pages = dict(pages)

    @property
    def own_paths(self) -> frozenset[str]:
        """The exact paths that are answered here."""
        return frozenset(self._pages)

    def before(self, facts: Facts) -> Reply | None:
        page = self._pages.get(facts.environ.get("PATH_INFO", ""))
        if page is None:
            return None
        facts.own_page = True
        self._admit(facts, page)
        found = page.answer(facts)
        if isinstance(found, Reply):
            return found
        body = json.dumps(found, allow_nan=False).encode("ascii")
        headers = (
            ("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"),
        )  # fmt: skip
        if page.acts:
            facts.decide(self.name, "act", facts.environ["PATH_INFO"], "by token")
        return Reply("200 OK", headers, b"" if facts.method == "HEAD" else body)

    def _admit(self, facts: Facts, page: Page) -> None:
        allowed = ("POST",) if page.acts else READS
        enters = self._admin.may_change(facts) if page.acts else self._admin.may_read(facts)
        if not enters:
            lacking = "no valid token" if page.acts else "no valid token and no allowed address"
            facts.decide(self.name, "deny", "admin", lacking)
            challenge = ("WWW-Authenticate", self._admin.challenge(facts))
            raise Refused(401, "this path is open to admins", headers=(challenge,))
        if facts.method not in allowed:
            facts.decide(self.name, "deny", "method", "another method than the path has")
            raise Refused(405, f"this path takes {' and '.join(allowed)}", headers=(("Allow", ", ".join(allowed)),))


def command(facts: Facts) -> dict[str, Any]:
    """The JSON object that was sent. Raises Refused, 400, for anything else."""
    try:
        found = json.loads(facts.body.read(LARGEST))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "expected a JSON object as the body of the request")
    return found
