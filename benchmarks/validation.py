"""Cost of validation per request: schemas alone, threats alone, both, beside what does each job by itself.

    python benchmarks/validation.py [--rounds 20] [--requests 200] [--json FILE] [--no-lengths]

All variants of a row are measured in turns within one run; trust the ratios. "hello" is what Flask's own dispatch of a
hello-world costs in the same run. What the layer adds is over the same guard without it and, where a body is parsed,
over nothing: the parsing is in it. The second table is time against length, which has to grow in step.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import platform
import re
import statistics
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from time import thread_time
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import apps
from overhead import Measured, Variant, measure, request_of

from wsgi_guard import Guard

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BOUNDARY = "----benchmark"
# No line for a request, which is another benchmark's.
QUIET = {"log": {"access": False}}
QUERY = {"q": "blue kettle", "page": "2", "sort": "price", "in_stock": "true"}
FIELDS = {
    "id": "4711", "name": "Ada Lovelace", "email": "ada@example.org", "active": "true", "score": "99.5",
    "role": "editor", "created": "2026-01-01T12:00:00Z", "note": apps.DOCUMENT["note"],
}  # fmt: skip
# As many have them in a middleware of their own.
EXPRESSIONS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"union\s+select", r"\bor\b\s+\d+\s*=\s*\d+", r"('|\")\s*or\s*('|\")", r";\s*drop\s+table", r"--\s*$",
        r"/\*.*\*/", r"sleep\s*\(", r"benchmark\s*\(", r"<script[^>]*>", r"javascript\s*:", r"on\w+\s*=",
        r"<iframe[^>]*>", r"\.\./", r"/etc/passwd", r"\$\(.*\)", r"`.*`", r"\|\s*(cat|ls|id|whoami)\b",
        r"&&\s*(cat|ls|id|whoami)\b", r"\)\(\|", r"\*\)\(",
    )
]  # fmt: skip


class Case(NamedTuple):
    """One kind of request: its schema files, and what others would do with it by hand."""

    name: str
    files: dict[str, Any]
    request: dict[str, Any]
    texts: Callable[[], list[str]]
    value: Callable[[], Any]
    schema: Any
    # How often it is asked of what `--requests` says: a megabyte takes its time.
    share: float = 1.0


def _texts(value: Any) -> list[str]:
    found, rest = [], [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, (list, dict)):
            rest.extend(item.values() if isinstance(item, dict) else item)
    return found


def json_case(name: str, document: Any, schema: Any, share: float = 1.0) -> Case:
    body = json.dumps(document).encode()
    return Case(
        f"{name} ({len(body):,} bytes)", {"api/hello/POST.json": schema}, {"method": "POST", "body": body},
        lambda: _texts(json.loads(body)), lambda: json.loads(body), schema, share,
    )  # fmt: skip


def listed(schema: Any) -> Any:
    return {"type": "array", "items": schema}


def cases() -> list[Case]:
    query_schema = {
        "type": "object",
        "properties": {
            "q": {"type": "string", "maxLength": 80}, "page": {"type": "integer", "minimum": 1},
            "sort": {"enum": ["price", "name"]}, "in_stock": {"type": "boolean"},
        },
        "additionalProperties": False,
    }  # fmt: skip
    text, form = urlencode(QUERY), urlencode(FIELDS).encode()
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in FIELDS.items()
    ]
    multipart = ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()
    copies = [apps.DOCUMENT] * 2300
    return [
        Case(
            "GET, 4 query values", {"api/hello/GET.query.json": query_schema}, {"method": "GET", "QUERY_STRING": text},
            lambda: [value for _, value in parse_qsl(text)], lambda: typed(parse_qsl(text)), query_schema,
        ),
        json_case("JSON", apps.DOCUMENT, apps.SCHEMA),
        json_case("JSON", copies[:22], listed(apps.SCHEMA), 0.1),
        json_case("JSON", copies, listed(apps.SCHEMA), 0.002),
        Case(
            f"form ({len(form):,} bytes)", {"api/hello/POST.form.json": apps.SCHEMA},
            {"method": "POST", "body": form, "CONTENT_TYPE": FORM},
            lambda: [value for _, value in parse_qsl(form.decode())], lambda: typed(parse_qsl(form.decode())),
            apps.SCHEMA,
        ),
        Case(
            f"multipart ({len(multipart):,} bytes)", {"api/hello/POST.form.json": apps.SCHEMA},
            {"method": "POST", "body": multipart, "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}"},
            lambda: list(FIELDS.values()), lambda: typed(FIELDS.items()), apps.SCHEMA,
        ),
    ]  # fmt: skip


def typed(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Fields in the types of their schema, as one writes it by hand for these alone."""
    found: dict[str, Any] = dict(fields)
    for name, kind in (("id", int), ("page", int), ("score", float)):
        if name in found:
            found[name] = kind(found[name])
    for name in ("active", "in_stock"):
        if name in found:
            found[name] = found[name] == "true"
    return found


