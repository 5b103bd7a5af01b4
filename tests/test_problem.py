"""Problem documents and pages: which form, what stands in them, and that nothing the client sends breaks them."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.errors import Outage, Refused
from wsgi_guard.layer import Reply
from wsgi_guard.problem import ACCEPT_LIMIT, phrase, prefers_html, problem

ACCEPTS = [
    ("", False),
    ("*/*", False),
    ("application/json", False),
    ("text/html", True),
    ("TEXT/HTML", True),
    ("text/*", True),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", True),
    ("text/html, application/json", False),
    ("text/html;q=0.5, application/json;q=0.4", True),
    ("text/html;q=0.4, application/problem+json", False),
    ("text/html;q=0.9, */*", False),
    ("text/html;q=0", False),
    ("text/html ; level=1 ; q=1.0 , */* ; q=0.1", True),
    ("text/*;q=0.3, text/html;q=0.7, application/*;q=0.5", True),
    ("text/plain", False),
    ("text/html;q=high", False),
    ("text/html;q=-1", False),
    ("text/html;q=nan", False),
    ("text/html;q=1e300", False),
    ("text/html;q=\u0661", False),
    (",,,;;;=,text/html", True),
    ("x" * ACCEPT_LIMIT + ", text/html", False),
]


def body_of(reply: Reply) -> str:
    return reply.body.decode("utf-8")


def headers_of(reply: Reply) -> dict[str, str]:
    return {name.lower(): value for name, value in reply.headers}


def answer(refused: Refused, accept: str = "", method: str = "GET", **more: Any) -> Reply:
    environ = {"REQUEST_METHOD": method, "HTTP_ACCEPT": accept}
    return problem(environ, refused, "0" * 32, **more)


def test_accept_header_chooses_the_form() -> None:
    assert len(ACCEPTS) == 22
    assert [(accept, prefers_html(accept)) for accept, _ in ACCEPTS] == ACCEPTS


@given(st.text())
def test_no_accept_header_breaks_the_answer(accept: str) -> None:
    assert answer(Refused(400, "no"), accept).status == "400 Bad Request"


def test_long_accept_header_is_cut() -> None:
    accept = "text/html;q=0.1," * 200_000
    assert answer(Refused(400, "no"), accept).status == "400 Bad Request"


def test_document_has_the_members_of_rfc_9457() -> None:
    reply = answer(Refused(403, "not you", type="https://example.org/p", title="No", members={"a": [1]}))
    assert reply.status == "403 Forbidden"
    assert headers_of(reply)["content-type"] == "application/problem+json"
    assert json.loads(reply.body) == {
        "type": "https://example.org/p",
        "title": "No",
        "status": 403,
        "detail": "not you",
        "request_id": "0" * 32,
        "a": [1],
    }


def test_error_id_stands_in_both_forms() -> None:
    assert json.loads(answer(Refused(500, "x"), error_id="e1").body)["error_id"] == "e1"
    assert "<code>e1</code>" in body_of(answer(Refused(500, "x"), "text/html", error_id="e1"))


def test_members_cannot_replace_the_fixed_ones() -> None:
    document = json.loads(answer(Refused(400, "no", members={"status": 200, "request_id": "other"})).body)
    assert (document["status"], document["request_id"]) == (400, "0" * 32)


@pytest.mark.parametrize("value", [object(), float("nan"), {("a",): 1}], ids=["object", "nan", "tuple key"])
def test_members_that_json_cannot_hold_are_left_out(value: object) -> None:
    document = json.loads(answer(Refused(400, "no", members={"bad": value, "good": "x"})).body)
    assert document["good"] == "x"
    assert "bad" not in document


def test_member_that_holds_itself_is_left_out() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert json.loads(answer(Refused(400, "no", members={"circle": circle})).body)["status"] == 400


def test_headers_of_the_refusal_are_kept() -> None:
    reply = answer(Refused(401, "who", headers=(("WWW-Authenticate", "Bearer"), ("content-length", "7"))))
    assert headers_of(reply)["www-authenticate"] == "Bearer"
    assert headers_of(reply)["content-length"] == str(len(reply.body))
    assert [name for name, _ in answer(Refused(401, "who")).headers if name == "WWW-Authenticate"] == []


def test_answers_are_never_stored() -> None:
    assert headers_of(answer(Refused(429, "slow")))["cache-control"] == "no-store"


def test_outage_says_when_to_retry_and_not_what() -> None:
    reply = answer(Outage("pool 'main'", retry_after=7))
    assert headers_of(reply)["retry-after"] == "7"
    assert "main" not in body_of(reply)


@pytest.mark.parametrize("accept", ["", "text/html"])
def test_head_has_the_length_of_get(accept: str) -> None:
    get = answer(Refused(404, "none"), accept)
    head = answer(Refused(404, "none"), accept, method="HEAD")
    assert head.body == b""
    assert head.headers == get.headers
    assert headers_of(head)["content-length"] == str(len(get.body))


def test_environ_without_method_or_accept_is_enough() -> None:
    assert json.loads(problem({}, Refused(400, "no"), "r").body)["status"] == 400


@given(st.text(), st.text(), st.text())
def test_page_escapes_everything(title: str, detail: str, message: str) -> None:
    errors = [{"pointer": f"/<{message}", "message": message}, "no mapping"]
    page = body_of(
        answer(Refused(400, f"<script>{detail}", title=f"<b>{title}", members={"errors": errors}), "text/html")
    )
    assert "<script" not in page
    assert "<b>" not in page
    assert page.count("<") == page.count(">")
    assert page.count("<li>") == 1


def test_page_lists_what_was_wrong() -> None:
    errors = [{"pointer": f"/{number}", "message": "is a required property"} for number in range(30)]
    page = body_of(answer(Refused(400, "no", members={"errors": errors}), "text/html"))
    assert page.count("<li>") == 20
    assert "<code>/0</code> is a required property" in page


def test_page_needs_nothing_from_elsewhere() -> None:
    page = body_of(answer(Refused(400, "no", members={"errors": "x"}), "text/html"))
    assert [word for word in ("src=", "href=", "style", "<script", "http") if word in page] == []


@pytest.mark.parametrize("status", [*range(400, 452), *range(500, 512), 599])
def test_every_status_has_a_reason(status: int) -> None:
    assert answer(Refused(status, "x")).status.split(" ", 1)[1].strip()


def test_reason_phrases_are_the_registered_ones() -> None:
    # Python 3.13 took over the names of RFC 9110.
    large = "Content Too Large" if sys.version_info >= (3, 13) else "Request Entity Too Large"
    assert [phrase(code) for code in (413, 429, 499, 599)] == [
        large, "Too Many Requests", "Client Error", "Server Error",
    ]  # fmt: skip
