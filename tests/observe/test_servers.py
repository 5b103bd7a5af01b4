"""The server's own log of an exception that came through to it holds no secret."""

from __future__ import annotations

import logging
from contextlib import suppress
from http.client import HTTPException

import pytest

from tests.live.servers import running
from wsgi_guard.observe.servers import SERVERS, Discretion, be_discreet
from wsgi_guard.redact import Redactor

SECRETS = ("of-the-client-5f1", "of-the-database", "of-the-query")


@pytest.mark.live
@pytest.mark.parametrize("path", ["/body", "/close"])
@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent"])
def test_exception_after_the_start_of_an_answer_is_logged_without_secrets(server: str, path: str) -> None:
    options = ["-c", "python:wsgi_guard.gunicorn"]
    with running(server, "tests.observe.leaking:app", options=options) as site:
        with suppress(OSError, HTTPException, EOFError, AssertionError):
            site.get(f"{path}?token=of-the-query", {"X-Api-Key": "of-the-client-5f1"})
        site.wait_log(r"ValueError[\s\S]*leaking.py[\s\S]*ValueError")
        site.stop()
        log = site.log()
    assert "in _why" in log or "_why(self._environ)" in log
    assert [secret for secret in SECRETS if secret in log] == []


def record_of(name: str, message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, None) if error is not None else None
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, args, info)


@pytest.mark.parametrize("name", SERVERS)
def test_one_redactor_stands_at_each_log_however_many_guards_there_are(name: str) -> None:
    be_discreet(Redactor())
    be_discreet(Redactor(["colour"]))
    [one] = [one for one in logging.getLogger(name).filters if isinstance(one, Discretion)]
    record = record_of(name, "in %s", "/?colour=of-the-query", error=ValueError("password=of-the-database"))
    assert one.filter(record)
    text = logging.Formatter().format(record)
    assert "ValueError" in text
    assert [secret for secret in SECRETS if secret in text] == []


class Wordless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("of-the-client-5f1")


def test_exception_without_words_is_named() -> None:
    record = record_of("gunicorn.error", "in %s %s", "too few", error=Wordless())
    assert Discretion(Redactor()).filter(record)
    text = logging.Formatter().format(record)
    assert "Wordless" in text
    assert "of-the-client-5f1" not in text