def guarded(files: dict[str, Any] | None, mode: str, **settings: Any) -> Any:
    """A bare app behind capture and validation, which may read a megabyte."""
    validation: dict[str, Any] = {
        "threats": {"mode": mode, "scan": "2 MiB"}, "max_body": "2 MiB", "max_members": 100_000, **settings,
    }  # fmt: skip
    if files is not None:
        folder = Path(tempfile.mkdtemp(prefix="schemas-"))
        for name, schema in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(schema))
        validation["schemas"] = str(folder)
    return Guard(apps.bare, {"validation": validation, **QUIET}, only=("validation",))


def variants(case: Case) -> dict[str, Variant]:
    found = {
        "capture alone": request_of(Guard(apps.bare, QUIET, only=()), **case.request),
        "schema": request_of(guarded(case.files, "off"), **case.request),
        "schema, jsonschema-rs": request_of(guarded(case.files, "off", engine="jsonschema-rs"), **case.request),
        "threats": request_of(guarded(None, "block"), **case.request),
        "both": request_of(guarded(case.files, "block"), **case.request),
        "both, jsonschema-rs": request_of(guarded(case.files, "block", engine="jsonschema-rs"), **case.request),
        "20 expressions": lambda: any(one.search(text) for text in case.texts() for one in EXPRESSIONS) and None,
    }
    return found | direct(case.value, case.schema)


def direct(value: Callable[[], Any], schema: Any) -> dict[str, Variant]:
    """The engines by themselves, each with the parsing it needs and a validator that is built already.

    That of a query or form is `parse_qsl` and the types by hand; fields of a multipart body are there already.
    """
    import jsonschema_rs
    from jsonschema import Draft202012Validator

    plain, fast = Draft202012Validator(schema), jsonschema_rs.Draft202012Validator(schema)
    return {
        "parsing": lambda: value() and None,
        "parsing + jsonschema": lambda: list(plain.iter_errors(value())) and None,
        "parsing + jsonschema-rs": lambda: fast.is_valid(value()) and None,
    }


def timed(request: Variant, count: int) -> float:
    """Microseconds a request of processor time: nothing here waits, so what else the machine does counts for less."""
    gc.collect()
    start = thread_time()
    for _ in range(count):
        request()
    return (thread_time() - start) / count * 1e6


def timings(case: Case, rounds: int, requests: int) -> list[dict[str, Any]]:
    """A row for each variant; what the guard adds is over `capture alone`."""
    hello: dict[str, Measured] = {
        "flask": partial(timed, request_of(apps.flask(), "GET")),
        "bare": partial(timed, request_of(apps.bare, "GET")),
    }
    count = max(1, int(requests * case.share))
    found: dict[str, Measured] = {}
    for name, run in variants(case).items():
        run()
        # A megabyte is not repeated as often as a hello is.
        found[name] = lambda asked, run=run: timed(run, max(1, min(asked, count)))  # type: ignore[misc]
    times = measure(hello | found, rounds, requests)
    unit = statistics.median(a - b for a, b in zip(times["flask"], times["bare"], strict=True))
    rows = []
    for name in found:
        figures = times[name]
        if name in ("schema", "schema, jsonschema-rs", "threats", "both", "both, jsonschema-rs"):
            figures = [a - b for a, b in zip(figures, times["capture alone"], strict=True)]
        median = statistics.median(figures)
        rows.append({"case": case.name, "variant": name, "median_us": median, "hello": median / unit})
    return rows


