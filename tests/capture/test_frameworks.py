"""Frameworks that answer their own exceptions, as in production: one event with its cause, the app's own page kept."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import bottle
import falcon
import flask
import pytest
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.test import override_settings
from django.urls import path
from flask import Flask

from tests.support.django_settings import configure_django
from wsgi_guard.errors import Outage, Refused
from wsgi_guard.facts import current
from wsgi_guard.guard import Guard

from .conftest import Lines
from .support import Answer, App, call, guarded

with warnings.catch_warnings():
    # webob and pyramid import what Python 3.11 calls deprecated: cgi, pkg_resources.
    warnings.simplefilter("ignore")
    from pyramid.config import Configurator
    from pyramid.httpexceptions import exception_response
    from pyramid.response import Response

PAGE = "our own page"


class Broken(Exception):
    """What the views raise."""


class Gone(Exception):
    """What a driver raises when its server is away."""


def view() -> str:
    """Each framework's view for the path it was asked for."""
    facts = current()
    assert facts is not None
    what = facts.environ["PATH_INFO"].strip("/")
    if what == "boom":
        raise Broken("token=abc123")
    if what == "chained":
        try:
            raise Broken("first")
        except Broken as error:
            raise LookupError("second") from error
    if what == "refused":
        raise Refused(403, "not yours")
    if what == "limited":
        facts.note(Refused(429, "too often", headers=(("Retry-After", "3"),)))
        raise Refused(429, "too often", headers=(("Retry-After", "3"),))
    if what == "outage":
        gone = Gone("server closed the connection")
        facts.note(Outage("pool 'main'"), gone)
        raise gone
    if what == "caught":
        facts.note(Outage("pool 'main'"), Gone("away"))
    if what == "unrelated":
        facts.note(Refused(429, "too often"))
        raise Broken("something else")
    return "fine"


WHATS = ["fine", "boom", "chained", "refused", "limited", "outage", "caught", "unrelated"]


def flask_app() -> App:
    app = Flask("shop")
    for what in WHATS:
        app.add_url_rule(f"/{what}", what, view)
    app.register_error_handler(500, lambda error: (PAGE, 500))
    return app


def django_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(view())


def django_500(request: HttpRequest) -> HttpResponse:
    return HttpResponseServerError(PAGE)


urlpatterns = [path(what, django_view) for what in WHATS]
handler500 = django_500


def django_app() -> App:
    configure_django(ROOT_URLCONF=__name__)
    sys.modules.setdefault(__name__, sys.modules[view.__module__])
    return get_wsgi_application()  # type: ignore[no-any-return]


def bottle_app() -> App:
    app = bottle.Bottle()
    for what in WHATS:
        app.route(f"/{what}", callback=view)

    def page(error: Any) -> str:
        return PAGE

    app.error(500)(page)
    return app  # type: ignore[no-any-return]


def falcon_app() -> App:
    class Shop:
        def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
            resp.text = view()

    def page(req: falcon.Request, resp: falcon.Response, ex: Exception, params: Any) -> None:
        resp.status, resp.text = falcon.HTTP_500, PAGE

    app = falcon.App()
    app.add_error_handler(Exception, page)
    for what in WHATS:
        app.add_route(f"/{what}", Shop())
    return app


def pyramid_app() -> App:
    with Configurator() as config:
        for what in WHATS:
            config.add_route(what, f"/{what}")
            config.add_view(lambda request: Response(view()), route_name=what)
        config.add_exception_view(lambda error, request: Response(PAGE, status=500), context=Exception)
        return config.make_wsgi_app()  # type: ignore[no-any-return]


MAKERS: dict[str, Callable[[], App]] = {
    "flask": flask_app, "django": django_app, "bottle": bottle_app, "falcon": falcon_app, "pyramid": pyramid_app,
}  # fmt: skip


@pytest.fixture(scope="module", params=MAKERS)
def app(request: pytest.FixtureRequest) -> App:
    return guarded(MAKERS[request.param]())


def get(app: App, what: str) -> Answer:
    return call(app, f"/{what}", **{"wsgi.errors": sys.stderr})


def test_good_answer_is_left_alone(app: App, lines: Lines) -> None:
    answer = get(app, "fine")
    assert (answer.code, answer.body, answer.error_id) == (200, b"fine", None)
    assert lines.records == []


def test_hidden_exception_is_one_event(app: App, lines: Lines) -> None:
    answer = get(app, "boom")
    [event] = lines.events
    assert (answer.code, answer.body) == (500, PAGE.encode())
    assert event["type"].endswith(".Broken")
    assert event["id"] == answer.error_id
    assert event["request"]["path"] == "/boom"
    assert "in view" in event["traceback"]
    assert "abc123" not in str(lines.records[0].__dict__)


def test_chain_is_one_event_with_its_cause(app: App, lines: Lines) -> None:
    answer = get(app, "chained")
    [event] = lines.events
    assert (answer.code, event["type"]) == (500, "LookupError")
    assert [cause["message"] for cause in event["causes"]] == ["first"]
    assert event["traceback"].index("first") < event["traceback"].index("second")


def test_refusal_is_answered_as_meant(app: App, lines: Lines) -> None:
    assert get(app, "refused").status == "403 Forbidden"
    answer = get(app, "limited")
    assert (answer.code, answer.header("Retry-After"), answer.error_id) == (429, "3", None)
    assert lines.events == []
    assert [audit["status"] for audit in lines.audits] == [403, 429]


