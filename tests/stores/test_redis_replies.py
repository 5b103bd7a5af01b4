"""Replies of a server are read whole or not at all, whatever it sends."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from time import monotonic
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stores.fake_server import PONG
from wsgi_guard.errors import StoreError
from wsgi_guard.stores import Policy
from wsgi_guard.stores.redis import RedisStore
from wsgi_guard.stores.redis_replies import LARGEST, Partial, Rejected, read

NUMBERS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.recursive(
    st.none() | NUMBERS | st.binary(max_size=20), lambda inner: st.lists(inner, max_size=4), max_leaves=8
)
TORN = (
    b"$1\r\nxyz", b"*1\r\n" * 9 + b":1\r\n", b":x\r\n", b"HTTP/1.1 400\r\n", b"\r\n",
    b":1\r\n:1\r\n", b"*1\r\n:1\r\n*1\r\n:1\r\n", b"+OK\r\n+OK\r\n", b"$2000000000\r\n", b"*2000000000\r\n",
    b"x" * (LARGEST + 1), b":" + b"9" * 9999 + b"\r\n",
)  # fmt: skip


def _packed(value: Any) -> bytes:
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, bytes):
        return b"$%d\r\n%s\r\n" % (len(value), value)
    return b"*%d\r\n" % len(value) + b"".join(map(_packed, value))


@given(VALUES, st.data())
def test_reply_is_what_was_sent_and_its_pieces_are_none(value: Any, data: st.DataObject) -> None:
    sent = _packed(value)
    assert read(sent) == value
    with pytest.raises(Partial):
        read(sent[: data.draw(st.integers(0, len(sent) - 1))])


@given(st.binary(max_size=60))
def test_any_bytes_are_a_reply_or_refused(data: bytes) -> None:
    with suppress(Partial, Rejected, ValueError):
        read(data)


def test_cases_of_torn_replies_are_whole() -> None:
    assert len(TORN) == 12


@pytest.mark.parametrize("sent", TORN, ids=lambda sent: repr(sent[:40]))
def test_torn_reply_is_refused(sent: bytes) -> None:
    with pytest.raises(ValueError):
        read(sent)


def test_error_is_told_by_its_code() -> None:
    with pytest.raises(Rejected, match="NOSCRIPT none") as caught:
        read(b"-NOSCRIPT none\r\n")
    assert (caught.value.code, caught.value.rest) == ("NOSCRIPT", "none")


def _tally(*numbers: int) -> bytes:
    """Reply to one charge of one policy; of the last of its numbers alone, or from the state on."""
    return _packed(struct.pack("<6q", 1, 1, *(numbers if len(numbers) == 4 else (1, 0, 0, *numbers))))


@contextmanager
def _serving(
    answer: Callable[[socket.socket, int], None], command: bytes = b"EVALSHA"
) -> Iterator[RedisStore]:
    """A store whose server answers the n-th command of the name so, as a rule charges."""
    charges = 0

    def serve(client: socket.socket) -> None:
        nonlocal charges
        with client:
            try:
                while data := client.recv(65536):
                    if command in data and b"SETINFO" not in data:
                        charges += 1
                        answer(client, charges)
                    else:
                        client.sendall(PONG if b"PING" in data else b"+OK\r\n")
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            Thread(target=serve, args=(client,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    Thread(target=accept, daemon=True).start()
    store = RedisStore(f"redis://127.0.0.1:{listener.getsockname()[1]}", 0.2, pauses=(0.01, 0.01))
    yield store
    store.close()
    listener.close()


POLICY = Policy("replies", 10, 3600)


def test_reply_in_drops_costs_no_more_than_the_timeout() -> None:
    def drip(client: socket.socket, charge: int) -> None:
        for byte in _tally(charge):
            client.sendall(bytes([byte]))
            time.sleep(0.05)

    with _serving(drip) as store:
        begun = monotonic()
        with pytest.raises(StoreError, match="TimeoutError"):
            store.charge([POLICY], ["a"])
        assert monotonic() - begun < 0.6


def test_reply_in_pieces_is_read_whole() -> None:
    def split(client: socket.socket, charge: int) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in _tally(charge):
            client.sendall(bytes([byte]))

    with _serving(split) as store:
        assert [store.charge([POLICY], ["a"])[1][0][3] for _ in range(3)] == [1, 2, 3]


def test_endless_reply_takes_no_memory() -> None:
    def flood(client: socket.socket, charge: int) -> None:
        client.sendall(b"$2000000000\r\n" + b"x" * 1_000_000)

    with _serving(flood) as store, pytest.raises(StoreError, match="too long"):
        store.charge([POLICY], ["a"])


@pytest.mark.parametrize("late", [True, False], ids=["late", "doubled"])
def test_answer_of_one_charge_is_never_read_by_the_next(late: bool) -> None:
    def answer(client: socket.socket, charge: int) -> None:
        if charge == 1:
            time.sleep(0.3 if late else 0)
            client.sendall(_tally(77) if late else _tally(1) + _tally(77))
        else:
            client.sendall(_tally(charge))

    with _serving(answer) as store:
        seen: list[int] = []
        until = monotonic() + 5
        while len(seen) < 3 and monotonic() < until:
            try:
                seen.append(store.charge([POLICY], ["a"])[1][0][3])
            except StoreError:
                time.sleep(0.01)
        assert seen == [2, 3, 4]


@pytest.mark.parametrize("numbers", [(7, -5, 0, 0), (1, 2**63 - 1, 0, 0), (1, 0, 0, 2**53 + 1), (-(2**63), 0, 0, 0)])
def test_numbers_out_of_range_are_a_store_error(numbers: tuple[int, ...]) -> None:
    def answer(client: socket.socket, charge: int) -> None:
        client.sendall(_tally(*numbers))

    with _serving(answer) as store, pytest.raises(StoreError, match="out of range"):
        store.charge([POLICY], ["a"])


def test_blocked_key_is_read_as_such() -> None:
    with _serving(lambda client, charge: client.sendall(_tally(-1, 5_000_000, 0, 0))) as store:
        assert store.charge([POLICY], ["a"])[1] == [(-1, 5_000_000, 0, 0)]


def test_vitals_have_all_the_time_they_are_given() -> None:
    def info(client: socket.socket, charge: int) -> None:
        time.sleep(0.05)
        client.sendall(b"$21\r\nused_memory:1048576\r\n\r\n" if charge == 1 else b"-NOPERM no INFO for you\r\n")

    with _serving(info, b"INFO") as store:
        assert store.vitals(5.0) == {"used_mib": 1.0}
