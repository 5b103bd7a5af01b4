"""A secret that a client sends is in nothing that leaves the process, wherever it was planted, however it is told."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.calling import Server, request, serve
from wsgi_guard import capture_error

from .making import desk_of
from .sinks import Sinks, based, leaked

BOUNDARY = "xx-of-the-form-xx"


def form(secret: str) -> dict[str, Any]:
    return {"body": urlencode({"name": "bob", "password": secret}), "CONTENT_TYPE": "application/x-www-form-urlencoded"}


def document(secret: str) -> dict[str, Any]:
    return {"body": json.dumps({"a": [{"api_key": secret}]}), "CONTENT_TYPE": "application/json"}


def multipart(secret: str) -> dict[str, Any]:
    field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="password"\r\n\r\n{secret}\r\n--{BOUNDARY}--\r\n'
    return {"body": field, "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}"}


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "bearer": lambda secret: {"HTTP_AUTHORIZATION": f"Bearer {secret}"},
    "basic": lambda secret: {"HTTP_AUTHORIZATION": f"Basic {based(f'bob:{secret}')}"},
    "proxy": lambda secret: {"HTTP_PROXY_AUTHORIZATION": f"Digest {secret}"},
    "header": lambda secret: {"HTTP_X_API_KEY": secret},
    "cookie": lambda secret: {"HTTP_COOKIE": f"theme=dark; sid={secret}"},
    "encoded cookie": lambda secret: {"HTTP_COOKIE": f"remember={quote(secret, safe='')}"},
    "query": lambda secret: {"QUERY_STRING": urlencode({"page": 2, "access_token": secret})},
    "form": form,
    "json": document,
    "multipart": multipart,
}
TEXTS: dict[str, Callable[[str], str]] = {
    "bare": lambda secret: f"cannot log in with {secret}",
    "quoted": lambda secret: f"bad value {secret!r}",
    "url": lambda secret: f"GET https://api.example/users?q={quote(secret, safe='')} failed",
    "url of a database": lambda secret: f"cannot reach postgres://app:{quote(secret, safe='')}@db/shop",
    "encoded twice": lambda secret: f"token%3D{quote(secret, safe='')}",
    "base64": lambda secret: f"payload {based(secret)}",
    "base64 of more": lambda secret: f"payload {based(f'bob:{secret}:admin')}",
    "sql": lambda secret: f"syntax error at or near \"x\": LINE 1: ... VALUES ('bob', '{secret}')",
    "sql detail": lambda secret: f'duplicate key value\nDETAIL:  Key (email)=({secret}) already exists.',
    "json": lambda secret: json.dumps({"input": [secret]}),
}


def error_of(number: int, text: str, *, sql: bool) -> Exception:
    """Each of a type of its own, so that each is a cause of its own and has a message."""
    kind = psycopg.errors.UniqueViolation if sql else ValueError
    return type(f"Error{number}", (kind,), {})(text)  # type: ignore[no-any-return]


def direct(error: Exception) -> None:
    raise error


def cause(error: Exception) -> None:
    raise type(error)("see below") from error


def context(error: Exception) -> None:
    try:
        raise error
    except Exception:
        raise type(error)("while handling it")  # noqa: B904  (the point: not raised from it)


def note(error: Exception) -> None:
    told = type(error)("see the note")
    told.add_note(str(error))
    raise told


def group(error: Exception) -> None:
    raise type("Several", (ExceptionGroup,), {"derive": None})("several", [error])


def logged(error: Exception) -> None:
    logging.getLogger("shop").error("failed", exc_info=error)
    raise error


def reported(error: Exception) -> None:
    capture_error(error, f"billing {error}", "CRITICAL", {"why": str(error), str(error): 1, "args": error.args})


WAYS = {one.__name__: one for one in (direct, cause, context, note, group, logged, reported)}


def ask(sinks: Sinks, place: str, way: str, error: Exception, secret: str) -> Server:
    sent = PLACES[place](secret)
    more = {"test.way": WAYS[way], "test.error": error, **sent}
    body = more.pop("body", "").encode()
    return serve(sinks.guard, request("/pay", "POST", body, **more))


def test_tables_are_whole() -> None:
    assert (len(PLACES), len(TEXTS), len(WAYS)) == (10, 10, 7)


# Of what no word, number or id is made of, so that whatever is found was leaked.
secrets = st.text("GHJKQWXYZqwxyzjk+/=!$é ", min_size=12, max_size=40).map(str.strip).filter(
    lambda text: len(text) >= 12 and len(set(text)) > 4
)  # fmt: skip


def test_no_sink_has_the_secret(sinks: Sinks) -> None:
    """Each place with each text at least once, each with a way of its own, and as many more by chance."""
    count = 0

    def plant(place: str, text: str, way: str, secret: str) -> None:
        nonlocal count
        count += 1
        ask(sinks, place, way, error_of(count, TEXTS[text](secret), sql="sql" in text), secret)
        sinks.secrets.append(secret)
        text = sinks.now("/admin/errors/stats")
        assert [text[max(0, text.index(one) - 200) : text.index(one) + 60] for one in leaked(secret, text)] == []

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from(list(PLACES)), st.sampled_from(list(TEXTS)), st.sampled_from(list(WAYS)), secrets)
    def check(place: str, text: str, way: str, secret: str) -> None:
        plant(place, text, way, secret)

    ways = list(WAYS)
    for at, place in enumerate(PLACES):
        for text in TEXTS:
            plant(place, text, ways[(at + count) % len(ways)], f"Xy{at}zz/Pl+ugh {count:03}QwErTy")
    check()
    desk_of(sinks.guard).close()
    client = sinks.guard.stack.capture.sentry._client  # type: ignore[union-attr]
    client.flush(timeout=10)
    text = sinks.delivered() + sinks.now("/metrics")
    assert len(sinks.ingest.events) > 50
    assert min(len(one.inbox.now()) for one in (sinks.mail, sinks.hook, sinks.slack)) >= 2
    assert [secret for secret in sinks.secrets if leaked(secret, text)] == []
