"""What `wsgi-guard replay` makes of logs."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.cli import main
from wsgi_guard.rehearse.lines import AWAITED, LONGEST, Entry, entry, in_order
from wsgi_guard.rehearse.request import Recorded

START = datetime(2026, 1, 2, 3, 4, 0, tzinfo=UTC).timestamp()
RULES = """
[guard]
defaults = "enforce"
[rate_limit]
builtin_rules = "off"
[[rate_limit.rules]]
name = "all"
limit = "10 per minute"
[[rate_limit.rules]]
name = "login"
path = "/login"
limit = "3 per hour"
count = [401]
[[rate_limit.rules]]
name = "reports"
path = "/reports"
limit = "2 at once"
algorithm = "concurrency"
[[rate_limit.rules]]
name = "watched"
path = "/watched"
limit = "1 per hour"
mode = "shadow"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wsgi_guard.toml").write_text(RULES)
    return tmp_path


def combined(second: float, target: str = "/", status: int = 200, client: str = "192.0.2.7", verb: str = "GET") -> str:
    when = datetime.fromtimestamp(START + second, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return f'{client} - - [{when}] "{verb} {target} HTTP/1.1" {status} 12 "-" "curl/8.1"\n'


def own(begin: float, duration: float = 0.0, path: str = "/", status: int = 200, **more: Any) -> str:
    ended = datetime.fromtimestamp(START + begin + duration, UTC).isoformat(timespec="microseconds")
    access = {"method": "GET", "path": path, "client": "192.0.2.7", "status": status, "duration": duration, **more}
    return json.dumps({"time": ended, "logger": "wsgi_guard.access", **access}) + "\n"


def replayed(capsys: pytest.CaptureFixture[str], *lines: str) -> dict[str, Any]:
    Path("access.log").write_text("".join(lines))
    assert main(["replay", "access.log", "--json"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    found: dict[str, Any] = json.loads(told.out)
    return found


def counts(found: dict[str, Any]) -> dict[str, int]:
    return {f"{row['verdict']} {row['rule']}": row["requests"] for row in found["decisions"]}


def test_limits_follow_the_time_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    burst = [combined(1) for _ in range(15)]
    found = replayed(capsys, *burst, *(combined(200) for _ in range(10)))
    assert found["requests"] == 25
    assert counts(found) == {"deny all": 5}
    assert found["decisions"][0]["first_line"] == 11
    assert found["from"] == "2026-01-02T03:04:01+00:00"


def test_clients_are_counted_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert replayed(capsys, *(combined(1, client=f"192.0.2.{at}") for at in range(1, 40)))["refused"] == 0


def test_only_counted_statuses_stay_charged(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [combined(at, "/login", 200) for at in range(5)] + [combined(6, "/login", 401) for _ in range(5)]
    assert counts(replayed(capsys, *lines)) == {"deny login": 2}


def test_requests_in_flight_overlap_as_they_did(capsys: pytest.CaptureFixture[str]) -> None:
    # Logged in the order of their ends; the fourth began when the first three were over.
    lines = [own(0.1, 1, "/reports"), own(0.0, 5, "/reports"), own(0.2, 6, "/reports"), own(9, 1, "/reports")]
    assert counts(replayed(capsys, *lines)) == {"deny reports": 1}


def test_shadow_limits_count_every_request(capsys: pytest.CaptureFixture[str]) -> None:
    found = replayed(capsys, *(combined(at, "/watched") for at in range(5)))
    assert found["refused"] == 0
    assert counts(found) == {"shadow watched": 4}


def test_attacks_in_targets_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    found = replayed(capsys, combined(1, "/?a=%3Cscript%3Ealert(1)%3C/script%3E"), combined(2, "/?a=plain"))
    assert counts(found) == {"deny xss": 1}


def test_bodies_that_a_log_lacks_are_no_violation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "schemas").mkdir()
    (folder / "schemas" / "POST.json").write_text('{"type": "object", "required": ["a"]}')
    (folder / "schemas" / "POST.query.json").write_text('{"properties": {"n": {"type": "integer"}}}')
    with (folder / "wsgi_guard.toml").open("a") as file:
        file.write('[validation]\nschemas = "schemas"\n')
    found = replayed(capsys, combined(1, "/?n=1", verb="POST"), combined(2, "/?n=x", verb="POST"))
    assert counts(found) == {"deny schema": 1}
    assert "no headers and bodies" in found["notes"][0]


def test_what_changed_since_then_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    then = [{"layer": "rate_limit", "verdict": "deny", "rule": "old"}]
    found = replayed(capsys, own(1, 0, status=429, decisions=then), *(own(2) for _ in range(10)))
    assert (found["refused_then_not_now"], found["refused_now_not_then"]) == (1, 1)


def test_lines_that_are_none_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "nonsense\n", "{not json}\n", '{"logger": "app", "message": "a line of the app"}\n', "\n",
        "x" * (3 * LONGEST) + "\n", combined(1), combined(1).replace("Jan", "Foo"), combined(1, "no-path"),
        own(1).replace('"method"', '"verb"'), own(1, path="/").replace("2026", "20x6"), combined(2)[:-1],
    ]  # fmt: skip
    found = replayed(capsys, *lines)
    assert (found["requests"], found["not_understood"]) == (2, 7)


def test_standard_input_is_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(combined(1).encode() * 12)))
    assert main(["replay", "-"]) == 0
    told = capsys.readouterr().out
    assert "12 requests" in told
    assert "deny       rate_limit  all" in told


