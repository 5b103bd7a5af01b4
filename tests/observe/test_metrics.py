"""What is counted of requests, under which names, and for whom."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from hypothesis import given
from hypothesis import strategies as st

from tests.support.calling import App, request, serve
from tests.support.django_settings import configure_django
from tests.test_guard_process import forked
from wsgi_guard import Guard, capture_error
from wsgi_guard.cells import Cells
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.host import HOST
from wsgi_guard.observe.exposition import merged
from wsgi_guard.observe.gathering import Gathering
from wsgi_guard.observe.metrics import Metrics
from wsgi_guard.series import COUNTER, GAUGE, HISTOGRAM, MOST, ONE, Buckets, Series

from .asking import ADMIN, OPEN, endpoints, metrics_of, total

# Requests in flight come first, whatever else is gathered.
FLYING = 1


def hello(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def guarded(app: App = hello, **tables: Any) -> Guard:
    return Guard(app, {**ADMIN, "log": {"access": False}, **tables})


def test_requests_are_counted_with_time_and_sizes() -> None:
    guard = guarded()
    for _ in range(3):
        serve(guard, request("/x", "POST", b"abc"))
    found = metrics_of(guard)
    labels = {"method": "POST", "endpoint": "(unmatched)"}
    assert total(found, "http_requests_total", status="200", **labels) == 3
    assert total(found, "http_request_duration_seconds_count", **labels) == 3
    assert 0 < total(found, "http_request_duration_seconds_sum", **labels) < 3
    assert total(found, "http_request_size_bytes_sum", **labels) == 9
    assert total(found, "http_response_size_bytes_sum", **labels) == 15
    assert total(found, "http_requests_in_progress") == 1
    assert total(found, "wsgi_guard_build_info") == 1
    assert total(metrics_of(guard), "http_requests_total", endpoint="/metrics", status="200") == 1


def test_durations_end_with_the_last_byte() -> None:
    def slowly(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a"
        assert total(metrics_of(guard), "http_requests_in_progress") == 2
        yield b"b"

    guard = guarded(slowly)
    serve(guard)
    assert total(metrics_of(guard), "http_request_duration_seconds_count", method="GET", endpoint="(unmatched)") == 1


def test_openmetrics_where_it_is_asked_for() -> None:
    guard = guarded()
    serve(guard)
    plain = metrics_of(guard)
    assert metrics_of(guard, OPEN).keys() >= {key for key in plain if key[0].startswith("http_requests_t")}


def test_only_admins_read() -> None:
    assert serve(guarded(), request("/metrics")).code == 401
    assert serve(guarded(), request("/metrics/")).body == b"hello"
    assert serve(Guard(hello, {}), request("/metrics")).body == b"hello"
    assert Guard(hello, {}).stack.full.around[-1].name == "log"


def test_path_moves_or_goes_back_to_the_app() -> None:
    moved = guarded(metrics={"path": "/internal/numbers"})
    assert serve(moved, request("/metrics")).body == b"hello"
    assert serve(moved, request("/internal/numbers")).code == 401
    away = guarded(metrics={"path": ""})
    assert serve(away, request("/metrics")).body == b"hello"
    assert away.stack.full.around == ()
    with pytest.raises(ConfigurationError, match="answers already"):
        guarded(metrics={"path": "/livez"})


def test_templates_name_endpoints() -> None:
    rules = [
        {"name": "order", "path": "/orders/{id}", "limit": "9 per hour"},
        {"name": "api", "path": "/api/{rest+}", "limit": "1 per hour"},
    ]
    guard = guarded(rate_limit={"store": "memory", "builtin_rules": "off", "rules": rules})
    for asked in ("/orders/1", "/orders/2", "/api/a", "/api/b", "/livez", "/none", "/.env"):
        serve(guard, request(asked))
    found = metrics_of(guard)
    assert endpoints(found) == {"/orders/{id}", "/api/{rest+}", "/livez", "(unmatched)"}
    assert total(found, "http_requests_total", endpoint="/api/{rest+}", status="429") == 1


def test_decisions_are_counted_by_rule_class_and_route(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "POST.json").write_text('{"type": "object", "required": ["id"]}')
    rules = [{"name": "few", "path": "/few", "limit": "1 per hour"}, {"name": "x", "path": "/s", "limit": "0/h"}]
    rules[1]["mode"] = "shadow"
    guard = guarded(
        rate_limit={"store": "memory", "builtin_rules": "off", "rules": rules},
        validation={"schemas": str(tmp_path), "threats": {"mode": "block"}},
    )
    # More than have an audit line of their own.
    for _ in range(40):
        serve(guard, request("/few"))
    for _ in range(40):
        serve(guard, request("/s"))
    for _ in range(2):
        serve(guard, request("/orders", "POST", b"{}", CONTENT_TYPE="application/json"))
    serve(guard, request("/", QUERY_STRING="q=1'+or+'1'='1"))
    found = metrics_of(guard)
    assert total(found, "wsgi_guard_rate_limit_decisions_total", rule="few", decision="denied") == 39
    assert total(found, "wsgi_guard_rate_limit_decisions_total", rule="x", decision="shadow") == 40
    assert total(found, "wsgi_guard_rate_limit_store_degraded") == 0
    assert total(found, "wsgi_guard_validation_failures_total", endpoint="/orders") == 2
    assert total(found, "wsgi_guard_threats_total", **{"class": "sqli", "verdict": "deny"}) == 1
    assert total(found, "wsgi_guard_decisions_total", layer="validation", verdict="deny") == 3
    assert total(found, "wsgi_guard_decisions_total", layer="rate_limit", verdict="deny") == 39
    assert total(found, "wsgi_guard_decisions_total", layer="rate_limit", verdict="shadow") == 40


@given(st.lists(st.tuples(st.text(), st.text(min_size=1)), max_size=30))
def test_clients_make_no_labels(asked: list[tuple[str, str]]) -> None:
    guard = guarded(guard={"layers": []})
    for where, method in asked:
        serve(guard, request(f"/{where}".encode("utf-8", "replace").decode("latin-1"), f"X{method}"))
    found = metrics_of(guard)
    assert endpoints(found) <= {"(unmatched)"}
    assert total(found, "http_requests_total", method="(other)") == len(asked)


def flask_app() -> App:
    from flask import Flask

    app = Flask("shop")
    app.add_url_rule("/tea/<int:leaf>", view_func=lambda leaf: "tea")
    return app


def bottle_app() -> App:
    from bottle import Bottle

    app = Bottle()
    app.route("/tea/<leaf:int>", callback=lambda leaf: "tea")
    return app  # type: ignore[no-any-return]


def falcon_app() -> App:
    import falcon

    class Tea:
        def on_get(self, req: Any, resp: Any, leaf: int) -> None:
            resp.text = "tea"

    app = falcon.App()
    app.add_route("/tea/{leaf:int}", Tea())
    return app


def pyramid_app() -> App:
    with warnings.catch_warnings():
        # webob and pyramid import what Python 3.11 calls deprecated: cgi, pkg_resources.
        warnings.simplefilter("ignore")
        from pyramid.config import Configurator
        from pyramid.response import Response

    config = Configurator()
    config.add_route("tea", "/tea/{leaf}")
    config.add_view(lambda request: Response("tea"), route_name="tea")
    return config.make_wsgi_app()  # type: ignore[no-any-return]


urlpatterns = [path("tea/<int:leaf>", lambda request, leaf: HttpResponse("tea"))]


def django_app() -> App:
    configure_django(ROOT_URLCONF=__name__)
    sys.modules.setdefault(__name__, sys.modules[hello.__module__])
    return get_wsgi_application()  # type: ignore[no-any-return]


FRAMEWORKS: dict[str, tuple[Callable[[], App], str]] = {
    "flask": (flask_app, "/tea/<int:leaf>"),
    "bottle": (bottle_app, "/tea/<leaf:int>"),
    "falcon": (falcon_app, "/tea/{leaf:int}"),
    "pyramid": (pyramid_app, "/tea/{leaf}"),
    "django": (django_app, "/tea/<int:leaf>"),
}


@pytest.mark.parametrize(("make", "route"), FRAMEWORKS.values(), ids=FRAMEWORKS.keys())
def test_routes_of_frameworks_name_endpoints(make: Callable[[], App], route: str) -> None:
    guard = guarded(make(), rate_limit={"builtin_rules": "off"})
    assert [serve(guard, request(asked)).code for asked in ("/tea/1", "/tea/22", "/coffee")] == [200, 200, 404]
    found = metrics_of(guard)
    assert total(found, "http_requests_total", endpoint=route, status="200") == 2
    assert endpoints(found) == {route, "(unmatched)"}


def test_threads_lose_no_count() -> None:
    guard = guarded(guard={"layers": []})
    threads = [threading.Thread(target=lambda: [serve(guard) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = metrics_of(guard)
    assert total(found, "http_requests_total") == 4000
    assert total(found, "http_request_duration_seconds_count") == 4000
    assert total(found, "http_requests_in_progress") == 1


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_errors_in_a_child_that_the_app_forked_are_no_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HOST, "cells", Cells(2))
    guard = guarded(guard={"layers": []})
    serve(guard, request("/", "GET"))

    def fails() -> bool:
        for _ in range(5):
            capture_error(ValueError("x"), "child")
        return True

    assert forked(fails)
    # Takes the first place that is free, which a child that knows of none but its own would write to as well.
    serve(guard, request("/", "PUT"))
    found = metrics_of(guard)
    assert total(found, "http_requests_total", method="PUT") == 1
    assert total(found, "wsgi_guard_errors_total") == 5


def test_request_that_a_collection_ends_under_the_lock_is_counted() -> None:
    def streams(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a"

    guard = guarded(streams)
    body = guard(request("/"), lambda *head: lambda data: None)
    assert next(iter(body)) == b"a"
    [metrics] = [layer for _, layer in guard.stack.full.finishes if isinstance(layer, Metrics)]
    with metrics.sheet.lock:
        del body
    samples = metrics_of(guard)
    assert total(samples, "http_requests_total") == 1
    assert total(samples, "http_requests_in_progress") == 1


def test_more_routes_than_room_count_together() -> None:
    from wsgi_guard.facts import current

    def app(environ: Any, start_response: Any) -> Any:
        facts = current()
        assert facts is not None
        facts.matched = environ["PATH_INFO"]
        return hello(environ, start_response)

    guard = guarded(app, guard={"layers": []})
    for number in range(1200):
        serve(guard, request(f"/made/up/for/{number}"))
    found = metrics_of(guard)
    assert 500 < len(endpoints(found)) < 1000
    assert total(found, "http_requests_total") == 1200
    assert total(found, "http_requests_total", endpoint="(other)") > 200


def test_metrics_of_the_app_stand_beside() -> None:
    from prometheus_client import REGISTRY, Counter, Gauge

    orders, requests = Counter("shop_orders", "Orders."), Gauge("http_requests_in_progress", "The app's own.")
    orders.inc(7)
    try:
        found = metrics_of(guarded())
    finally:
        REGISTRY.unregister(orders)
        REGISTRY.unregister(requests)
    assert total(found, "shop_orders_total") == 7
    assert total(found, "http_requests_in_progress") == 1


class Slice:
    """Has numbers."""

    def __init__(self, *series: Series) -> None:
        self.all: Iterable[Series] = series

    def series(self) -> Iterable[Series]:
        return self.all


def test_series_of_slices_outlive_their_process() -> None:
    cells = Cells(1)
    counts = Series("denials_total", COUNTER, "Denials.", 3, (("rule", "a"),))
    waits = Series("waits_seconds", HISTOGRAM, "Waits.", Buckets((1.0, 2.0), (1, 0, 2), 9.5))
    one = Slice(counts, waits, Series("size", GAUGE, "Size.", 5))
    first = Gathering(cells.join())
    first.add([one.series])
    first.gather()
    first.gather()
    # The next one who has this sheet begins at nothing, and its numbers come on top.
    cells._own = None
    second = Gathering(cells.join())
    other = Slice(counts._replace(value=4), waits)
    second.add([other.series])
    second.gather()
    found = merged(cells, None)
    assert found["denials"][1] == {(("rule", "a"),): [7.0]}
    assert found["waits_seconds"][1] == {(): [2.0, 0.0, 4.0, 19.0]}
    assert found["size"][1] == {(): [0.0]}


def test_gauges_come_together_as_they_say() -> None:
    sheet = Cells(1).join()
    a = Slice(Series("most", GAUGE, "", 5, (), MOST), Series("one", GAUGE, "", 5, (), ONE), Series("sum", GAUGE, "", 5))
    gathering = Gathering(sheet)
    gathering.add([a.series])
    gathering.gather()
    assert [entry.across for entry in sheet.entries()[FLYING:]] == ["most", "one", "sum"]


def test_source_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Slice):
        def series(self) -> Iterable[Series]:
            raise ValueError("no numbers")

    sheet = Cells(1).join()
    broken, good = Broken(), Slice(Series("good", GAUGE, "", 1))
    gathering = Gathering(sheet)
    gathering.add([broken.series, good.series])
    gathering.gather()
    gathering.gather()
    assert [entry.name for entry in sheet.entries()[FLYING:]] == ["good"]
    assert caplog.text.count("the numbers of Broken cannot be told") == 1
