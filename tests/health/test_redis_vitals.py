"""What a Redis says of its memory: read from INFO, and judged as a check of a real server that has to evict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.health.asking import BEARER, TOKEN
from tests.health.ticking import stop_monitors, until
from tests.support.calling import request, serve
from tests.support.redis import Redis
from wsgi_guard import Guard
from wsgi_guard.stores.redis_vitals import together, vitals

MIB = 2**20
ANSWERS = [
    (b"# Memory\r\nused_memory:%d\r\nmaxmemory:%d\r\n" % (3 * MIB, 4 * MIB), {"used_mib": 3.0, "memory_percent": 75.0}),
    (b"used_memory:%d\r\nmaxmemory:0\r\n" % MIB, {"used_mib": 1.0}),
    (b"evicted_keys:17\r\n", {"evicted_keys": 17}),
    (b"used_memory:1e9\r\nmaxmemory:-1\r\nevicted_keys:\r\n", {}),
    (b"used_memory:%s\r\n" % (b"9" * 400), {}),
    (b"\xff\xfe\r\n:::\r\n", {}),
    (b"", {}),
    (None, {}),
    (3, {}),
]


def test_answers_table_is_whole() -> None:
    assert len(ANSWERS) == 9


@pytest.mark.parametrize(("answer", "found"), ANSWERS)
def test_answers_are_read_as_far_as_they_are_numbers(answer: object, found: dict[str, float]) -> None:
    assert vitals(answer) == found


def test_cluster_is_as_full_as_its_fullest_node() -> None:
    nodes = [{"memory_percent": 20.0, "evicted_keys": 3}, {"memory_percent": 91.0, "evicted_keys": 4}, {}]
    assert together(nodes) == {"memory_percent": 91.0, "evicted_keys": 7}


@pytest.fixture
def guard(redis_server: Redis) -> Iterator[Guard]:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"the app's"]

    made = Guard(app, {
        "rate_limit": {"store": redis_server.url}, "admin": {"token": TOKEN}, "health": {"interval": 0.1},
    })  # fmt: skip
    yield made
    stop_monitors([made])


def part(guard: Guard) -> Any:
    return json.loads(serve(guard, request("/health/check/redis", **BEARER)).body)["checks"]["redis"][0]


def test_server_that_evicts_is_degraded(guard: Guard, redis_server: Redis) -> None:
    until(lambda: part(guard)["status"] == "pass")
    assert part(guard)["observedValue"]["used_mib"] > 0
    with redis.Redis(port=redis_server.port) as client:
        limit = int(client.info("memory")["used_memory"]) + 2 * MIB
        client.config_set("maxmemory", limit)
        client.config_set("maxmemory-policy", "allkeys-random")
        outputs: set[str] = set()

        def told() -> bool:
            # Kept full: evictions are told of the time between two runs.
            for key in range(50):
                client.set(f"k{key}-{len(outputs)}-{id(outputs)}", b"x" * 65536)
            found = part(guard)
            outputs.add(found.get("output", ""))
            return found["status"] == "warn" and "evicted_keys > 0" in found["output"]

        until(told)
        assert part(guard)["observedValue"]["memory_percent"] > 50
        client.flushall()
        client.config_set("maxmemory", 0)
    until(lambda: part(guard)["status"] == "pass")
    assert serve(guard, request("/health")).code == 200
