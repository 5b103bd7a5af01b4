"""What the screen finds and what it blocks wrongly, by class and tier, and what it costs.

    python benchmarks/detection.py --corpora DIR

DIR holds attack.jsonl and legit.jsonl: one request a line with tier, class, method, target, headers and body. Blocked
is a 400, 403, 406, 413, 422 or 429 of a guard with `mode = "block"` around an app that answers 200.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from urllib.parse import unquote_to_bytes

from apps import bare, flask

from wsgi_guard import Guard

BLOCKED = {400, 403, 406, 413, 422, 429}
ROUNDS, REQUESTS = 40, 300


def requests(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def environ(sent: dict[str, Any]) -> dict[str, Any]:
    """What a server makes of a request."""
    path, _, query = sent["target"].partition("?")
    body = sent["body"].encode("latin-1")
    made = {
        "REQUEST_METHOD": sent["method"], "SCRIPT_NAME": "", "RAW_URI": sent["target"], "QUERY_STRING": query,
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"), "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }  # fmt: skip
    for name, value in sent["headers"]:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        made[key] = f"{made[key]},{value}" if key in made else value
    if "HTTP_TRANSFER_ENCODING" in made:
        made["wsgi.input_terminated"] = True
        body = unchunked(body)
    made["wsgi.input"] = io.BytesIO(body)
    return made


def unchunked(data: bytes) -> bytes:
    found, rest = b"", data
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        found, rest = found + rest[:length], rest[length + 2 :]
    return found


def ask(app: Any, sent: dict[str, Any]) -> int:
    """The status of the answer to a request."""
    codes: list[int] = []
    answer = app(sent, lambda status, headers, exc_info=None: codes.append(int(status[:3])))
    for _ in answer:
        pass
    getattr(answer, "close", lambda: None)()
    return codes[-1]


def detection(folder: Path) -> None:
    guard = Guard(bare, {"validation": {"threats": {"mode": "block"}}}, only=("validation",))
    blocked: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    times = []
    for name in ("attack", "legit"):
        for sent in requests(folder / f"{name}.jsonl"):
            what = f"found {sent['class']}" if sent["tier"] == "attack" else f"wrongly {sent['tier']}"
            if sent["corpus"] == "crs-pl2":
                what += " (crs-pl2)"
            made = environ(sent)
            begin = perf_counter()
            code = ask(guard, made)
            times.append(perf_counter() - begin)
            asked[what] += 1
            blocked[what] += code in BLOCKED
    for what in sorted(asked):
        print(f"{what:24} {blocked[what]:5} of {asked[what]:5}  {100 * blocked[what] / asked[what]:6.2f} %")
    print(f"median time of a request: {median(times) * 1e6:.0f} µs")


ORDINARY = {
    "method": "GET", "target": "/api/hello?page=2&q=red+shoes&sort=price&lang=en-GB", "body": "", "headers": [
        ["Host", "www.example.org"], ["User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:129.0) Gecko/20100101"],
        ["Accept", "text/html,*/*;q=0.8"], ["Accept-Language", "en"], ["Accept-Encoding", "gzip"], ["DNT", "1"],
        ["Connection", "keep-alive"], ["Cookie", "sid=abc; theme=dark"], ["Sec-Fetch-Site", "same-origin"],
        ["Referer", "https://www.example.org/a?b=c"], ["X-Forwarded-For", "203.0.113.4"], ["X-CSRF-Token", "abcdef"],
    ],
}  # fmt: skip


def speed() -> None:
    """What the screen adds to an ordinary GET, in units of hello (Flask minus a bare callable)."""
    validation = {mode: {"validation": {"threats": {"mode": mode}}} for mode in ("block", "off")}
    apps: dict[str, Callable[..., Any]] = {
        "bare": bare, "flask": flask(),
        **{mode: Guard(bare, settings, only=("validation",)) for mode, settings in validation.items()},
    }  # fmt: skip
    times: dict[str, list[float]] = {name: [] for name in apps}
    for _ in range(ROUNDS):
        for name, app in apps.items():
            made = [environ(ORDINARY) for _ in range(REQUESTS)]
            begin = perf_counter()
            for one in made:
                ask(app, one)
            times[name].append((perf_counter() - begin) / REQUESTS * 1e6)
    middle = {name: median(values) for name, values in times.items()}
    hello, screen = middle["flask"] - middle["bare"], middle["block"] - middle["off"]
    print(f"screen of a GET with four values and twelve headers: {screen:.1f} µs, {screen / hello:.3f} hello")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, help="folder of attack.jsonl and legit.jsonl; without it only speed")
    given = parser.parse_args()
    logger = logging.getLogger("wsgi_guard")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    if given.corpora is not None:
        detection(given.corpora)
    speed()


if __name__ == "__main__":
    main()
