"""Many greenlets in one thread: nobody waits for ever, nobody is skipped, none blocks the rest."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.redis import Redis

PATCH = "from gevent import monkey; monkey.patch_all()"
IMPORT = "from wsgi_guard.stores import Policy; from wsgi_guard.stores.redis import RedisStore"
CODE = """
import sys, gevent
store, policy = RedisStore(sys.argv[1], 5.0), Policy("greenlets-" + sys.argv[2], 1500, 86400)
ticks = []
def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.001)
def charge(number):
    return sum(store.charge([policy], ["all"])[0] for _ in range(10))
clock = gevent.spawn(tick)
jobs = [gevent.spawn(charge, number) for number in range(200)]
gevent.joinall(jobs, raise_error=True)
assert sum(job.value for job in jobs) == 1500
assert len(ticks) > 5
"""


# With --preload gunicorn imports the app, and us with it, before its workers are patched.
@pytest.mark.parametrize("first", [PATCH, IMPORT], ids=["patched first", "imported first"])
def test_greenlets_share_lines_fairly(shared_redis: Redis, first: str) -> None:
    code = "\n".join((first, PATCH, IMPORT, CODE))
    arguments = [shared_redis.url, str(len(first))]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
