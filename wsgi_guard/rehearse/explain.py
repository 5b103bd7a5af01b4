"""`wsgi-guard explain`: what each layer would decide about one request, and why."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsgi_guard.ratelimit.told import is_exempt, limits_of
from wsgi_guard.validation.told import seen_of

from .lines import LONGEST, entry
from .request import Recorded, of_flags, of_raw

if TYPE_CHECKING:
    from .stage import Stage, Walk

LARGEST = 64 * 1024 * 1024
"""Bytes of a body or raw request that is read from a file."""


def add_request(parser: argparse.ArgumentParser) -> None:
    """The flags that say a request, as curl has them."""
    parser.add_argument("url", nargs="?", help="URL or path of the request")
    parser.add_argument("-X", "--request", dest="method", help="method; default GET, with a body POST")
    parser.add_argument("-H", "--header", action="append", default=[], help="a header as 'Name: value'")
    parser.add_argument("-d", "--data", help="the body; @file reads it from a file")
    parser.add_argument("--raw", help="a file with the whole request as it is on the wire")
    parser.add_argument("--client", default="127.0.0.1", help="the address it comes from")
    parser.add_argument("--identity", default="", help="who calls, as REMOTE_USER would say")


def request_of(options: argparse.Namespace) -> Recorded:
    """The request that the flags of `add_request` say. Raises ValueError and OSError."""
    if bool(options.url) == bool(options.raw):
        raise ValueError("give one of: a URL, --raw FILE")
    return _raw(options) if options.raw else _typed(options)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_request(parser)
    parser.add_argument("--id", dest="wanted", help="the id of a decision or request, looked up in --log")
    parser.add_argument("--log", help="the guard's JSON log")
    parser.add_argument("--live", action="store_true", help="ask the store of rate limits how counters stand now")
    parser.add_argument("--file", help="settings file, as for check")
    parser.add_argument("--json", action="store_true", help="print JSON in place of words")


def explain(options: argparse.Namespace) -> str:
    """What to print. Raises ValueError, OSError, LookupError or ConfigurationError with the reason when it cannot."""
    from wsgi_guard.settings import load

    from .stage import Stage

    given = [name for name in ("url", "raw", "wanted") if getattr(options, name)]
    if len(given) != 1:
        raise ValueError("give one of: a URL, --raw FILE, --id ID with --log FILE")
    then: list[dict[str, Any]] = []
    if options.wanted:
        request, then = looked_up(options)
    else:
        request = request_of(options)
    found: dict[str, Any] = {"then": then} if then else {}
    if request is not None:
        stage = Stage(load(options.file), bodies=request.body is not None, live=options.live)
        if options.live and not stage.asks_store:
            raise ValueError("the counters are in the memory of the running processes, where --live cannot see them")
        found |= told(stage, request, stage.walk(request))
    return json.dumps(found, indent=2) if options.json else words(found)


def looked_up(options: argparse.Namespace) -> tuple[Recorded | None, list[dict[str, Any]]]:
    """The request of that id as far as the log tells of it, and what was decided then. Raises LookupError."""
    if not options.log:
        raise ValueError("--id needs --log, the guard's JSON log")
    request, then = None, []
    with open(options.log, "rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST), b""), 1):
            if options.wanted.encode() not in line:
                continue
            found, audit = _entry_of(line, number, options.wanted)
            request = found or request
            then += audit
    if request is None and not then:
        raise LookupError(f"the log has no line of {options.wanted!r}")
    # An audit line says more of the same decision than the access line does.
    told = {one.get("id", at): one for at, one in enumerate(sorted(then, key=len))}
    return replace(request, at=0.0) if request is not None else None, list(told.values())


def _entry_of(line: bytes, number: int, wanted: str) -> tuple[Recorded | None, list[dict[str, Any]]]:
    try:
        parsed = json.loads(line)
        told = parsed.get("audit") or parsed
        decisions = [one for one in told.get("decisions") or () if isinstance(one, dict)]
        # A decision is looked up by its own id, or all of a request by that of the request.
        kept = [one for one in decisions if wanted == one.get("id")]
        if not kept:
            if wanted not in (told.get("request_id"), parsed.get("request_id")):
                return None, []
            kept = decisions
        found = entry(line, number)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, []
    return (found.request if found is not None else None), kept


def _typed(options: argparse.Namespace) -> Recorded:
    data = None
    if options.data is not None:
        data = _read(options.data[1:]) if options.data.startswith("@") else options.data.encode()
    return of_flags(
        options.url, method=options.method, headers=options.header, data=data, client=options.client,
        identity=options.identity,
    )  # fmt: skip


def _raw(options: argparse.Namespace) -> Recorded:
    return of_raw(_read(options.raw), client=options.client, identity=options.identity)


def _read(path: str) -> bytes:
    with Path(path).open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"{path!r} is larger than {LARGEST} bytes")
    return data


def told(stage: Stage, request: Recorded, walk: Walk) -> dict[str, Any]:
    """What each layer said, in the order in which they are asked."""
    facts, names = walk.facts, [layer.name for layer in stage.made.full.layers]
    names = [name for name in names if name in ("rate_limit", "validation", "health", "admin")]
    asked = names[: names.index(walk.stopped) + 1] if walk.stopped in names else names
    layers = []
    for name in names:
        reasons = [
            {"verdict": one.verdict, "rule": one.rule, "reason": one.reason}
            for one in facts.decided
            if one.layer == name
        ]
        layers.append({"layer": name, "verdict": _verdict(name, asked, walk, reasons), "decisions": reasons})
    found: dict[str, Any] = {
        "request": {
            "method": request.method, "path": facts.route.given, "canonical": facts.route.canonical,
            "client": facts.client_ip, "identity": facts.identity,
        },
        "layers": layers,
        "limits": [limit._asdict() for limit in limits_of(facts)],
        "limits_text": [limit.as_text() for limit in limits_of(facts)],
        "exempt": is_exempt(facts),
        "schemas": seen_of(facts),
        "counters": "of the store" if stage.asks_store else "new, as for a first request",
        "answer": None,
    }  # fmt: skip
    if walk.reply is not None:
        found["answer"] = {
            "status": walk.reply.status, "headers": list(walk.reply.headers),
            "body": walk.reply.body.decode("utf-8", "replace"),
        }  # fmt: skip
    if request.body is None:
        found["note"] = "the log holds no headers and body, so what looks at them was left out"
    return found


def _verdict(name: str, asked: list[str], walk: Walk, reasons: list[dict[str, str]]) -> str:
    if name not in asked:
        return "not asked"
    if name == walk.stopped:
        return "denies" if walk.status >= 400 else "answers"
    return "reports" if reasons else "passes"


def words(found: dict[str, Any]) -> str:
    lines = [f"then: {_said(one)}" for one in found.get("then", ())]
    if "request" not in found:
        return "\n".join([*lines, "the log holds no access line of it, so it cannot be walked again"])
    asked = found["request"]
    known = f", who is {asked['identity']}" if asked["identity"] else ""
    lines.append(f"{asked['method']} {asked['path']} from {asked['client']}{known}")
    for layer in found["layers"]:
        lines.append(f"  {layer['layer']:<11} {layer['verdict']}")
        lines += [f"              {text}" for text in _reasons(layer, found)]
    answer = found["answer"]
    lines.append(f"  {'the app':<11} " + ("not asked" if answer else "is asked"))
    if answer:
        lines += [f"answer: {answer['status']}", *([answer["body"]] if answer["body"] else [])]
    lines.append(f"counters: {found['counters']}")
    return "\n".join([*lines, *([f"note: {found['note']}"] if "note" in found else [])])


def _reasons(layer: dict[str, Any], found: dict[str, Any]) -> list[str]:
    said = [_said(one) for one in layer["decisions"]]
    if layer["verdict"] == "not asked":
        return []
    if layer["layer"] == "rate_limit":
        alone = ["no limit: exempt"] if found["exempt"] else ["no rule matches"]
        return [*said, *(found["limits_text"] or ([] if said else alone))]
    if layer["layer"] == "validation":
        return [*(f"{part} by {file}" for part, file in found["schemas"].items()), *said]
    return said


def _said(one: dict[str, Any]) -> str:
    rule, reason = one.get("rule") or "", one.get("reason") or ""
    return f"{one.get('verdict')} {rule}{': ' if rule and reason else ''}{reason}".strip()
