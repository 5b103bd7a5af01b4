"""Status line, headers in order and body of each route: guarded as bare, but for the headers a guard adds."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from .apps import ROUTES
from .servers import Running, running
from .wire import Answer, Ended

pytestmark = pytest.mark.live

ADDED = {"x-request-id", "x-error-id", "ratelimit", "ratelimit-policy"}
CLOCK = {"date"}

# Read from a body that a GET does not have, larger than a comparison needs, or different in each process.
ELSEWHERE = {"/lines", "/partly", "/endless", "/download", "/memory", "/environ"}
PATHS = sorted(set(ROUTES) - ELSEWHERE)

# Errors that come while the guard can still answer.
ANSWERED = {"/raises", "/raises-after-start", "/raises-at-first-chunk"}
# These send the headers of both heads when an app changes its mind; the guard has only one to send.
BOTH_HEADS = {"gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "gunicorn-preload", "cheroot"}
FIRST_HEAD = (("Content-Type", "text/plain"), ("X-First", "yes"))
# uWSGI's start_response takes no keyword, sends a head before the app has returned, and raises whenever it is given
# `exc_info`; inside the guard the same app is answered as PEP 3333 has it.
BETTER = {("uwsgi", "/keyword-exc-info"), ("uwsgi", "/raises-after-start"), ("uwsgi", "/second-thoughts")}


def without(answer: Answer, names: set[str]) -> Answer:
    return replace(answer, headers=tuple(field for field in answer.headers if field[0].lower() not in names))


def ask(site: Running, method: str, path: str) -> Answer | str:
    """The answer without what changes from one to the next; a word when the server hung up instead."""
    try:
        answer = site.ask(method, path)
    except Ended as ended:
        return f"hung up after {ended.args[0]!r}"
    return without(answer, CLOCK)


def expected(sites: dict[str, Running], server: str, method: str, path: str) -> Answer | str:
    """The bare app's answer, less what is the server's mistake."""
    bare = ask(sites["bare"], method, path)
    if path == "/second-thoughts" and server in BOTH_HEADS:
        assert isinstance(bare, Answer)
        at = bare.headers.index(FIRST_HEAD[0])
        assert bare.headers[at : at + 2] == FIRST_HEAD
        return replace(bare, headers=bare.headers[:at] + bare.headers[at + 2 :])
    return bare


def test_table_of_routes_is_whole() -> None:
    assert len(PATHS) == 38
    assert set(ROUTES) >= ELSEWHERE | ANSWERED


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", PATHS)
def test_thin_guard_adds_one_header(sites: dict[str, Running], server: str, method: str, path: str) -> None:
    if (server, path) in BETTER:
        return
    bare, guarded = expected(sites, server, method, path), ask(sites["thin"], method, path)
    if isinstance(bare, str) or isinstance(guarded, str):
        assert guarded == bare
        return
    assert without(guarded, ADDED) == bare
    added = sorted(name.lower() for name, _ in guarded.headers if name.lower() in ADDED)
    if path == "/second-thoughts":
        assert added == ["x-error-id", "x-request-id"]
    elif path != "/starts-twice":
        # Where the app's error goes to the server, so does the choice of headers.
        assert added == ["x-request-id"] or (added == [] and bare.status == 500)


@pytest.mark.parametrize("path", sorted(set(PATHS) - ANSWERED - {"/starts-twice"}))
def test_full_guard_changes_no_answer(sites: dict[str, Running], server: str, path: str) -> None:
    if (server, path) in BETTER:
        return
    bare, guarded = expected(sites, server, "GET", path), ask(sites["full"], "GET", path)
    assert isinstance(bare, Answer)
    assert isinstance(guarded, Answer)
    assert without(guarded, ADDED) == bare
    assert [len(guarded.all(name)) for name in ("X-Request-ID", "X-Error-ID")] == [1, int(path == "/second-thoughts")]


@pytest.mark.parametrize(
    ("path", "line", "body"),
    [("/keyword-exc-info", "HTTP/1.1 200 OK", b"hello"), ("/second-thoughts", "HTTP/1.1 503 Sorry", b"sorry")],
)
def test_guard_on_uwsgi_answers_by_the_book(guard: str, path: str, line: str, body: bytes) -> None:
    with running("uwsgi", f"tests.live.guarded:{guard}") as site:
        answer = site.get(path)
    assert (answer.line, answer.body, answer.whole) == (line, body, True)


@pytest.mark.parametrize("path", sorted(ANSWERED))
def test_full_guard_answers_errors(sites: dict[str, Running], path: str) -> None:
    answer = sites["full"].get(path)
    document = json.loads(answer.body)
    assert (answer.status, document["status"]) == (500, 500)
    assert answer.all("Content-Type") == ["application/problem+json"]
    assert answer.all("Content-Length") == [str(len(answer.body))]
    assert answer.get("X-First") is None
    assert answer.all("X-Error-ID") == [document["error_id"]]
    assert answer.all("X-Request-ID") == [document["request_id"]]
    assert b"purpose" not in answer.body
    sites["full"].wait_log(document["error_id"])


@pytest.mark.parametrize("path", ["/raises-between-chunks", "/raises-at-the-end", "/raises-in-close"])
def test_late_error_is_in_the_log(sites: dict[str, Running], path: str) -> None:
    answer = sites["full"].get(path)
    assert answer.status == 200
    (request_id,) = answer.all("X-Request-ID")
    # A JSON line, or an ordinary one where the server has set up logging before us.
    sites["full"].wait_log(rf'"request_id": ?"{request_id}"|\[GET {path}\] error_id=')


def test_environ_differs_in_own_keys_only(sites: dict[str, Running], guard: str) -> None:
    bare, guarded = (json.loads(sites[name].get("/environ").body) for name in ("bare", guard))
    own = {key for key in guarded if key.startswith("wsgi_guard.")}
    assert {"wsgi_guard.request_id", "wsgi_guard.client_ip", "wsgi_guard.identity"} <= own
    assert {key: text for key, text in guarded.items() if key not in own} == bare
