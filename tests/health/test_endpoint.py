"""Another service asked over HTTP: a real one, in its moods."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wsgi_guard.health.decide import FAIL, PASS
from wsgi_guard.health.endpoint import _trust, endpoint

AUTHORIZED = "Basic " + base64.b64encode(b"probe:p@ss word").decode()


class Moods(BaseHTTPRequestHandler):
    """Answers /<code> with that code; /secret wants credentials; /moved leads away."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name = self.path.partition("?")[0].strip("/")
        code = int(name) if name.isdigit() else 200
        if name == "secret":
            code = 200 if self.headers["Authorization"] == AUTHORIZED else 401
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "file:///etc/passwd")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing: the tests look at answers."""


class Service(ThreadingHTTPServer):
    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def service() -> Iterator[Service]:
    Moods.asked = []
    server = Service(("127.0.0.1", 0), Moods)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("code", "status"), [(200, PASS), (204, PASS), (302, PASS), (399, PASS), (400, FAIL), (404, FAIL), (500, FAIL)]
)
def test_status_of_the_answer_decides(service: Service, code: int, status: str) -> None:
    said = endpoint(f"{service.url}/{code}?x=1")(5.0)
    assert said.status == status
    assert said.cause == ("" if status == PASS else f"answered {code}")
    assert said.observed == {"status_code": code}
    assert Moods.asked == [f"/{code}?x=1"]


def test_credentials_of_the_url_are_sent(service: Service) -> None:
    url = service.url.replace("http://", "http://probe:p%40ss%20word@")
    assert endpoint(f"{url}/secret")(5.0).status == PASS
    assert endpoint(f"{service.url}/secret")(5.0).status == FAIL


def test_url_without_path_asks_the_root(service: Service) -> None:
    assert endpoint(service.url)(5.0).status == PASS
    assert Moods.asked == ["/"]


def test_proxies_of_the_environment_are_not_used(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert endpoint(f"{service.url}/200")(5.0).status == PASS


def test_nobody_there_raises(service: Service) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            endpoint(f"http://127.0.0.1:{taken.getsockname()[1]}/")(5.0)


def test_https_takes_no_answer_without_tls(service: Service) -> None:
    run = endpoint(service.url.replace("http:", "https:"))
    for _ in range(2):
        with pytest.raises(ssl.SSLError):
            run(5.0)
    assert Moods.asked == []


def test_certificates_are_verified() -> None:
    trust = _trust()
    assert (trust.verify_mode, trust.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_silent_service_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError):
        endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}/")(0.05)


WRONG = [
    "",
    "orders.internal",
    "/livez",
    "ftp://orders.internal/",
    "file:///etc/passwd",
    "http://",
    "http:///livez",
    "http://orders.internal:port/",
    "http://orders.internal:0/",
    "http://orders.internal:99999/",
    "http://[::1/",
    "http://user:hunter2@/",
    "http://orders.internal/a b",
    "http://orders.internal/\r\nHost: other",
    "http://orders.internal/\x7f",
    "http://orders.internal/käse",
]


def test_wrong_urls_are_counted() -> None:
    assert len(WRONG) == 16


@pytest.mark.parametrize("url", WRONG)
def test_wrong_url_is_refused_unseen(url: str) -> None:
    with pytest.raises(ValueError, match=r"^url ") as error:
        endpoint(url)
    assert "hunter2" not in str(error.value)
    assert "orders" not in str(error.value)
