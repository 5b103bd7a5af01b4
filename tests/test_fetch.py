"""One exchange over HTTP: what is sent, what is believed, and when it is over."""

from __future__ import annotations

import gc
import json
import socket
import ssl
import threading
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import psutil
import pytest

from tests.capture.alerts.receivers import certificate
from tests.support.answering import answering, response
from tests.support.redis_groups import until
from wsgi_guard.deadline import Line, within
from wsgi_guard.errors import GuardError
from wsgi_guard.fetch import fetch

WELL = response("200 OK", b"{}", "application/json")


def left_behind() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "wsgi_guard-within"]


def test_query_and_body_are_sent_as_they_are() -> None:
    with answering(WELL) as (url, asked):
        assert fetch(f"{url}/a/b?keys=plain&x=%2F", {"X-A": "b"}, 5.0).body == b"{}"
        fetch(f"{url}?x", {"X-A": "b"}, 5.0, json.dumps({"key": "é"}).encode())
    got, posted = (text.decode().split("\r\n") for text in asked)
    host = url.removeprefix("http://")
    assert got[0] == "GET /a/b?keys=plain&x=%2F HTTP/1.1"
    assert {f"Host: {host}", "X-A: b", "Connection: close"} <= set(got)
    assert posted[0] == "POST /?x HTTP/1.1"
    assert {"Content-Type: application/json", "Content-Length: 17"} <= set(posted)
    assert json.loads(posted[-1]) == {"key": "é"}


def test_no_more_is_read_than_asked_for() -> None:
    huge = response("200 OK", b"x" * 1_000_000, "text/plain")
    with answering(huge) as (url, _):
        answers = [fetch(url, {}, 5.0, largest=largest) for largest in (0, 100)]
    assert [len(answer.body) for answer in answers] == [0, 100]
    assert [(answer.status, answer.type) for answer in answers] == [(200, "text/plain")] * 2


def test_broken_answer_leaves_no_socket_open() -> None:
    """Not even until the next collection, which may take its parts in an order that warns."""
    broken = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
    gc.disable()
    try:
        with answering(broken) as (url, _):
            with pytest.raises(GuardError, match="IncompleteRead"):
                fetch(url, {}, 5.0)
            until(lambda: not left_behind())
            # An address that is not there is an empty tuple.
            ports = [one.raddr[1:] for one in psutil.Process().net_connections("tcp")]
            assert (urlsplit(url).port,) not in ports
    finally:
        gc.enable()


def test_certificate_must_be_trusted_and_fit(tmp_path: Path) -> None:
    ours, other = tmp_path / "ours", tmp_path / "other"
    ours.mkdir()
    other.mkdir()
    tls, strange = certificate(ours), certificate(other, "DNS:other.example")
    with answering(WELL, tls=tls) as (url, asked):
        assert fetch(url, {}, 5.0, context=ssl.create_default_context(cafile=tls[0])).status == 200
        with pytest.raises(GuardError, match="SSLCertVerificationError"):
            fetch(url, {}, 5.0)
    trust = ssl.create_default_context(cafile=strange[0])
    failing = pytest.raises(GuardError, match="SSLCertVerificationError")
    with answering(WELL, tls=strange) as (url, asked_elsewhere), failing:
        fetch(url, {}, 5.0, context=trust)
    assert (len(asked), asked_elsewhere) == (1, [])


DRIPS = {
    "a head": ("http", b"HTTP/1.1 200 OK\r\nX: "),
    "a body": ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
    "endless chunks": ("http", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "a handshake": ("https", b"\x16\x03\x03\x40\x00"),
}


@pytest.mark.parametrize(("scheme", "start"), DRIPS.values(), ids=DRIPS)
def test_dripping_server_is_left_in_time(scheme: str, start: bytes) -> None:
    """And nothing waits for it any longer."""
    began = monotonic()
    with answering(start, *[b"1\r\nx\r\n"] * 200, pause=0.05) as (url, _):
        with pytest.raises(GuardError, match=r"^no answer within 0.3 s$"):
            fetch(url.replace("http:", f"{scheme}:"), {}, 0.3)
        assert monotonic() - began < 1.5
        until(lambda: not left_behind(), 5.0)


def test_silent_server_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(GuardError, match=r"^no answer within 0.1 s$"):
            fetch(f"http://127.0.0.1:{silent.getsockname()[1]}", {}, 0.1)
        until(lambda: not left_behind(), 5.0)


def test_what_comes_too_late_sends_nothing() -> None:
    """As when a name is found after the time is up."""
    found, opened = threading.Event(), threading.Event()

    def slow(line: Line) -> None:
        found.wait(10)
        try:
            line.open("127.0.0.1", server.getsockname()[1]).sendall(b"late")
        finally:
            opened.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(TimeoutError):
            within(0.05, slow)
        found.set()
        assert opened.wait(5)
        client, _ = server.accept()
        with client:
            client.settimeout(5)
            assert client.recv(10) == b""


def test_errors_say_nothing_of_what_was_sent() -> None:
    with answering(b"s3cret-of-the-server\r\n\r\n") as (url, _), pytest.raises(GuardError) as caught:
        fetch(f"{url}/s3cret-of-the-path", {}, 5.0)
    assert str(caught.value) == "no answer of a server: BadStatusLine"
