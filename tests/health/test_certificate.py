"""How long certificates last: of a real TLS server, of PEM files, and of bytes that are none."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.health import certificate
from wsgi_guard.health.certificate import DAY
from wsgi_guard.health.decide import FAIL, PASS
from wsgi_guard.health.der import validity

Make = Callable[[int], Path]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    folder = tmp_path_factory.mktemp("certificates")

    def certificate_of(days: int) -> Path:
        path = folder / f"{days}.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             str(days), "-subj", "/CN=localhost", "-keyout", path, "-out", f"{path}.crt"],
            check=True, capture_output=True,
        )  # fmt: skip
        path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
        return path

    return certificate_of


@pytest.fixture
def server(make: Make) -> Iterator[int]:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make(10))
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield listening.server_port
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_days_of_a_server_are_told(server: int) -> None:
    said = certificate.endpoint(f"tls://127.0.0.1:{server}")(5.0)
    assert (said.status, said.observed) == (PASS, {"days_left": 10.0})


def test_first_of_a_chain_to_end_counts(make: Make, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_text(make(30).read_text() + make(5).read_text())
    assert certificate.file(str(chain))(5.0).observed == {"days_left": 5.0}


def test_file_without_a_certificate_fails(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")
    assert certificate.file(str(tmp_path / "empty.pem"))(5.0).cause == "no certificate in the file"
    with pytest.raises(FileNotFoundError):
        certificate.file(str(tmp_path / "none.pem"))(5.0)


def der_of(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.BLOCK.findall(path.read_text())[0])


@pytest.mark.parametrize(
    ("later", "status", "cause"), [(-2.0, FAIL, "not valid yet"), (1.0, PASS, ""), (11.0, FAIL, "expired")]
)
def test_dates_are_judged(make: Make, later: float, status: str, cause: str) -> None:
    said = certificate.judge([der_of(make(10))], time.time() + later * DAY)
    assert (said.status, said.cause) == (status, cause)


def test_dates_agree_with_openssl(make: Make) -> None:
    path = make(20000)  # beyond 2049, where the form of the date changes
    said = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-in", path], capture_output=True, check=True)
    assert validity(der_of(path))[1] == ssl.cert_time_to_seconds(said.stdout.decode().strip().partition("=")[2])


@given(st.binary(max_size=200))
def test_any_bytes_are_dates_or_refused(data: bytes) -> None:
    refused(data)


@pytest.fixture(scope="module")
def whole(make: Make) -> bytes:
    return der_of(make(10))


@given(data=st.data())
def test_damaged_certificates_are_dates_or_refused(whole: bytes, data: st.DataObject) -> None:
    der = bytearray(whole)
    der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    refused(bytes(der[: data.draw(st.integers(0, len(der)))]))


def refused(data: bytes) -> None:
    with suppress(ValueError):
        assert len(validity(data)) == 2
