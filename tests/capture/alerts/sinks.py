"""Everything that leaves a guard, in one text, and what of a secret is in it."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote

from tests.capture.ingest import Receiver
from tests.support.calling import request, serve
from wsgi_guard.guard import Guard
from wsgi_guard.observe.logs import JsonFormatter, TextFormatter

from .receivers import Hook, Mail

TOKEN = "0123456789abcdef"


def based(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Sinks(logging.Handler):
    """Everything that leaves: log lines of three formats at once, the others when they are asked for."""

    def __init__(self, guard: Guard, mail: Mail, hook: Hook, slack: Hook, ingest: Receiver) -> None:
        super().__init__()
        self.guard, self.mail, self.hook, self.slack, self.ingest = guard, mail, hook, slack, ingest
        self.formatters = (JsonFormatter(), TextFormatter(), logging.Formatter("%(name)s %(message)s"))
        self.lines: list[str] = []
        self.secrets: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [formatter.format(record) for formatter in self.formatters]

    def page(self, path: str) -> str:
        asked = serve(self.guard, request(path, HTTP_AUTHORIZATION=f"Bearer {TOKEN}"))
        assert asked.code == 200
        return asked.body.decode()

    def now(self, *pages: str) -> str:
        """Log and pages, the log emptied."""
        lines, self.lines = self.lines, []
        return "\n".join([*lines, *map(self.page, pages)])

    def delivered(self) -> str:
        """What mail, webhooks and Sentry have taken."""
        letters = [str(letter) + str(letter.get_content()) for _, letter, _ in self.mail.inbox.now()]
        taken = [*self.hook.inbox.now(), *self.slack.inbox.now()]
        posts = [str(headers) + body.decode() for headers, _, body in taken]
        return "\n".join([*letters, *posts, self.ingest.raw.decode()])


def forms(secret: str) -> list[str]:
    """As it is, encoded, and every eight characters of it: what survives in part has survived."""
    parts = [secret[at : at + 8] for at in range(len(secret) - 7)]
    return [*parts, quote(secret, safe=""), based(secret)[:-4], json.dumps(secret)[1:-1]]


def leaked(secret: str, text: str) -> list[str]:
    return [form for form in forms(secret) if form in text]
