"""Hearing of resets: a server that cannot even be found is sought again."""

from __future__ import annotations

from threading import Event

from wsgi_guard.errors import StoreError
from wsgi_guard.stores.news import News


def test_listener_outlives_a_server_that_nobody_can_name() -> None:
    sought = Event()
    attempts = []

    def connect() -> object:
        attempts.append(1)
        if len(attempts) > 1:
            sought.set()
        raise StoreError("no sentinel knows a master")

    news = News(connect, b"channel")
    news.generation()
    assert sought.wait(10)
    news.close()
