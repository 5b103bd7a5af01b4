"""Threads and the life of a process: fork, exit, gevent; each in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

START = """
import os, threading, time
from wsgi_guard.health.decide import Check, Reading, PASS
from wsgi_guard.health.monitor import Monitor

entered = threading.Event()

def hang(timeout):
    entered.set()
    threading.Event().wait()

def tell(timeout):
    return Reading(PASS, observed={"pid": os.getpid()})

def until(holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)

def pid_of(monitor):
    until(lambda: monitor.seen()["tell"].result is not None)
    return monitor.seen()["tell"].result.reading.observed["pid"]

checks = {name: Check(name, "http", interval=0.1) for name in ("hang", "tell")}
monitor = Monitor(checks, {"hang": hang, "tell": tell})
"""


def run(program: str, *options: str) -> str:
    """What the program prints; it must end by itself, well, and say nothing on standard error."""
    done = subprocess.run(
        [sys.executable, *options, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_child_of_a_fork_watches_by_itself() -> None:
    # Python 3.12 warns of every fork beside a thread; that both processes live is what is shown here.
    program = """
monitor.start()
assert entered.wait(20)
assert pid_of(monitor) == os.getpid()
child = os.fork()
if child == 0:
    code = 1
    try:
        monitor.start()
        code = 0 if pid_of(monitor) == os.getpid() else 2
        monitor.stop(0.01)
    finally:
        os._exit(code)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
monitor.seen()["tell"]
print(pid_of(monitor) == os.getpid())
"""
    assert run(START + program, "-W", "ignore::DeprecationWarning") == "True"


def test_exit_of_a_child_leaves_the_parent_watching() -> None:
    program = """
monitor.start()
pid_of(monitor)
child = os.fork()
if child == 0:
    monitor.stop(0.01)
    os._exit(0)
os.waitpid(child, 0)
ended = monitor.seen()["tell"].result.at
until(lambda: monitor.seen()["tell"].result.at > ended)
print("watching")
"""
    assert run(START + program, "-W", "ignore::DeprecationWarning") == "watching"


EXITS = {
    "at once": "monitor.start()",
    "with a check hanging": "monitor.start(); assert entered.wait(20)",
    "after a round": "monitor.start(); pid_of(monitor)",
    "after a stop": "monitor.start(); pid_of(monitor); monitor.stop(0.01)",
    "by sys.exit in a thread's stead": "monitor.start(); pid_of(monitor); raise SystemExit(0)",
    "started by another thread": "t = threading.Thread(target=monitor.start); t.start(); t.join()",
    "while a check starts": "checks.update({str(n): Check(str(n), 'x', interval=0.1) for n in range(50)})\n"
    "Monitor(checks, dict.fromkeys(checks, tell)).start()",
    "dropped": "monitor.start(); del monitor",
    "with logging": "import logging; logging.basicConfig(filename=os.devnull, level=0); monitor.start()",
}


@pytest.mark.parametrize("ending", EXITS.values(), ids=EXITS)
def test_interpreter_exits_in_silence(ending: str) -> None:
    assert run(START + ending) == ""


def test_nothing_heavy_is_loaded_before_a_check_runs() -> None:
    program = """
import sys
from wsgi_guard.health.layer import Health
from wsgi_guard.admin import Admin
from wsgi_guard.settings.sections import AdminSection, HealthSection
before = set(sys.modules)
health = Health(HealthSection(), Admin(AdminSection()), pings={}, draining=lambda: False)
heavy = {"psutil", "redis", "psycopg", "http.client", "ssl", "wsgiref.simple_server"}
print(sorted(heavy & set(sys.modules)), __import__("threading").active_count())
"""
    assert run(program) == "[] 1"


GEVENT = """
from gevent import monkey
monkey.patch_all()
import gevent
"""


def test_works_under_gevent() -> None:
    program = """
monitor.start()
assert entered.wait(20)
first = pid_of(monitor)
ended = monitor.seen()["tell"].result.at
until(lambda: monitor.seen()["tell"].result.at > ended)
assert monitor.seen()["hang"].since is not None
threads = gevent.get_hub().threadpool.size
monitor.stop(0.01)
print(first == os.getpid(), threads)
"""
    assert run(GEVENT + START + program) == "True 0"


def test_exits_in_silence_under_gevent() -> None:
    assert run(GEVENT + START + "monitor.start(); pid_of(monitor)") == ""