def test_outage_is_503_and_one_event(app: App, lines: Lines) -> None:
    answer = get(app, "outage")
    [event] = lines.events
    assert (answer.code, answer.header("Retry-After")) == (503, "5")
    assert (event["type"].rpartition(".")[2], event["id"]) == ("Gone", answer.error_id)


def test_answer_of_an_app_that_coped_stands(app: App, lines: Lines) -> None:
    answer = get(app, "caught")
    assert (answer.code, answer.body, answer.error_id) == (200, b"fine", None)
    assert [event["message"] for event in lines.events] == ["away"]


def flask_handling(code: int) -> App:
    app = Flask("shop")
    app.add_url_rule("/boom", "boom", view)
    app.register_error_handler(Broken, lambda error: (PAGE, code))
    return app


class Handling:
    """A middleware of an app's own that answers what views raise."""

    code = 500

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse:
        return HttpResponse(PAGE, status=self.code)


def django_handling(code: int) -> App:
    configure_django(ROOT_URLCONF=__name__)
    Handling.code = code
    with override_settings(MIDDLEWARE=[f"{__name__}.Handling"]):
        return get_wsgi_application()  # type: ignore[no-any-return]


@pytest.mark.parametrize("make", [flask_handling, django_handling])
@pytest.mark.parametrize("code", [500, 400])
def test_exception_that_the_app_itself_answers_is_known(make: Callable[[int], App], code: int, lines: Lines) -> None:
    answer = get(guarded(make(code)), "boom")
    assert (answer.code, answer.body) == (code, PAGE.encode())
    assert [event["type"].rpartition(".")[2] for event in lines.events] == ["Broken"] * (code == 500)
    assert [event["id"] for event in lines.events] == [answer.error_id] * (code == 500)


def test_500_that_a_flask_view_aborts_with_has_its_place(lines: Lines) -> None:
    call(guarded(flask_abort(500)))
    [event] = lines.events
    assert event["type"].endswith("InternalServerError")
    assert "flask.abort(code)" in event["traceback"]


def test_event_tells_the_route_of_the_framework(app: App, lines: Lines) -> None:
    get(app, "boom")
    assert [event["request"]["route"] for event in lines.events] == ["/boom"]


def test_unrelated_error_keeps_its_500(app: App, lines: Lines) -> None:
    answer = get(app, "unrelated")
    [event] = lines.events
    assert (answer.code, answer.body) == (500, PAGE.encode())
    assert event["message"] == "something else"


def test_adapters_attach_only_once(app: App, lines: Lines) -> None:
    before = (logging.getLogRecordFactory(), falcon.App._handle_exception, bottle.HTTPError.__init__)
    again = guarded(app)
    get(again, "boom")
    assert (logging.getLogRecordFactory(), falcon.App._handle_exception, bottle.HTTPError.__init__) == before
    assert len(lines.events) == 1


def flask_abort(code: int) -> App:
    app = Flask("shop")
    app.add_url_rule("/", "view", lambda: flask.abort(code))
    return app


def bottle_abort(code: int) -> App:
    app = bottle.Bottle()
    app.route("/", callback=lambda: bottle.abort(code, "so"))
    return app  # type: ignore[no-any-return]


def falcon_abort(code: int) -> App:
    class Shop:
        def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
            raise falcon.HTTPError(code)

    app = falcon.App()
    app.add_route("/", Shop())
    return app


def pyramid_abort(code: int) -> App:
    def fail(request: Any) -> None:
        raise exception_response(code)

    with Configurator() as config:
        config.add_route("view", "/")
        config.add_view(fail, route_name="view")
        return config.make_wsgi_app()  # type: ignore[no-any-return]


ABORTING = [flask_abort, bottle_abort, falcon_abort, pyramid_abort]


@pytest.mark.parametrize("make", ABORTING)
def test_404_that_a_framework_raises_is_no_event(make: Callable[[int], App], lines: Lines) -> None:
    answer = call(guarded(make(404)))
    assert (answer.code, answer.error_id, lines.records) == (404, None, [])


@pytest.mark.parametrize("make", ABORTING)
def test_503_that_a_framework_raises_is_one_event(make: Callable[[int], App], lines: Lines) -> None:
    answer = call(guarded(make(503)))
    [event] = lines.events
    assert (answer.code, answer.error_id) == (503, event["id"])


def test_bottle_generator_that_fails_at_once_is_seen(lines: Lines) -> None:
    def view() -> Iterator[bytes]:
        for number in (0,):
            yield bytes([1 // number])

    app = bottle.Bottle()
    app.route("/", callback=view)
    answer = call(guarded(app), "/", **{"wsgi.errors": sys.stderr})
    [event] = lines.events
    assert (answer.code, event["type"], answer.error_id) == (500, "ZeroDivisionError", event["id"])


def test_flask_in_debug_mode_is_one_event(lines: Lines) -> None:
    app = Flask("shop")
    app.debug = True
    app.add_url_rule("/boom", "boom", view)
    answer = call(guarded(app), "/boom")
    [event] = lines.events
    assert (answer.code, answer.error_id) == (500, event["id"])


def test_pyramid_takes_its_arguments_by_name() -> None:
    """`invoke_exception_view` has a parameter `request`, which a wrapper's own must not shadow."""
    from pyramid.request import Request
    from pyramid.view import ViewMethodsMixin

    Guard(pyramid_app(), {}).begin()
    request = Request.blank("/")
    request.registry = Configurator().registry
    with pytest.raises(ValueError, match="by name"):
        try:
            raise ValueError("by name")
        except ValueError:
            ViewMethodsMixin.invoke_exception_view(request, request=request, reraise=True)
