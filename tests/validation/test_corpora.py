"""Detection on the corpora that `WSGI_GUARD_CORPORA` names; they are other people's and no part of the project."""

from __future__ import annotations

import json
import os
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from tests.support.calling import serve
from wsgi_guard import Guard

FOLDER = Path(os.environ.get("WSGI_GUARD_CORPORA") or "/nowhere")
# Percent at least of each class, and at most of each tier of honest traffic.
FOUND = {"sqli": 86, "xss": 95, "cmdi": 78, "traversal": 89, "ldap": 51}
WRONGLY = {"A": 0.05, "H": 2, "B": 6}
BLOCKED = (400, 403, 406, 413, 422, 429)

def environ(sent: dict[str, Any]) -> dict[str, Any]:
    path, _, query = sent["target"].partition("?")
    made: dict[str, Any] = {
        "REQUEST_METHOD": sent["method"], "SCRIPT_NAME": "", "QUERY_STRING": query, "RAW_URI": sent["target"],
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"), "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(sent["body"].encode("latin-1")),
    }  # fmt: skip
    for name, value in sent["headers"]:
        key = name.upper().replace("-", "_")
        made[key if key.startswith("CONTENT_") and key != "CONTENT_ENCODING" else f"HTTP_{key}"] = value
    return made


# Not there where the corpora are not.
if FOLDER.is_dir():

    @pytest.mark.extra
    def test_more_is_found_and_less_is_blocked_wrongly_than_by_anybody_else() -> None:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"ok"]

        guard = Guard(app, {"validation": {"threats": {"mode": "block"}}}, only=("validation",))
        asked: Counter[str] = Counter()
        blocked: Counter[str] = Counter()
        for name in ("attack", "legit"):
            for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines():
                sent = json.loads(line)
                if sent["corpus"] != "crs-pl2":
                    kind = sent["class"] if sent["tier"] == "attack" else sent["tier"]
                    code = serve(guard, environ(sent)).code
                    assert code < 500
                    asked[kind] += 1
                    blocked[kind] += code in BLOCKED
        share = {kind: 100 * blocked[kind] / asked[kind] for kind in asked}
        assert {kind: share[kind] for kind in FOUND if share[kind] < FOUND[kind]} == {}
        assert {tier: share[tier] for tier in WRONGLY if share[tier] > WRONGLY[tier]} == {}
