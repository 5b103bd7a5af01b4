"""A WebSocket echo by Flask-Sock, bare and guarded: `thin` hands errors on, `full` answers them."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_sock import Sock

flask = Flask(__name__)
sock = Sock(flask)


@sock.route("/echo")  # type: ignore[untyped-decorator]
def echo(ws: Any) -> None:
    while (text := ws.receive()) != "enough":
        ws.send(text)


def __getattr__(name: str) -> Any:
    """`thin` and `full`, made when asked for: the bare app runs without the guard being imported."""
    from wsgi_guard import Guard

    from .guarded import THIN

    return {"thin": Guard(flask, THIN), "full": Guard(flask, {})}[name]
