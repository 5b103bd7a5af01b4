"""What is Redis' own: the wire, the keys, the URL."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import redis

from tests.stores.fake_server import FakeServer
from tests.support.processes import Child, private_folder
from tests.support.redis import PROGRAM, Redis
from wsgi_guard.errors import ConfigurationError, StoreError
from wsgi_guard.stores import Debt, Policy
from wsgi_guard.stores import redis_frames as frames
from wsgi_guard.stores.redis import RedisStore

HOUR = 3600
NONSENSE = (
    b"+OK\r\n", b"$-1\r\n", b"*-1\r\n", b"*0\r\n", b":1\r\n", b"*1\r\n:1\r\n",
    b"*6\r\n" + b":1\r\n" * 6, b"$0\r\n\r\n", b"$47\r\n" + b"\0" * 47 + b"\r\n", b"$56\r\n" + b"\0" * 56 + b"\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\r\n",
    b"-ERR unknown\r\n", b"-OOM command not allowed\r\n", b"-READONLY replica\r\n", b"-LOADING\r\n", b"-NOAUTH x\r\n",
    b"-NOSCRIPT again and again\r\n", None,
)  # fmt: skip
_serial = count()


@pytest.fixture
def store(shared_redis: Redis) -> Iterator[RedisStore]:
    opened = RedisStore(shared_redis.url, 5.0)
    yield opened
    opened.close()


@pytest.fixture
def client(shared_redis: Redis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(shared_redis.url, protocol=2) as opened:
        yield opened


@pytest.fixture
def alone(redis_server: Redis) -> Iterator[tuple[RedisStore, redis.Redis]]:
    """A store and a client of a server whose commands and connections are nobody else's."""
    store = RedisStore(redis_server.url, 5.0)
    with redis.Redis.from_url(redis_server.url, protocol=2) as opened:
        yield store, opened
    store.close()


def _policies(number: int) -> list[Policy]:
    return [Policy(f"redis-{os.getpid()}-{next(_serial)}", 1000, HOUR) for _ in range(number)]


def _calls(client: redis.Redis) -> dict[str, int]:
    """How often each command ran, without those inside scripts."""
    stats = client.info("commandstats")
    assert isinstance(stats, dict)
    return {name.removeprefix("cmdstat_"): about["calls"] for name, about in stats.items()}


@pytest.mark.parametrize("number", [1, 3, 16])
def test_one_command_whatever_the_number_of_rules(alone: tuple[RedisStore, redis.Redis], number: int) -> None:
    store, client = alone
    policies = _policies(number)
    store.charge(policies, ["a"] * number)
    before = _calls(client)
    for _ in range(10):
        store.charge(policies, ["a"] * number)
    after = _calls(client)
    assert after["evalsha"] - before["evalsha"] == 10
    assert after.get("ping", 0) == before.get("ping", 0)
    assert {name for name in after if after[name] != before.get(name)} <= {"evalsha", "info", "mget", "set", "time"}


def test_flushed_script_is_loaded_on_the_way(alone: tuple[RedisStore, redis.Redis]) -> None:
    store, client = alone
    policies = _policies(2)
    assert store.charge(policies, ["a", "a"])[1][0][3] == 1
    before = client.info("stats")["total_connections_received"]
    client.script_flush()
    assert store.charge(policies, ["a", "a"])[1][0][3] == 2
    assert client.info("stats")["total_connections_received"] == before


def test_keys_are_short_hashed_and_expire(store: RedisStore, client: redis.Redis) -> None:
    policies = _policies(2)
    known = set(client.scan_iter("wg:*"))
    store.charge(policies, ["alice@example.com"] * 2)
    store.charge(policies, ["x" * 8192] * 2)
    made = set(client.scan_iter("wg:*")) - known
    assert len(made) == 4
    assert {len(key) for key in made} == {33}
    assert len({key[key.index(b"{") : key.index(b"}")] for key in made}) == 2
    for key in made:
        assert HOUR * 1000 <= client.pttl(key) <= 2 * HOUR * 1000
        assert (client.memory_usage(key) or 0) <= 150


def test_other_peoples_value_is_no_obstacle(store: RedisStore, client: redis.Redis) -> None:
    policies = _policies(1)
    known = set(client.scan_iter("wg:*"))
    store.charge(policies, ["a"])
    (key,) = set(client.scan_iter("wg:*")) - known
    for value in ("", "nonsense", "1 2", "1 -2 3", "1e9 1 1"):
        client.set(key, value)
        assert store.charge(policies, ["a"])[1][0][3] == 1


@pytest.mark.parametrize("answer", NONSENSE, ids=repr)
def test_nonsense_is_a_store_error(answer: bytes | None) -> None:
    server = FakeServer(answer)
    store = RedisStore(server.url, 0.5, pauses=(60.0, 60.0))
    try:
        with pytest.raises(StoreError, match=r"redis at 127\.0\.0\.1"):
            store.charge(_policies(1), ["a"])
    finally:
        store.close()
        server.close()
    sent = [seen for seen in server.seen if b"EVALSHA" in seen]
    assert len(sent) == 1


