"""A pool that was used before the fork: the child gets connections of its own, the parent keeps its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.support.postgres import Postgres

PREAMBLE = """
import gc, json, os, sys
from wsgi_guard.db.layer import Data
from wsgi_guard.settings.secret import Secret
from wsgi_guard.settings.pools import PoolSection

data = Data({"main": PoolSection(url=Secret(sys.argv[1]), min_size=2, max_size=3, timeout=3.0)})
pool = data.pools["main"]

def backend(conn):
    pid = conn.execute("SELECT pg_backend_pid()").fetchone()[0]
    conn.rollback()
    return pid

def in_child(work):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        with open(writer, "w") as pipe:
            json.dump(work(), pipe)
        sys.exit(0)
    os.close(writer)
    with open(reader) as pipe:
        told = json.load(pipe)
    assert os.waitpid(child, 0)[1] == 0
    return told
"""


def tell(server: Postgres, code: str) -> Any:
    """What the code prints; it runs in an interpreter of its own, as it forks with threads running."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PREAMBLE + code, server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_unused_pool_opens_in_the_worker(private_postgres: Postgres) -> None:
    pids = tell(
        private_postgres,
        """
def work():
    with pool.connection() as conn:
        return backend(conn)
print(json.dumps([in_child(work), in_child(work)]))
""",
    )
    assert len(set(pids)) == 2


def test_child_leaves_its_parents_sockets_alone(private_postgres: Postgres) -> None:
    told = tell(
        private_postgres,
        """
pool.wait(5)
held = pool.getconn()
first, before = backend(held), pool.get_stats()["connections_num"]
def work():
    with pool.connection() as conn:
        mine = backend(conn)
        sibling = pool.getconn()
        mine = [mine, backend(sibling)]
        sibling.close()
    try:
        held.execute("SELECT 1")
        held_is = "alive"
    except Exception as error:
        held_is = "gone"
    held.close()
    gc.collect()
    return [mine, held_is]
(theirs, held_is) = in_child(work)
again = in_child(work)[0]
with pool.connection() as conn:
    second = backend(conn)
result = [first, second, theirs, again, held_is, backend(held)]
held.close()
lost = pool.get_stats().get("returns_bad", 0) + pool.get_stats().get("connections_lost", 0)
print(json.dumps([*result, lost, pool.get_stats()["connections_num"] - before]))
""",
    )
    first, second, theirs, again, held_is, held, lost, made = told
    assert first == held
    assert len({first, second, *theirs, *again}) == 6
    assert (held_is, lost) == ("gone", 0)
    assert made <= 1


def test_child_that_never_uses_the_pool_ends_quietly(private_postgres: Postgres) -> None:
    told = tell(
        private_postgres,
        """
pool.wait(5)
def work():
    global pool, data
    del pool, data
    gc.collect()
    return "ended"
said = in_child(work)
with pool.connection() as conn:
    print(json.dumps([said, backend(conn) > 0]))
""",
    )
    assert told == ["ended", True]


def test_pool_closed_before_the_fork_opens_after_it(private_postgres: Postgres) -> None:
    told = tell(
        private_postgres,
        """
with pool.connection() as conn:
    mine = backend(conn)
pool.close()
def work():
    with pool.connection() as conn:
        return backend(conn)
print(json.dumps([mine, in_child(work)]))
""",
    )
    assert told[0] != told[1]


def test_threads_of_a_child_share_one_new_pool(private_postgres: Postgres) -> None:
    made = tell(
        private_postgres,
        """
from concurrent.futures import ThreadPoolExecutor
pool.wait(5)
def one(_):
    with pool.connection() as conn:
        return backend(conn)
def work():
    with ThreadPoolExecutor(8) as threads:
        return len(set(threads.map(one, range(64))))
print(json.dumps(in_child(work)))
""",
    )
    assert 1 <= made <= 3


def test_child_forked_in_mid_request_commits_on_its_own(private_postgres: Postgres) -> None:
    told = tell(
        private_postgres,
        """
from tests.db.conftest import request
from wsgi_guard.db.query import execute_query, get_db_connection
execute_query("CREATE TABLE t (n int)")
def work():
    execute_query("INSERT INTO t VALUES (1)")
    return execute_query("SELECT count(*) AS seen FROM t")[0]["seen"]
with request(data, 500):
    execute_query("INSERT INTO t VALUES (2)")
    before = get_db_connection().info.backend_pid
    seen = in_child(work)
    still = execute_query("SELECT pg_backend_pid() AS pid")[0]["pid"] == before
print(json.dumps([seen, still, execute_query("SELECT n FROM t")]))
""",
    )
    assert told == [1, True, [{"n": 1}]]


def test_child_unwinding_over_a_connection_disturbs_nothing(private_postgres: Postgres) -> None:
    told = tell(
        private_postgres,
        """
import logging
logging.disable(logging.WARNING)
def work():
    return "leaves by SystemExit"
with pool.connection() as conn:
    conn.execute("CREATE TABLE t (n int)")
    said = in_child(work)
    conn.execute("INSERT INTO t VALUES (1)")
with pool.connection() as conn:
    print(json.dumps([said, conn.execute("SELECT n FROM t").fetchall()]))
""",
    )
    assert told == ["leaves by SystemExit", [[1]]]
