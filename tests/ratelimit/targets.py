"""Functions that rules of the tests name."""

from __future__ import annotations

from typing import Any


def plan(environ: dict[str, Any]) -> Any:
    """A limit by what the client says of itself; nonsense where it asks for that."""
    return {"pro": "5 per hour", "free": None, "list": ["6/h", "7/d"], "odd": 17.5}[environ.get("HTTP_PLAN", "free")]


def cost(environ: dict[str, Any]) -> Any:
    sent = environ.get("HTTP_COST", "1")
    return int(sent) if sent.lstrip("-").isdigit() else sent