@pytest.mark.parametrize("kind", ["string", "list", "mixed", "hash", "set"])
@pytest.mark.parametrize("algorithm", ["sliding-window", "sliding-log", "token-bucket"])
def test_key_of_another_making_begins_anew(store: RedisStore, client: redis.Redis, algorithm: str, kind: str) -> None:
    policy = Policy(f"alien-{kind}", 2, HOUR, algorithm=algorithm, block=60, after=9)
    place = frames.key_of(policy, algorithm)
    client.delete(place)
    if kind == "string":
        client.set(place, "x")
    elif kind == "hash":
        client.hset(place, "x", "y")
    elif kind == "set":
        client.sadd(place, "x")
    else:
        client.rpush(place, "x", str(time.time_ns() // 1000) if kind == "mixed" else "y")
    assert [store.charge([policy], [algorithm])[0] for _ in range(3)] == [True, True, False]
    (fitted,) = store.charge([policy], [f"{algorithm}-2"])[1]
    place = frames.key_of(policy, f"{algorithm}-2")
    client.delete(place)
    client.hset(place, "x", "y")
    store.refund([Debt(policy, f"{algorithm}-2", 1, 0, fitted)])
    assert store.charge([policy], [f"{algorithm}-2"])[0]


def test_rows_of_policies_and_keys_are_not_mixed_up(store: RedisStore) -> None:
    first, second = policies = _policies(2)
    for expected in (1, 2):
        for row, keys in ((policies, ["a", "b"]), (policies, ["b", "a"]), ([second, first], ["c", "d"])):
            _, states, _ = store.charge(row, keys)
            assert [state[3] for state in states] == [expected, expected]
    assert [store.peek([policy], [key])[1][0][3] for policy, key in ((first, "d"), (second, "c"), (first, "c"))] == [
        2, 2, 0,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="zip"):
        store.charge(policies, ["a"])


def test_charge_is_never_sent_twice() -> None:
    server = FakeServer(None)
    store = RedisStore(server.url, 0.5, pauses=(60.0, 60.0))
    for _ in range(3):
        with pytest.raises(StoreError):
            store.charge(_policies(1), ["a"])
    assert len(server.seen) == 1
    server.close()


def test_closed_connection_is_noticed_before_sending(store: RedisStore, client: redis.Redis) -> None:
    policies = _policies(1)
    store.charge(policies, ["a"])
    client.client_kill_filter(_type="normal", skipme=True)
    assert store.charge(policies, ["a"])[1][0][3] == 2


def test_child_process_uses_connections_of_its_own(store: RedisStore) -> None:
    policies = _policies(1)
    store.charge(policies, ["a"])
    child = os.fork()
    if child == 0:
        found = [store.charge(policies, ["a"])[1][0][3] for _ in range(50)]
        os._exit(0 if len(set(found)) == 50 else 1)
    found = [store.charge(policies, ["a"])[1][0][3] for _ in range(50)]
    assert len(set(found)) == 50
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.charge(policies, ["a"])[1][0][3] == 102


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@host:port/0",
        "redis://:hunt/er2@host:6379/0",
        "redis://user:hunter2@host:99999999/0",
        "redis://:hunter2@[::1/0",
        "redis://:hunter2@host/0?ssl_check_hostnme=no&hunter=2",
        "redis://:hunter2@host/0?socket_timeout=9",
    ],
)
def test_bad_url_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisStore(url, 0.1)
    assert "rate_limit.store" in str(caught.value)
    assert "hunt" not in str(caught.value)


def test_wrong_password_is_told_without_it(redis_server: Redis) -> None:
    with redis.Redis.from_url(redis_server.url) as admin:
        admin.config_set("requirepass", "s3cret-one")
        wrong = redis_server.url.replace("//", "//:wr0ng-one@")
        store = RedisStore(wrong, 2.0)
        with pytest.raises(StoreError, match="AuthenticationError") as caught:
            store.charge(_policies(1), ["a"])
        with pytest.raises(StoreError):
            store.ping(1.0)
        assert "wr0ng" not in str(caught.value)


def test_user_password_and_database_are_used(redis_server: Redis) -> None:
    with redis.Redis.from_url(redis_server.url) as admin:
        rights = {"commands": ["+@all", "-client"], "keys": ["~wg:*"]}
        admin.acl_setuser("limiter", enabled=True, passwords=["+p@ss/word"], **rights)
        store = RedisStore(f"redis://limiter:p%40ss%2Fword@127.0.0.1:{redis_server.port}/3", 2.0)
        store.charge(_policies(1), ["a"])
        store.close()
        assert admin.info("keyspace").keys() == {"db3"}


def test_unix_socket_serves_too() -> None:
    folder = private_folder("redis-socket")
    path = folder / "redis.sock"
    command = [PROGRAM, "--port", "0", "--unixsocket", str(path), "--save", ""]
    server = Child([_program(command[0]), *command[1:]], folder, lambda: _pings(path))
    server.start()
    store = RedisStore(f"unix://{path}?db=2", 2.0)
    try:
        assert [store.charge(policy, ["a"])[0] for policy in [_policies(1)] * 2] == [True, True]
    finally:
        store.close()
        server.discard()


def _pings(path: Path) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(path)) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def _program(name: str) -> str:
    import shutil

    found = shutil.which(name)
    assert found
    return found


def test_other_stores_load_no_driver() -> None:
    code = "import sys, wsgi_guard.stores; sys.exit('redis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_dropped_store_leaves_no_socket_open(shared_redis: Redis) -> None:
    store = RedisStore(shared_redis.url, 5.0)
    store.tell(b"PING")
    # Held for a collection, as by a thread that reads, the socket comes before the connection in the next one.
    wire = store._lines._free[0]._socket
    gc.collect()
    del wire
    vars(store)["part of a circle"] = store
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del store
        gc.collect()
    assert told == []
