"""GET /admin/errors/stats: what it tells, to whom, and that all workers of a host are in it."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.health.ticking import until
from tests.live.servers import Running, running
from tests.support.calling import request, serve
from wsgi_guard.capture.ledger import CATEGORIES, GROUPS, Ledger, summed
from wsgi_guard.guard import Guard

from .alerts.making import event
from .support import raising

TOKEN = "0123456789abcdef"
BEARER = f"Bearer {TOKEN}"
PATH = "/admin/errors/stats"


def stats_of(guard: Guard) -> dict[str, Any]:
    return json.loads(serve(guard, request(PATH, HTTP_AUTHORIZATION=BEARER)).body)  # type: ignore[no-any-return]


def test_page_tells_totals_rates_and_causes() -> None:
    guard = Guard(raising(ValueError("token=xyzzy")), {"admin": {"token": TOKEN}, "health": {}})
    ids = [serve(guard, request("/pay")).header("X-Error-ID") for _ in range(3)]
    told = stats_of(guard)
    [top] = told.pop("top")
    assert told == {
        "total": 3, "categories": {"programming": 3}, "severities": {"ERROR": 3},
        "rates": {"last_1_minutes": 3, "last_5_minutes": 3, "last_60_minutes": 3},
        "alerts": {"channels": [], "state": "off"},
    }  # fmt: skip
    assert (top["count"], top["type"], top["last_id"]) == (3, "ValueError", ids[-1])
    assert top["first_time"] <= top["last_time"]
    assert "xyzzy" not in json.dumps(top)
    assert len(top["fingerprint"]) == 16


def test_page_is_for_admins_alone() -> None:
    guard = Guard(raising(ValueError("x")), {"admin": {"token": TOKEN}, "health": {}})
    assert serve(guard, request(PATH)).code == 401
    assert serve(guard, request(PATH, "POST", HTTP_AUTHORIZATION=BEARER)).code == 405
    assert serve(Guard(raising(ValueError("x")), {"health": {}}), request(PATH)).code == 500


def test_page_says_how_alerts_stand() -> None:
    alerts = {"webhook": {"url": "http://127.0.0.1:9/"}, "flush": 0}
    guard = Guard(raising(ValueError("x")), {"admin": {"token": TOKEN}, "health": {}, "alerts": alerts})
    told = stats_of(guard)["alerts"]
    assert told == {
        "channels": [{"name": "webhook", "state": "up", "cause": "", "delivered": 0, "failed": 0}],
        "queued": 0, "dropped": 0, "lost": 0, "held_for_digest": 0, "untracked": 0, "state": "ok",
    }  # fmt: skip


def test_memory_of_causes_is_bounded_and_counts_are_not_lost() -> None:
    ledger = Ledger()
    for number in range(GROUPS * 2):
        ledger.add(event(fingerprint=f"{number:016}", category=f"c{number % (2 * CATEGORIES)}"))
    told = ledger.stats()
    assert told["total"] == GROUPS * 2
    assert len(ledger.latest()) == GROUPS
    assert len(told["categories"]) == CATEGORIES + 1


pages = st.lists(
    st.fixed_dictionaries({
        "categories": st.lists(st.tuples(st.sampled_from("ab"), st.just("ERROR"), st.integers(1, 9)), max_size=3),
        "slots": st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 9)), max_size=5),
        "groups": st.lists(
            st.fixed_dictionaries({
                "fingerprint": st.sampled_from("xyz"), "count": st.integers(1, 9), "last_time": st.sampled_from("123"),
                "first_time": st.sampled_from("123"),
            }),
            max_size=3,
        ),
    }),
    max_size=4,
)  # fmt: skip


@given(pages)
def test_sum_of_processes_loses_nothing(found: list[dict[str, Any]]) -> None:
    told = summed(found, 1000)
    assert told["total"] == sum(count for page in found for _, _, count in page["categories"])
    for minutes, since in ((1, 994), (5, 970), (60, 640)):
        assert told["rates"][f"last_{minutes}_minutes"] == sum(
            count for page in found for at, count in page["slots"] if since < at <= 1000
        )
    assert sum(group["count"] for group in told["top"]) == sum(
        group["count"] for page in found for group in page["groups"]
    )
    assert [group["count"] for group in told["top"]] == sorted((group["count"] for group in told["top"]), reverse=True)


def told_by(site: Running, total: int, patience: float = 10.0) -> dict[str, Any]:
    """The page once it has `total` errors; as it stands when patience ends otherwise."""
    deadline = time.monotonic() + patience
    while True:
        told: dict[str, Any] = json.loads(site.get(PATH, {"Authorization": BEARER}).body)
        if told["total"] >= total or time.monotonic() > deadline:
            return told
        time.sleep(0.05)


def total_without(site: Running, pid: int) -> int:
    """What the others tell while the worker `pid` is frozen."""
    os.kill(pid, signal.SIGSTOP)
    try:
        return int(told_by(site, 0)["total"])
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.live
def test_every_worker_tells_of_all_of_them_and_of_those_that_died() -> None:
    env = {"WSGI_GUARD_ADMIN__TOKEN": TOKEN, "WSGI_GUARD_LOG__ACCESS": "false"}
    options = ["--workers", "3", "-c", "python:wsgi_guard.gunicorn"]
    with running("gunicorn-sync", "tests.capture.alerts.failing:app", options=options, env=env) as site:
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: site.get("/fails"), range(120)))
        told = told_by(site, 120)
        assert told["total"] == told["top"][0]["count"] == 120
        assert told["top"][0]["last_id"] in {answer.get("X-Error-ID") for answer in answers}
        pid = int(site.get("/pid").body)
        # A worker tells the others once a second; what it has not told yet dies with it.
        until(lambda: total_without(site, pid) == 120)
        os.kill(pid, signal.SIGKILL)
        site.wait_log("SIGKILL")
        assert told_by(site, 120)["total"] == 120


def metric_of(site: Running) -> float:
    text = site.get("/metrics", {"Authorization": BEARER}).body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("wsgi_guard_errors_total{"))


@pytest.mark.live
def test_no_error_is_counted_twice_when_workers_go() -> None:
    env = {"WSGI_GUARD_ADMIN__TOKEN": TOKEN, "WSGI_GUARD_LOG__ACCESS": "false"}
    options = ["--workers", "2", "-c", "python:wsgi_guard.gunicorn"]
    with running("gunicorn-sync", "tests.capture.alerts.failing:app", options=options, env=env) as site:
        for _ in range(40):
            site.get("/fails")
        until(lambda: metric_of(site) == told_by(site, 40)["total"] == 40)
        old = {int(site.get("/pid").body) for _ in range(20)}
        site.send(signal.SIGHUP)
        site.wait_log("Hang up")
        until(lambda: not old & {int(site.get("/pid").body) for _ in range(6)})
        assert {told_by(site, 0)["total"] for _ in range(10)} == {40}
        os.kill(int(site.get("/pid").body), signal.SIGKILL)
        site.wait_log("SIGKILL")
        assert {told_by(site, 0)["total"] for _ in range(10)} == {40}
        site.get("/fails")
        until(lambda: metric_of(site) == told_by(site, 41)["total"] == 41)
