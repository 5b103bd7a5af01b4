"""Over HTTP: requests a second and memory of gunicorn's workers, bare against guarded; and the time to start.

    python benchmarks/service.py [--seconds 4] [--rounds 5] [--json FILE]

Two sync workers serve the same Flask app bare and guarded, two more a bare callable of three lines, and the same with
its limit far exceeded (the flood); all run all the time and are loaded in turns. Uses wrk where it is installed, else a
client of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
from services import free_port, process

HERE = Path(__file__).resolve().parent
CONNECTIONS = 32
LIMITED = """
[[rate_limit.rules]]
name = "all"
limit = "10 per hour; 20 per day"
"""


def serve(stack: ExitStack, app: str, folder: str, hooks: bool) -> tuple[int, psutil.Process]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", app]
    if hooks:
        command[3:3] = ["-c", "python:wsgi_guard.gunicorn"]
    paths = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    child = stack.enter_context(process(command, port, cwd=folder, env={**os.environ, "PYTHONPATH": paths}))
    return port, psutil.Process(child.pid)


def rate(port: int, seconds: float, *, denied: bool = False) -> float:
    """Requests a second that the server on `port` answers, all with a 2xx unless they are `denied`."""
    program = shutil.which("wrk")
    if program is None:
        return rate_without_wrk(port, seconds)
    command = [program, "-t2", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", f"http://127.0.0.1:{port}/api/hello"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if ("Non-2xx" in output) != denied:
        raise AssertionError(f"not every answer was one to be measured:\n{output}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None:
        raise AssertionError(f"wrk printed no rate:\n{output}")
    return float(found[1])


def rate_without_wrk(port: int, seconds: float) -> float:
    counts = [0] * CONNECTIONS
    end = time.monotonic() + seconds

    def client(at: int) -> None:
        while time.monotonic() < end:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /api/hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                while connection.recv(65536):
                    pass
            counts[at] += 1

    threads = [threading.Thread(target=client, args=(at,)) for at in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def worker_memory(master: psutil.Process) -> float:
    """Mean resident memory of the workers, in MB (10^6 bytes)."""
    return statistics.mean(child.memory_info().rss for child in master.children()) / 1e6


def start_time(code: str) -> float:
    # Compiled modules are kept, whatever this shell says: a server's second start has them.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=env)
    return (time.perf_counter() - begin) * 1000


def starts(rounds: int) -> dict[str, float]:
    """Milliseconds of a whole process, median, in turns."""
    codes = {
        "werkzeug": "import werkzeug",
        "werkzeug + guard": "import werkzeug, wsgi_guard; wsgi_guard.Guard(lambda e, s: [], {})",
    }
    found: dict[str, list[float]] = {name: [] for name in codes}
    for code in codes.values():
        start_time(code)
    for _ in range(rounds):
        for name, code in codes.items():
            found[name].append(start_time(code))
    return {name: statistics.median(figures) for name, figures in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    target = options.json.resolve() if options.json else None
    folder, limited = tempfile.mkdtemp(), tempfile.mkdtemp()
    Path(limited, "wsgi_guard.toml").write_text(LIMITED)
    rates: dict[str, list[float]] = {"bare": [], "guarded": [], "callable": [], "flood": []}
    with ExitStack() as stack:
        servers = {name: serve(stack, "apps:flask()", folder, name == "guarded") for name in ("bare", "guarded")}
        servers["callable"] = serve(stack, "apps:bare", limited, False)
        servers["flood"] = serve(stack, "apps:bare", limited, True)
        for name, (port, _) in servers.items():
            rate(port, 1, denied=name == "flood")
        for _ in range(options.rounds):
            for name, (port, _) in servers.items():
                rates[name].append(rate(port, options.seconds, denied=name == "flood"))
        memory = {name: worker_memory(master) for name, (_, master) in servers.items()}
    report(rates, memory, starts(options.rounds * 4), target)


def report(rates: dict[str, list[float]], memory: dict[str, float], start: dict[str, float], target: Any) -> None:
    shares = [guarded / bare for guarded, bare in zip(rates["guarded"], rates["bare"], strict=True)]
    floods = [denied / bare for denied, bare in zip(rates["flood"], rates["callable"], strict=True)]
    floods_flask = [denied / bare for denied, bare in zip(rates["flood"], rates["bare"], strict=True)]
    figures = {
        "requests_per_second": {name: statistics.median(found) for name, found in rates.items()},
        "guarded_share": statistics.median(shares),
        "flood_share": statistics.median(floods),
        "flood_share_of_flask": statistics.median(floods_flask),
        "worker_memory_mb": memory,
        "start_ms": start,
    }
    print(f"requests a second: bare {figures['requests_per_second']['bare']:.0f}, "  # type: ignore[index]
          f"guarded {figures['requests_per_second']['guarded']:.0f}, share {figures['guarded_share']:.3f}")  # type: ignore[index]
    print(f"a flood that is denied: {figures['flood_share']:.3f} of the rate of a bare callable, "
          f"{figures['flood_share_of_flask']:.3f} of the bare Flask app")
    print(f"worker memory, MB: bare {memory['bare']:.1f}, guarded {memory['guarded']:.1f}, "
          f"adds {memory['guarded'] - memory['bare']:.1f}")
    plain, guarded = start["werkzeug"], start["werkzeug + guard"]
    print(f"start, ms: werkzeug {plain:.0f}, with a default guard {guarded:.0f}, adds {guarded - plain:.0f}")
    if target:
        target.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