def test_a_terminal_sees_how_far_it_is() -> None:
    Path("access.log").write_text("".join(combined(at / 100) for at in range(2000)))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "wsgi_guard.cli", "replay", "access.log"]
    with open(ours, "rb", buffering=0) as terminal:
        done = subprocess.run(command, stderr=theirs, stdout=subprocess.PIPE, check=True)
        os.close(theirs)
        shown = terminal.read(65536).decode()
    assert "2000 requests" in done.stdout.decode()
    assert "[####" in shown
    assert shown.endswith("\r\x1b[K")


BODY, QUERY, HEADER = ({"layer": "validation", "verdict": "deny", "rule": "sqli", "part": part}
                       for part in ("body", "query", "headers"))  # fmt: skip


def test_what_was_decided_by_what_no_log_holds_stands(capsys: pytest.CaptureFixture[str]) -> None:
    found = replayed(
        capsys, own(1, status=403, decisions=[BODY]), own(2, status=403, decisions=[HEADER]),
        own(3, status=403, decisions=[QUERY], target="/?a=1"),
        own(4, status=403, decisions=[QUERY], target="/?password=[redacted]"),
    )  # fmt: skip
    assert (found["refused"], found["as_then"], found["refused_then_not_now"]) == (3, 3, 1)
    assert [one["line"] for one in found["unlike"]] == [3]
    assert main(["replay", "access.log"]) == 0
    assert "line 3: deny by validation sqli, now passed" in capsys.readouterr().out


def test_what_a_limit_no_longer_lets_come_as_far_is_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    found = replayed(capsys, *[own(1, decisions=[BODY], status=403)] * 12)
    assert counts(found) == {"deny sqli": 10, "deny all": 2}


def test_windows_are_cut_by_the_clock_of_the_host(capsys: pytest.CaptureFixture[str]) -> None:
    """Nine at 59 s and nine at 89 s are of two windows, or of one, as the clock began at a full minute or half one."""
    lines = [own(at) for at in (59, 89) for _ in range(9)]
    for began, refused in ((0, 4), (30, 8)):
        load = {"logger": "wsgi_guard.audit", "audit": {"clock": START - 6000 - began, "decisions": []}}
        assert replayed(capsys, json.dumps(load) + "\n", *lines)["refused"] == refused


def test_missing_log_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "nowhere.log"]) == 1
    assert "nowhere.log" in capsys.readouterr().err


def test_rules_that_a_log_cannot_tell_about_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "wsgi_guard.toml").open("a") as file:
        file.write('[[rate_limit.rules]]\nname = "plans"\nlimit = "9/s"\nkey = "api_key"\n')
    assert "'plans'" in replayed(capsys, combined(1))["notes"][0]


def test_escapes_of_combined_lines_are_undone() -> None:
    found = entry(rb'::1 - bob [02/Jan/2026:05:04:00 +0200] "GET /\x22a HTTP/1.1" 200 0 "-" "say \"hi\""', 1)
    assert found is not None
    request = found.request
    assert (request.target, request.client, request.identity, request.at) == ('/"a', "::1", "bob", START)
    assert request.headers == (("User-Agent", 'say "hi"'),)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10)), max_size=30))
def test_requests_come_in_the_order_of_their_begin(spans: list[tuple[float, float]]) -> None:
    ended = sorted(spans, key=lambda span: span[0] + span[1])
    entries = [Entry(n, Recorded("GET", "/", at=begin, duration=time), None) for n, (begin, time) in enumerate(ended)]
    assert [one.request.at for one in in_order(entries)] == sorted(begin for begin, _ in spans)


def test_order_needs_bounded_memory() -> None:
    read = 0

    def entries() -> Iterator[Entry]:
        nonlocal read
        for number in range(3 * AWAITED):
            read += 1
            yield Entry(number, Recorded("GET", "/", at=float(number)), None)

    next(iter(in_order(entries())))
    assert read == AWAITED + 1


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode), st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda some: st.dictionaries(
        st.sampled_from(["logger", "time", "method", "path", "client", "status", "duration", "decisions"]), some
    ) | st.lists(some), max_leaves=20,
).map(lambda value: json.dumps(value).encode())))  # fmt: skip
def test_any_line_is_read_or_refused(line: bytes) -> None:
    try:
        found = entry(line, 1)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return
    assert found is None or found.request.target
