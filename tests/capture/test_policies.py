"""What the settings of capture decide: locals in tracebacks, a worker that leaves, a client that leaves."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from gevent import GreenletExit, Timeout
from werkzeug.exceptions import ClientDisconnected

from wsgi_guard.capture.events import of_exception
from wsgi_guard.redact import MARK, Redactor

from .conftest import Lines
from .support import call, guarded, raising
from .test_events import ORIGIN, raised


class Order:
    asked = 0

    def __repr__(self) -> str:
        Order.asked += 1
        return "order 7 of bob"

    __str__ = __repr__


class Sly(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no")


def failing() -> None:
    order, basket, nested = Order(), {"count": 3, "api_key": "swordfish"}, [{"deep": Order(), 5: [b"x"]}]
    password, link, sly = "swordfish", "postgres://app:swordfish@db/shop", Sly(a=1)
    many = list(range(1_000_000))
    raise ValueError(len(many), id(order), len(basket), len(nested), len(password), len(link), len(sly))


def traceback(*, local: bool) -> str:
    return of_exception(raised(failing), None, ORIGIN._replace(locals=local), id="0" * 32).traceback


def test_locals_are_shown_only_where_wanted() -> None:
    assert "basket = " not in traceback(local=False)
    text = traceback(local=True)
    assert "      basket = {'count': 3, 'api_key': '[redacted]'}" in text
    assert "      order = <tests.capture.test_policies.Order>" in text
    assert f"      password = {MARK}" in text
    assert "many = [0, 1, 2" in text


def test_no_local_is_asked_for_its_text() -> None:
    Order.asked = 0
    text = traceback(local=True)
    assert Order.asked == 0
    assert "'deep': '<tests.capture.test_policies.Order>'" in text
    assert "sly = <tests.capture.test_policies.Sly>" in text


def test_locals_tell_no_secret_and_stay_bounded() -> None:
    text = traceback(local=True)
    assert "swordfish" not in text
    assert max(map(len, text.splitlines())) < 600


def test_locals_take_out_what_the_request_brought() -> None:
    def fail() -> None:
        innocent = "xyzzy-of-the-client"
        raise ValueError(len(innocent))

    origin = ORIGIN._replace(locals=True, redactor=Redactor().knowing(["xyzzy-of-the-client"]))
    assert "xyzzy" not in of_exception(raised(fail), None, origin, id="0" * 32).traceback


class Exiting(SystemExit):
    pass


EXITS: list[tuple[str, BaseException, bool]] = [
    ("ignore", SystemExit(1), False),
    ("ignore", SystemExit(0), False),
    ("ignore", GreenletExit(), False),
    ("errors", SystemExit(1), True),
    ("errors", SystemExit("why"), True),
    ("errors", SystemExit(0), False),
    ("errors", SystemExit(None), False),
    ("errors", GreenletExit(), False),
    ("all", SystemExit(0), True),
    ("all", SystemExit(None), True),
    ("all", GreenletExit(), True),
    ("all", KeyboardInterrupt(), False),
    ("all", GeneratorExit(), False),
    ("ignore", Exiting(1), False),
    ("errors", Exiting(1), True),
    ("ignore", Timeout(3), True),
    ("ignore", CancelledError(), True),
]


def test_exits_table_is_whole() -> None:
    assert len(EXITS) == 17


@pytest.mark.parametrize(("setting", "error", "told"), EXITS)
def test_worker_that_leaves_is_an_event_as_set(setting: str, error: BaseException, told: bool, lines: Lines) -> None:
    with pytest.raises(type(error)):
        call(guarded(raising(error), exits=setting))
    assert [event["type"].rpartition(".")[2] for event in lines.events] == [type(error).__name__] * told


def test_exit_within_the_body_counts_too(lines: Lines) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a"
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        call(guarded(app, exits="errors"))
    assert [event["type"] for event in lines.events] == ["SystemExit"]


@pytest.mark.parametrize("setting", ["ignore", "report"])
def test_framework_that_says_the_client_left(setting: str, lines: Lines) -> None:
    call(guarded(raising(ClientDisconnected()), disconnects=setting))
    assert len(lines.events) == (setting == "report")


@pytest.mark.parametrize("setting", ["ignore", "report"])
def test_client_that_leaves_halfway(setting: str, lines: Lines) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a"
        yield b"b"

    environ: dict[str, Any] = {"QUERY_STRING": ""}
    setup_testing_defaults(environ)
    body = iter(guarded(app, disconnects=setting)(environ, lambda *_: lambda _: None))
    next(body)
    body.close()
    told = [(event["type"], event["severity"], event["category"]) for event in lines.events]
    assert told == [("client disconnected", "INFO", "network")] * (setting == "report")


def test_lost_connection_of_the_apps_own_is_an_error(lines: Lines) -> None:
    """Only what names the client's connection is a disconnect; a peer of the app's is somebody else."""
    call(guarded(raising(ConnectionResetError(104, "by peer"))))
    assert [event["category"] for event in lines.events] == ["network"]
