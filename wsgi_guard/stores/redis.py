"""Counters in a Redis server, shared by all processes and hosts that use it. Redis 5 or newer, Valkey.

A charge is one EVALSHA whatever the number of policies, on the server's clock. It is never sent twice: a charge whose
reply is lost may have been counted, so the caller's failure policy decides. The only resend follows NOSCRIPT, with
which the server says that nothing ran. This is the one module that knows the driver, and it uses only the driver's
connection object: its pool and its retries cost half as much as the trip, and wait for seconds.
"""

from __future__ import annotations

import select
from binascii import b2a_base64
from collections.abc import Sequence
from hashlib import blake2b, sha1
from importlib.resources import files
from time import monotonic
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, parse_url
from redis.exceptions import NoScriptError
from redis.retry import Retry

from wsgi_guard.errors import ConfigurationError, StoreError
from wsgi_guard.recent import Recent

from .contract import Policy, Tally
from .lines import Lines, describe

SCRIPT = files(__package__).joinpath("sliding_window.lua").read_bytes()
DIAL_SECONDS = 1.0
"""Longest wait for each step of dialling, which happens beside the requests: connect, TLS, AUTH, SELECT, PING."""

PLACE = ("host", "port", "path", "db", "username", "password", "connection_class")


class RedisLine:
    """One connection, and a poll object that watches it for as long as it lives."""

    __slots__ = ("_connection", "_poll", "_socket")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._socket = connection._sock
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        self._poll = poll.poll

    def ask(self, command: bytes, timeout: float) -> Any:
        """The server's answer, within `timeout` seconds. Raises what the driver raises, for an error reply too."""
        self._socket.settimeout(timeout)
        self._connection.send_packed_command((command,), check_health=False)
        return self._connection.read_response()

    def stale(self) -> bool:
        return bool(self._poll(0))

    def hang_up(self) -> None:
        self._connection.disconnect()


class RedisStore:
    """`url` is redis://, rediss:// or unix://. `timeout` in seconds bounds what a charge may add to a request."""

    name = "redis"

    def __init__(self, url: str, timeout: float, *, pauses: tuple[float, float] = (1.0, 5.0)) -> None:
        self._place = _place(url)
        self._make = self._place.pop("connection_class", Connection)
        self._timeout = timeout
        self._lines: Lines[RedisLine] = Lines(f"redis at {_where(self._place)}", self._dial, pauses)
        self._load = pack(b"SCRIPT", b"LOAD", SCRIPT)
        self._frames: Recent[tuple[Policy, ...], Frame] = Recent(1024)

    def charge(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> Tally:
        deadline = monotonic() + self._timeout
        command = self._frame(tuple(policies)).command(keys, now)
        line = self._lines.take(deadline)
        try:
            tally = read(self._run(line, command, deadline), len(policies))
        except Exception as error:
            self._lines.drop(line)
            raise self._lines.fail(describe(error)) from error
        except BaseException:
            # A worker told to stop, in mid-reply: the line is of no use to anybody else.
            self._lines.drop(line)
            raise
        self._lines.give(line)
        return tally

    def ping(self, timeout: float) -> None:
        try:
            line = self._dial(timeout)
        except Exception as error:
            raise StoreError(describe(error)) from error
        line.hang_up()
        self._lines.reached()

    def close(self) -> None:
        self._lines.close()

    def _run(self, line: RedisLine, command: bytes, deadline: float) -> Any:
        try:
            return line.ask(command, left(deadline))
        except NoScriptError:
            line.ask(self._load, left(deadline))
            return line.ask(command, left(deadline))

    def _dial(self, timeout: float = DIAL_SECONDS) -> RedisLine:
        connection = self._make(
            **self._place,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # The driver's default retries for seconds; in protocol 3 the server may push what nobody asked for.
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            protocol=2,
        )
        try:
            connection.connect()
            line = RedisLine(connection)
            # The kernel accepts connections for a server that hangs; only an answer proves one that works.
            if line.ask(pack(b"PING"), timeout) != b"PONG":
                raise StoreError("PING was not answered with PONG")
        except BaseException:
            connection.disconnect()
            raise
        return line

    def _frame(self, policies: tuple[Policy, ...]) -> Frame:
        frame = self._frames.get(policies)
        if frame is None:
            frame = Frame(policies)
            self._frames.put(policies, frame)
        return frame


class Frame:
    """An EVALSHA for a row of policies, packed but for the keys.

    A key is `wg:{client}policy`, both parts hashed: what a client chose may be long, hostile or personal. In braces
    stands the client, so that all counters of one client share a slot of a cluster.
    """

    __slots__ = ("_arguments", "_head", "_policies")

    def __init__(self, policies: tuple[Policy, ...]) -> None:
        sha = sha1(SCRIPT, usedforsecurity=False).hexdigest().encode()
        count = len(policies)
        self._head = b"*%d\r\n" % (4 + 4 * count) + bulk(b"EVALSHA", sha, b"%d" % count)
        self._policies = tuple(b"}" + hashed(policy.id, 4) + b"\r\n" for policy in policies)
        self._arguments = b"".join(
            bulk(b"%d" % policy.quantity, b"%d" % policy.window, b"%d" % policy.enforced) for policy in policies
        )

    def command(self, keys: Sequence[str], now: int | None) -> bytes:
        parts = [self._head]
        last = None
        tag = b""
        for key, policy in zip(keys, self._policies, strict=True):
            if key is not last:
                # 4 + 22 + 1 + 6 bytes, always.
                tag = b"$33\r\nwg:{" + hashed(key, 16)
                last = key
            parts += (tag, policy)
        parts += (bulk(b"" if now is None else b"%d" % now), self._arguments)
        return b"".join(parts)


def hashed(text: str, size: int) -> bytes:
    """`size` bytes of a hash, as text without padding."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size, person=b"wsgi_guard").digest()
    return b2a_base64(digest, newline=False).rstrip(b"=")


def read(reply: Any, count: int) -> Tally:
    """The tally in a reply of the script. Raises StoreError if it is none."""
    if type(reply) is not list or len(reply) != 1 + 4 * count or set(map(type, reply)) != {int}:
        raise StoreError("the script's reply makes no sense")
    values = iter(reply)
    admitted = next(values)
    return admitted == 1, list(zip(values, values, values, values, strict=True))


def left(deadline: float) -> float:
    """Seconds until then; never 0, which a socket would take for "do not wait"."""
    return max(deadline - monotonic(), 0.001)


def pack(*words: bytes) -> bytes:
    """A command as the protocol has it."""
    return b"*%d\r\n" % len(words) + bulk(*words)


def bulk(*words: bytes) -> bytes:
    return b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def _place(url: str) -> dict[str, Any]:
    """Where `url` leads, as arguments of the driver. Raises ConfigurationError, which shows nothing of a password."""
    try:
        place: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
    except ValueError:
        # Its text may quote a piece of the password.
        expected = "redis://[user:password@]host[:port][/db], rediss:// or unix://"
        raise ConfigurationError([f"rate_limit.store: not a redis URL, expected {expected}"]) from None
    unknown = sorted(name for name in place if name not in PLACE and not name.startswith("ssl_"))
    if unknown:
        # Not named: a password with a question mark in it ends up here.
        problem = "the redis URL has options that are not known, expected only ssl_..., db, username and password"
        raise ConfigurationError([f"rate_limit.store: {problem}"])
    return place


def _where(place: dict[str, Any]) -> str:
    """The server as messages name it."""
    if "path" in place:
        return str(place["path"])
    return f"{place.get('host', 'localhost')}:{place.get('port', 6379)}"
