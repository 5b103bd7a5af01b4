"""Redis behind TLS and access control, and what a store remembers there of whom."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support.processes import HOST, Child, free_port, private_folder
from tests.support.redis import PROGRAM, Redis
from wsgi_guard.errors import StoreError
from wsgi_guard.stores import Debt, Policy
from wsgi_guard.stores.contract import BUCKET, LOG, WINDOW
from wsgi_guard.stores.redis import RedisStore

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
_serial = count()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of a server that speaks TLS alone, and its certificate."""
    folder, port = tmp_path_factory.mktemp("tls"), free_port()
    certificate, key = folder / "server.crt", folder / "server.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", f"subjectAltName=DNS:localhost,IP:{HOST}", "-keyout", str(key),
         "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    command = [
        PROGRAM, "--port", "0", "--tls-port", str(port), "--bind", HOST,
        "--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(certificate),
        "--tls-auth-clients", "no", "--save", "", "--daemonize", "no",
    ]  # fmt: skip

    def answers() -> bool:
        context = ssl.create_default_context(cafile=str(certificate))
        try:
            plain = socket.create_connection((HOST, port), timeout=1)
            with context.wrap_socket(plain, server_hostname=HOST) as line:
                line.sendall(b"PING\r\n")
                return line.recv(16) == b"+PONG\r\n"
        except OSError:
            return False

    child = Child(command, private_folder("redis"), answers)
    child.start()
    yield port, certificate
    child.discard()


def _policy(algorithm: str = WINDOW, quantity: int = 100) -> Policy:
    return Policy(f"access-{next(_serial)}", quantity, 3600, algorithm=algorithm, block=60)


def test_tls_is_spoken_and_the_certificate_checked(tls: tuple[int, Path]) -> None:
    port, certificate = tls
    store = RedisStore(f"rediss://{HOST}:{port}/0?ssl_ca_certs={certificate}", 5.0)
    assert store.charge([_policy()], ["a"])[0]
    store.close()
    doubtful = RedisStore(f"rediss://{HOST}:{port}/0", 5.0)
    with pytest.raises(StoreError, match="certificate"):
        doubtful.charge([_policy()], ["a"])
    plain = RedisStore(f"redis://{HOST}:{port}/0", 5.0)
    with pytest.raises(StoreError):
        plain.charge([_policy()], ["a"])


def test_the_manuals_access_list_suffices(redis_server: Redis) -> None:
    match = re.search(r"`(on >secret [^`]+)`", README)
    assert match is not None
    with redis.Redis.from_url(redis_server.url, protocol=2) as client:
        client.execute_command("ACL", "SETUSER", "limits", *match[1].split())
        client.execute_command("ACL", "SETUSER", "default", "off")
    store = RedisStore(redis_server.url.replace("redis://", "redis://limits:secret@"), 5.0)
    for algorithm in (WINDOW, LOG, BUCKET):
        policy = _policy(algorithm, 1)
        _, states, at = store.charge([policy], ["a"])
        debts = [Debt(policy, "a", 1, at, states[0])]
        store.refund(store.renew(debts) if algorithm == LOG else debts)
        assert store.charge([policy], ["a"])[0]
        assert not store.charge([policy], ["a"])[0]
        assert store.peek([policy], ["a"])[1][0][0] == -1
        store.block([policy], ["a"], 0)
        store.forget([policy], ["a"])
        assert store.charge([policy], ["a"])[0]
    store.ping(5.0)
    store.close()


@pytest.mark.parametrize("algorithm", [WINDOW, BUCKET])
@pytest.mark.parametrize("quantity", [1, 1000, 10**9])
def test_key_takes_at_most_150_bytes(redis_server: Redis, algorithm: str, quantity: int) -> None:
    store = RedisStore(redis_server.url, 5.0)
    # A bucket that is full again at once is no key at all.
    policy = Policy(f"memory-{next(_serial)}", quantity, 31 * 86400, algorithm=algorithm)
    assert store.charge([policy], ["someone@example.org"], [quantity])[0]
    client: Any = redis.Redis.from_url(redis_server.url, protocol=2)
    (name,) = client.keys("*")
    assert client.memory_usage(name, samples=0) <= 150
    assert 0 < client.pttl(name) <= 62 * 86400 * 1000
    client.close()
    store.close()
