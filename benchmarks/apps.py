"""The apps that the benchmarks measure, each a plain WSGI callable; nothing here measures."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsgi_guard import Guard

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "name": {"type": "string", "maxLength": 80},
        "email": {"type": "string", "maxLength": 120},
        "active": {"type": "boolean"},
        "score": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 30}, "maxItems": 10},
        "address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}},
        "created": {"type": "string", "format": "date-time"},
        "role": {"enum": ["user", "editor", "admin"]},
        "note": {"type": "string", "maxLength": 300},
    },
    "required": ["id", "name", "email"],
    "additionalProperties": False,
}
DOCUMENT = {
    "id": 4711, "name": "Ada Lovelace", "email": "ada@example.org", "active": True, "score": 99.5,
    "tags": ["engine", "notes", "bernoulli"], "address": {"street": "St James's Square 12", "city": "London"},
    "created": "2026-01-01T12:00:00Z", "role": "editor",
    "note": "The engine might compose elaborate and scientific pieces of music of any degree of complexity "
    "or extent, were the relations of pitched sounds susceptible of such expression.",
}  # fmt: skip
BODY = json.dumps(DOCUMENT).encode()
# Three rules that all match /api/hello, high enough to never deny.
RULES = [
    {"name": "all", "limit": "1000000000 per hour", "key": "ip"},
    {"name": "api", "path": "/api/{rest+}", "limit": "1000000000 per minute", "key": "ip"},
    {"name": "hello", "path": "/api/hello", "limit": "1000000000 per second", "key": "endpoint"},
]
RATE_LIMIT = {"store": "memory", "builtin_rules": "off", "rules": RULES}
LOG_FILE = str(Path(tempfile.mkdtemp(), "guard.log"))
QUIET = {"log": {"access": False, "file": LOG_FILE}}
# A line for each request, by logging and past it, and metrics.
LOG: dict[str, Any] = {"log": {"file": LOG_FILE}}
DIRECT: dict[str, Any] = {"log": {"file": LOG_FILE, "handler": "direct"}}
METRICS: dict[str, Any] = {"admin": {"token": "a-token-for-the-benchmark"}}
OBSERVED = {**LOG, **METRICS}
FAST = {**DIRECT, **METRICS}
# What denies all but the first requests.
EXCEEDED = {**RATE_LIMIT, "rules": [{"name": "few", "limit": ["10 per day", "20 per 2 days"]}]}


def bare(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def flask() -> Any:
    from flask import Flask

    app = Flask("hello")

    @app.route("/api/hello", methods=["GET", "POST"])
    def hello() -> str:
        return "hello"

    return app


def schema_folder() -> str:
    folder = Path(tempfile.mkdtemp(prefix="schemas-"))
    (folder / "api/hello").mkdir(parents=True)
    (folder / "api/hello/POST.json").write_text(json.dumps(SCHEMA))
    return str(folder)


def guarded(app: Any, only: tuple[str, ...] | None = None, *, schemas: bool = False, **tables: Any) -> Guard:
    """Without access log and metrics, unless `tables` ask for them."""
    validation: dict[str, Any] = {"schemas": schema_folder()} if schemas else {}
    settings = {"rate_limit": RATE_LIMIT, "validation": validation, **tables}
    if only is not None:
        # Tables of layers that are left out would be settings without effect.
        settings = {name: table for name, table in settings.items() if name in (*only, *OBSERVED)}
    return Guard(app, {**QUIET, **settings}, only=only)


def alerted(app: Any) -> Guard:
    """Capture with alerts, all thresholds and Sentry set up, at addresses where nobody is: a request that goes well."""
    tables: dict[str, Any] = {
        "alerts": {"webhook": {"url": "http://127.0.0.1:9/"}, "slack": {"url": "http://127.0.0.1:9/"}},
        "capture": {"sentry_dsn": "http://key@127.0.0.1:9/1"},
    }
    return Guard(app, {**QUIET, **tables}, only=())


def composite(storage: str) -> Any:
    """What a careful Flask user assembles: Flask-Limiter, Sentry, Prometheus, Talisman, jsonschema, a JSON log line."""
    import sentry_sdk
    from flask import Flask, request
    from flask_limiter import Limiter
    from flask_limiter.util import get_remote_address
    from flask_talisman import Talisman
    from jsonschema import Draft202012Validator
    from prometheus_client import CollectorRegistry
    from prometheus_flask_exporter import PrometheusMetrics
    from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware

    sentry_sdk.init("http://key@127.0.0.1:9/1", transport=lambda event: None)
    app = Flask("composite")
    limits = ["1000000000 per hour", "1000000000 per minute", "1000000000 per second"]
    Limiter(
        get_remote_address, app=app, default_limits=limits, storage_uri=storage, strategy="moving-window",
        headers_enabled=True,
    )  # fmt: skip
    Talisman(app, force_https=False)
    PrometheusMetrics(app, registry=CollectorRegistry())
    validator = Draft202012Validator(SCHEMA)
    log = json_logger()

    @app.after_request
    def line(response: Any) -> Any:
        log.info("request", extra={"method": request.method, "path": request.path, "status": response.status_code})
        return response

    @app.route("/api/hello", methods=["GET", "POST"])
    def hello() -> Any:
        if request.method == "POST":
            validator.validate(request.get_json())
        return "hello"

    return SentryWsgiMiddleware(app)


def observed() -> Any:
    """What Flask users assemble for request ids, an access log of JSON lines and metrics."""
    from uuid import uuid4

    from flask import Flask, g, request
    from prometheus_client import CollectorRegistry
    from prometheus_flask_exporter import PrometheusMetrics

    app = Flask("observed")
    PrometheusMetrics(app, registry=CollectorRegistry())
    log = json_logger()

    @app.before_request
    def take_id() -> None:
        g.request_id = request.headers.get("X-Request-ID") or uuid4().hex

    @app.after_request
    def line(response: Any) -> Any:
        response.headers["X-Request-ID"] = g.request_id
        log.info("request", extra={"method": request.method, "path": request.path, "status": response.status_code})
        return response

    @app.route("/api/hello")
    def hello() -> str:
        return "hello"

    return app


class Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        names = ("method", "path", "status")
        fields = {name: getattr(record, name) for name in names}
        return json.dumps({"time": self.formatTime(record), "message": record.getMessage(), **fields})


def json_logger() -> logging.Logger:
    log = logging.getLogger("benchmark.composite")
    handler = logging.FileHandler(Path(tempfile.mkdtemp()) / "access.log")
    handler.setFormatter(Lines())
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.INFO)
    return log