# Texts that make something repeat: quotes, tags, escapes, comments, brackets, words of SQL, dots.
PUMPED = (
    "word ", "'", "' or 1=1 ", "<", "<a ", "<svg onload=", "%25", "%2525", "&#x3c;", "&lt;", "\\u003c", "/*", "/**/",
    "--", "(", "((a", "../", "..%2f", "$(", "${", "`", ";", "| ", "*)(", "a=", "0x41", "union select ", "\u00e9",
    "\uff1c", "eyJhbGciOi", "@@", "\\", "\t\n ", "{{", "0,", "1e1", "a.b@c.", "http://",
)  # fmt: skip
LENGTHS = (16 * 1024, 128 * 1024, 1024 * 1024 - 64)


def lengths(rounds: int) -> list[dict[str, Any]]:
    """For each pumped text the time of a request with it, in `json.loads` of a JSON document of that size."""
    app = guarded({"api/hello/POST.json": {"properties": {"note": {"type": "string"}}}}, "shadow")
    plain = [json.dumps([apps.DOCUMENT] * (length // 458)).encode() for length in LENGTHS]
    reference = [min(timed(lambda body=body: json.loads(body) and None, 1) for _ in range(5)) for body in plain]  # type: ignore[misc]
    rows = []
    for text in PUMPED:
        row: dict[str, Any] = {"text": text}
        for length, unit in zip(LENGTHS, reference, strict=True):
            body = _pumped(text, length)
            request = request_of(app, "POST", body)
            took = min(_once(request) for _ in range(rounds))
            row[str(length)] = {"us": took, "of_json_loads": took / unit}
        rows.append(row)
    return rows


def _pumped(text: str, length: int) -> bytes:
    size = len(json.dumps(text, ensure_ascii=False).encode()) - 2
    return json.dumps({"note": text * (length // size)}, ensure_ascii=False).encode()


def _once(request: Variant) -> float:
    start = thread_time()
    request()
    return (thread_time() - start) * 1e6


def show(rows: list[dict[str, Any]]) -> None:
    case = ""
    for row in rows:
        if row["case"] != case:
            case = row["case"]
            print(f"\n{case:32} {'median µs':>12} {'hello':>9}")
        print(f"  {row['variant']:30} {row['median_us']:12.2f} {row['hello']:9.3f}")


def show_lengths(rows: list[dict[str, Any]]) -> None:
    head = " ".join(f"{length:>12,}" for length in LENGTHS)
    print(f"\n{'pumped text, in json.loads':28} {head} {'1 MiB : 128 KiB':>16}")
    for row in sorted(rows, key=lambda row: -row[str(LENGTHS[-1])]["of_json_loads"]):
        figures = " ".join(f"{row[str(length)]['of_json_loads']:12.2f}" for length in LENGTHS)
        growth = row[str(LENGTHS[-1])]["us"] / row[str(LENGTHS[-2])]["us"]
        print(f"{row['text']!r:28} {figures} {growth:16.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--no-lengths", action="store_true", help="leave out time against length")
    options = parser.parse_args()
    target = options.json.resolve() if options.json else None
    # No settings file of the current folder may have a say.
    os.chdir(tempfile.mkdtemp())
    # What shadow mode finds is not to be written to the terminal.
    logging.getLogger("wsgi_guard").addHandler(logging.NullHandler())
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {options.rounds} x {options.requests} requests")
    rows = [row for case in cases() for row in timings(case, options.rounds, options.requests)]
    show(rows)
    pumped = [] if options.no_lengths else lengths(3)
    if pumped:
        show_lengths(pumped)
    if target:
        found = {"python": platform.python_version(), "rows": rows, "lengths": pumped}
        target.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
