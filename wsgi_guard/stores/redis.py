"""Counters in a Redis server, shared by all processes and hosts that use it. Redis 5 or newer, Valkey.

A charge is one EVALSHA whatever the number of policies, on the server's clock. It is never sent twice: a charge whose
reply is lost may have been counted, so the caller's failure policy decides. The only resend follows NOSCRIPT, with
which the server says that nothing ran. This is the one module that knows the driver, and it uses only the driver's
connection object, to dial: its pool and its retries cost half as much as the trip, and wait for seconds.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, TypeVar

from redis.backoff import NoBackoff
from redis.connection import Connection, parse_url
from redis.retry import Retry

from wsgi_guard.errors import ConfigurationError, StoreError
from wsgi_guard.recent import Recent

from . import redis_frames as frames
from . import redis_replies as replies
from .contract import Debt, Policy, Tally
from .lines import Lines, describe
from .news import News
from .redis_cluster import MARK, Address, ClusterStore, Moved
from .redis_frames import Frame, Script, pack
from .redis_line import RedisLine
from .redis_sentinel import Sentinels, hosts_of, is_master, split
from .redis_vitals import Vitals, vitals

T = TypeVar("T")
Reader = Callable[[object], Tally]

DIAL_SECONDS = 1.0
"""Wait for each step of dialling, beside the requests: connect, TLS, AUTH, SELECT, PING; more where they wait more."""

FIRST = 3.0
"""Times `timeout` that a process waits for its first connection: where all workers start at once, all are slow."""
# In seconds: silent for 2, then asked every second, gone after 3 without an answer.
KEEPALIVE = {socket.TCP_KEEPIDLE: 2, socket.TCP_KEEPINTVL: 1, socket.TCP_KEEPCNT: 3}
PLACE = ("host", "port", "path", "db", "username", "password", "connection_class")


class RedisStore:
    """`url` is redis://, rediss:// or unix://. `timeout` in seconds bounds what a charge may add to a request."""

    name = "redis"

    def __init__(
        self, url: str, timeout: float, *, pauses: tuple[float, float] = (1.0, 5.0), node: Address | None = None
    ) -> None:
        self._place, self._sentinels = _place(url)
        if node is not None:
            self._place |= {"host": node[0], "port": node[1]}
        self._make = self._place.pop("connection_class", Connection)
        self._timeout = timeout
        where = f"redis at {_where(self._place, self._sentinels)}"
        self._lines: Lines[RedisLine] = Lines(where, self._dial, pauses, FIRST * timeout)
        self._news = News(self.listener, frames.CHANNEL)
        self._frames: Recent[tuple[Policy, ...], Frame] = Recent(1024)
        # The usual charge of who came lately, at most twice so many; 0.7 kB for three policies, 3 kB for sixteen.
        self._commands: Recent[tuple[object, ...], tuple[bytes, Reader]] = Recent(512)

    @property
    def generation(self) -> int:
        return self._news.generation()

    def charge(
        self, policies: Sequence[Policy], keys: Sequence[str], costs: Sequence[int] | None = None,
        now: int | None = None,
    ) -> Tally:  # fmt: skip
        if costs is None and now is None:
            place = (*policies, *keys)
            usual = self._commands.get(place)
            if usual is None:
                frame = self._frame(tuple(policies))
                usual = frame.command(keys, b"", None), frame.read
                self._commands.put(place, usual)
            command, read = usual
            return self._talk(frames.CHARGE, command, read)
        if costs is None:
            paid = b""
        elif len(costs) == len(policies):
            paid = b" ".join(b"%d" % cost for cost in costs)
        else:
            raise ValueError("zip of costs and policies: expected one cost for each policy")
        return self._tally(policies, keys, paid, now)

    def peek(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> Tally:
        return self._tally(policies, keys, frames.PEEK, now)

    def refund(self, debts: Sequence[Debt], now: int | None = None) -> None:
        due = [debt for debt in debts if debt.state[0] == 1]
        if due:
            self._talk(frames.REFUND, frames.refund(due, now), _done)

    def renew(self, debts: Sequence[Debt], now: int | None = None) -> list[Debt]:
        if not debts:
            return []
        return self._talk(frames.RENEW, frames.renew(debts, now), lambda reply: frames.renewed(debts, reply))

    def forget(self, policies: Sequence[Policy], keys: Sequence[str], now: int | None = None) -> None:
        self._talk(frames.ACT, frames.act(policies, keys, b"forget", now), _done)
        self._news.heard()

    def block(self, policies: Sequence[Policy], keys: Sequence[str], seconds: int, now: int | None = None) -> None:
        self._talk(frames.ACT, frames.act(policies, keys, b"%d" % seconds, now), _done)
        if not seconds:
            self._news.heard()

    def tell(self, *words: bytes) -> Any:
        """The server's answer to a command that changes nothing."""
        return self._talk(None, pack(*words), lambda reply: reply)

    def _tally(self, policies: Sequence[Policy], keys: Sequence[str], costs: bytes, now: int | None) -> Tally:
        frame = self._frame(tuple(policies))
        return self._talk(frames.CHARGE, frame.command(keys, costs, now), frame.read)

    def _talk(self, script: Script | None, command: bytes, read: Callable[[Any], T]) -> T:
        deadline = monotonic() + self._timeout
        line = self._lines.take(deadline)
        if line.new:
            line.new, deadline = False, monotonic() + self._timeout
        try:
            try:
                reply = line.ask(command, deadline)
            except replies.Rejected as error:
                if script is None or error.code != "NOSCRIPT":
                    raise
                line.ask(pack(b"SCRIPT", b"LOAD", script.text), deadline)
                reply = line.ask(command, deadline)
            found = read(reply)
        except Exception as error:
            elsewhere = self._elsewhere(error)
            if elsewhere is not None:
                self._lines.give(line)
                raise elsewhere from error
            self._lines.drop(line)
            lost = self._lines.late if isinstance(error, TimeoutError) else self._lines.fail
            raise lost(describe(error)) from error
        except BaseException:
            # A worker told to stop, in mid-reply: the line is of no use to anybody else.
            self._lines.drop(line)
            raise
        self._lines.give(line)
        return found

    def warm(self, count: int, seconds: float) -> None:
        """Has so many connections there, if it takes no longer than so many seconds."""
        self._lines.warm(count, seconds)

    def ping(self, timeout: float) -> None:
        self._asked(timeout)

    def vitals(self, timeout: float) -> Vitals:
        """As ping, and what the server says of its memory; nothing of it where the user may not ask."""
        return vitals(*self._asked(timeout, (b"INFO", b"memory"), (b"INFO", b"stats")))

    def _asked(self, timeout: float, *commands: tuple[bytes, ...]) -> list[Any]:
        """Answers on a connection of their own, None for one that the server refuses."""
        deadline = monotonic() + timeout
        try:
            line = self._dial(timeout)
            try:
                answers = [_allowed(line, pack(*command), deadline) for command in commands]
            finally:
                line.hang_up()
        except Exception as error:
            raise StoreError(describe(error)) from error
        self._lines.reached()
        return answers

    def close(self) -> None:
        self._news.close()
        self._lines.close()

    def _elsewhere(self, error: Exception) -> StoreError | None:
        """What a node of a cluster means that does not have the slot."""
        if not isinstance(error, replies.Rejected):
            return None
        if error.code in ("ASK", "TRYAGAIN"):
            return StoreError("the slot is on its way to another node")
        host, _, port = error.rest.rpartition(" ")[2].rpartition(":")
        if error.code != "MOVED" or not (port.isascii() and port.isdigit()):
            return None
        # A node that does not know its own name leaves it out: then it is that of the node asked.
        return Moved((host or str(self._place.get("host", "localhost")), int(port)))

    def listener(self) -> Any:
        """A connection that finds out by itself when the other end is gone without a word."""
        alive = {"socket_keepalive": True, "socket_keepalive_options": KEEPALIVE}
        return self._connect(DIAL_SECONDS, **({} if "path" in self._place else alive))

    def _connect(self, timeout: float, **options: Any) -> Any:
        """A connection of the driver, not yet connected; to the master that sentinels name."""
        place = self._place
        if self._sentinels is not None:
            host, port = self._sentinels.find(lambda host, port: self._sentinel(host, port, timeout))
            place = {**place, "host": host, "port": port}
        return self._open(place, timeout, **options)

    def _sentinel(self, host: str, port: int, timeout: float) -> Any:
        """A connection to a sentinel: with the servers' TLS, without their users and databases."""
        secure = {name: value for name, value in self._place.items() if name.startswith("ssl_")}
        return self._open({**secure, "host": host, "port": port}, timeout)

    def _open(self, place: dict[str, Any], timeout: float, **options: Any) -> Any:
        return self._make(
            **place,
            **options,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # The driver's default retries for seconds; in protocol 3 the server may push what nobody asked for.
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            protocol=2,
        )

    def _dial(self, timeout: float = 0.0) -> RedisLine:
        timeout = timeout or max(DIAL_SECONDS, FIRST * self._timeout)
        connection = self._connect(timeout)
        try:
            connection.connect()
            line = RedisLine(connection)
            # The kernel accepts connections for a server that hangs; only an answer proves one that works.
            if line.ask(pack(b"PING"), monotonic() + timeout) != b"PONG":
                raise StoreError("PING was not answered with PONG")
            if self._sentinels is not None and not is_master(line.ask(pack(b"ROLE"), monotonic() + timeout)):
                raise StoreError("the server that sentinels name is no master")
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


def _allowed(line: RedisLine, command: bytes, deadline: float) -> Any:
    try:
        return line.ask(command, deadline)
    except replies.Rejected:
        return None


def open_redis(url: str, timeout: float) -> RedisStore | ClusterStore:
    """The store that a URL means; nothing is connected yet. Raises ConfigurationError."""
    scheme, _, rest = url.partition("://")
    if not scheme.endswith(MARK):
        return RedisStore(url, timeout)
    authority, slash, more = rest.partition("/")
    user, at, names = authority.rpartition("@")
    plain = f"{scheme.removesuffix(MARK)}://{user}{at}{slash}{more}"
    try:
        seeds = hosts_of(names, 6379)
    except ValueError:
        seeds = ()
    # Proves the rest of the URL, which all nodes have in common.
    RedisStore(plain, timeout)
    if not seeds or more.partition("?")[0] not in ("", "0"):
        raise ConfigurationError(["rate_limit.store: expected redis+cluster://[user:password@]host:port,host:port"])
    return ClusterStore(seeds, lambda address: RedisStore(plain, timeout, node=address))


def _done(reply: object) -> None:
    if reply not in (b"OK", "OK"):
        raise StoreError("the script's reply makes no sense")


def _place(url: str) -> tuple[dict[str, Any], Sentinels | None]:
    """Where `url` leads, as arguments of the driver. Raises ConfigurationError, which shows nothing of a password."""
    try:
        plain, sentinels = split(url)
        place: dict[str, Any] = dict(parse_url(plain))  # type: ignore[no-untyped-call]
    except ValueError:
        # Its text may quote a piece of the password.
        expected = "redis://[user:password@]host[:port][/db], rediss://, unix:// or redis+sentinel://host,host/service"
        raise ConfigurationError([f"rate_limit.store: not a redis URL, expected {expected}"]) from None
    unknown = sorted(name for name in place if name not in PLACE and not name.startswith("ssl_"))
    if unknown:
        # Not named: a password with a question mark in it ends up here.
        problem = "the redis URL has options that are not known, expected only ssl_..., db, username and password"
        raise ConfigurationError([f"rate_limit.store: {problem}"])
    return place, sentinels


def _where(place: dict[str, Any], sentinels: Sentinels | None) -> str:
    """The server as messages name it."""
    if sentinels is not None:
        return f"the master {sentinels.service!r}"
    if "path" in place:
        return str(place["path"])
    return f"{place.get('host', 'localhost')}:{place.get('port', 6379)}"
