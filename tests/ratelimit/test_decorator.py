"""`@rate_limit` on a function."""

from __future__ import annotations

import asyncio
import inspect
import logging
from inspect import iscoroutinefunction

import pytest

from tests.ratelimit.support import Site, field, rule
from wsgi_guard import rate_limit
from wsgi_guard.errors import Refused
from wsgi_guard.facts import CURRENT
from wsgi_guard.ratelimit import decorator
from wsgi_guard.settings.sections import RuleSection

calls: list[str] = []


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


@rate_limit("search")
def search(word: str = "x", *, page: int = 1) -> str:
    """Finds a word."""
    calls.append(word)
    return f"{word}/{page}"


class Shop:
    @rate_limit("search")
    def buy(self, what: str) -> str:
        calls.append(what)
        return what


def _search_rule(limit: str = "2 per hour", path: tuple[str, ...] | None = (), **keys: object) -> RuleSection:
    return rule("search", limit, path=path, **keys)


def test_function_keeps_its_face() -> None:
    assert search.__name__ == "search"
    assert search.__doc__ == "Finds a word."
    assert not iscoroutinefunction(search)


def test_calls_are_counted_and_refused() -> None:
    site = Site(_search_rule())
    assert [site.run(search).code for _ in range(4)] == [200, 200, 429, 429]
    assert len(calls) == 2
    assert site.decisions() == [("deny", "search")]


def test_arguments_and_result_pass_through() -> None:
    site, found = Site(_search_rule()), list[str]()
    site.run(lambda: found.append(search("word", page=2)))
    site.run(lambda: found.append(Shop().buy("shoe")))
    assert found == ["word/2", "shoe"]


def test_each_call_of_a_request_counts() -> None:
    site = Site(_search_rule("3 per hour"))
    assert site.run(lambda: [search(), search()]).code == 200
    assert site.run(lambda: [search(), search()]).code == 429
    assert len(calls) == 3


def test_rule_met_by_path_is_not_charged_again() -> None:
    site = Site(_search_rule(path=("/search",)))
    assert [site.run(search, "/search").code for _ in range(3)] == [200, 200, 429]
    assert len(calls) == 2


def test_rule_of_another_path_is_charged_by_name() -> None:
    site = Site(_search_rule(path=("/elsewhere",), methods=("POST",)))
    assert [site.run(search, "/search").code for _ in range(3)] == [200, 200, 429]


def test_fields_tell_of_path_and_function_together() -> None:
    site = Site(rule("wide", "100 per hour"), _search_rule("5 per minute"))
    head = site.run(lambda: [search(), search()])
    assert field(head, "RateLimit-Policy") == '"wide";q=100;w=3600, "search";q=5;w=60'
    current = field(head, "RateLimit") or ""
    assert [item.split(";")[:2] for item in current.split(", ")] == [['"search"', "r=3"], ['"wide"', "r=99"]]


def test_refusal_is_noted_for_frameworks_that_hide_it() -> None:
    site = Site(_search_rule("0 per hour"))

    def framework() -> None:
        with pytest.raises(Refused) as caught:
            search()
        assert site.facts.noted is caught.value

    head = site.run(framework)
    assert head.code == 200
    refused = site.facts.noted
    assert refused is not None
    assert refused.status == 429
    assert {name for name, _ in refused.headers} == {"Retry-After", "RateLimit-Policy", "RateLimit"}
    assert field(head, "RateLimit") is not None


def test_refusal_that_reaches_the_guard_is_told_once() -> None:
    site = Site(rule("wide", "100 per hour"), _search_rule("0 per hour"))
    head = site.run(search)
    assert head.code == 429
    assert (field(head, "RateLimit") or "").startswith('"search";r=0')


def test_exempt_request_is_free_in_functions_too() -> None:
    free = RuleSection(name="free", path=("/internal",), exempt=True)
    site = Site(_search_rule("1 per hour"), free)
    assert [site.run(search, "/internal").code for _ in range(3)] == [200] * 3
    assert [site.run(search, "/").code for _ in range(2)] == [200, 429]


def test_options_request_is_charged_by_function() -> None:
    site = Site(_search_rule("1 per hour"))
    assert [site.run(search, method="OPTIONS").code for _ in range(2)] == [200, 429]


def test_shadow_rule_reports_calls() -> None:
    site = Site(_search_rule("1 per hour", mode="shadow"))
    assert [site.run(search).code for _ in range(2)] == [200] * 2
    assert site.decisions() == [("shadow", "search")]


def test_unknown_rule_is_named_with_the_known() -> None:
    site = Site(rule("other"))
    with pytest.raises(LookupError, match=r"no rate limit rule 'search' .* known are: other"):
        site.run(search)


def test_call_outside_a_request_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="'search' was charged outside a request"):
        search()
    site = Site(_search_rule())
    site.run(lambda: None)
    token = CURRENT.set(site.facts)
    try:
        with pytest.raises(RuntimeError):
            search()
    finally:
        CURRENT.reset(token)


def test_name_is_needed() -> None:
    with pytest.raises(TypeError, match=r'@rate_limit\("name"\)'):
        rate_limit(search)  # type: ignore[arg-type]


def test_layer_that_is_off_is_told_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decorator, "_unlimited", set())
    facts = Site().begin()
    token = CURRENT.set(facts)
    try:
        with caplog.at_level(logging.WARNING, "wsgi_guard"):
            assert [search(), search()] == ["x/1", "x/1"]
    finally:
        CURRENT.reset(token)
    assert [record.getMessage() for record in caplog.records] == [
        "rate limit rule 'search' is not kept: the layer rate_limit is off"
    ]


def test_coroutine_function_stays_one() -> None:
    @rate_limit("search")
    async def later(word: str) -> str:
        await asyncio.sleep(0)
        return word

    assert iscoroutinefunction(later)
    site = Site(_search_rule())
    assert [site.run(lambda: asyncio.run(later("x"))).code for _ in range(3)] == [200, 200, 429]


def test_wrapper_shows_the_signature_of_the_function() -> None:
    @rate_limit("search")
    def view(request: object) -> str:
        return "found"

    assert inspect.getfullargspec(view).args == ["request"]
