"""Many short texts in one body: each is looked at once, an attack among them is found wherever it stands."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsgi_guard.validation.crowds import Crowd, document_texts, field_texts
from wsgi_guard.validation.leaves import of_fields, of_json
from wsgi_guard.validation.shapes import ANY
from wsgi_guard.validation.threats.screen import is_plain

from .asking import FORM, JSON, Audit, Site
from .attacks import ATTACKS
from .test_leaves import VALUES

DENSE = "{{{{{0}", "&a{0}&b", "(select {0}", "f(x{0})[i] = 1;", "<p>{0}</p>", "it's '{0}'"
SHORT = [value for values in ATTACKS.values() for value in values if 3 < len(value) < 100]
PADDING = ["word"] * 1000
PIECES = st.sampled_from([
    "a", "b c", "'", "it's", "O'Brien", "é", "ﬁ", "⑴", "<", "\x01", "union", "order by", "--", " ", "\ud800",
])  # fmt: skip


def crowd(unit: str, attack: str, at: int) -> list[str]:
    texts = [unit.format(number) for number in range(700)]
    texts.insert(at * 7, attack)
    return texts


@pytest.mark.parametrize("unit", DENSE)
@pytest.mark.parametrize("place", ["json", "names", "lines", "form"])
def test_an_attack_in_a_crowd_is_found_or_the_body_declared(audit: Audit, unit: str, place: str) -> None:
    site = Site(None, threats={"mode": "block"})
    missed = []
    for number, attack in enumerate(SHORT[:: len(DENSE)]):
        texts = crowd(unit, attack, number % 100)
        bodies = {
            "json": (JSON, json.dumps(texts)), "names": (JSON, json.dumps(dict.fromkeys(texts, 1))),
            "lines": ("application/x-ndjson", "\n".join(map(json.dumps, texts))),
            "form": (FORM, "&".join(f"a{number}={quote_plus(text)}" for number, text in enumerate(texts))),
        }  # fmt: skip
        kind, body = bodies[place]
        audit.decisions.clear()
        if site.ask("/", "POST", body.encode(), CONTENT_TYPE=kind).code != 403 and (
            ("unscanned", "body") not in audit.kinds()
        ):
            missed.append(attack)
    assert missed == []


@settings(max_examples=200)
@given(VALUES)
def test_texts_of_a_crowd_are_those_of_its_document_and_their_first_places(value: Any) -> None:
    document = {"a": value, "b": PADDING, "c": "' or 1=1--"}
    found = document_texts(json.dumps(document), document)
    assert isinstance(found, Crowd)
    single = of_json(document, ANY)
    assert sorted(found.texts) == sorted({leaf.text for leaf in single})
    assert {(leaf.text, leaf.pointer) for leaf in found.all()} == {(leaf.text, leaf.pointer) for leaf in single}
    first = {leaf.text: leaf.pointer for leaf in reversed(found.all())}
    assert {leaf.text: leaf.pointer for leaf in found.leaves(found.texts)} == first


@given(st.lists(st.lists(PIECES, max_size=4).map("".join), unique=True, max_size=12))
@example(["a", "<", ""])
@example(["<", "union all"])
@example(["O'Brien", "'or'", "plain"])
@example(["\x01", "a", "<"])
def test_crowd_keeps_all_that_is_not_plain_in_order(texts: list[str]) -> None:
    found = Crowd(dict.fromkeys(texts), lambda: iter([(text, ()) for text in texts]))
    assert found.texts == [text for text in texts if not is_plain(text)]


def test_fields_of_a_crowd_stand_where_they_do() -> None:
    fields = [("a", "<b>"), *((f"x{number}", "y") for number in range(300)), ("<b>", "<b>"), ("c", "{\"d\": \"<i>\"}")]
    found = field_texts(fields)
    assert isinstance(found, Crowd)
    told = [(leaf.text, leaf.pointer) for leaf in found.all()]
    assert sorted(told) == sorted((leaf.text, leaf.pointer) for leaf in of_fields(fields, ANY))
    assert [(leaf.text, leaf.pointer) for leaf in found.leaves(["<i>", "<b>"])] == [("<b>", "/a"), ("<i>", "/c/d")]


def test_an_exclusion_leaves_out_one_place_of_a_text_and_no_other() -> None:
    texts = crowd("{{{0}", "' or 1=1--", 3)
    body = json.dumps({"html": "' or 1=1--", "rest": texts}).encode()
    excused = Site(None, threats={"mode": "block", "exclude": [{"path": "/", "pointer": "/html"}]})
    assert excused.post("/", body).code == 403
    alone = json.dumps({"html": "' or 1=1--", "rest": crowd("{{{0}", "x", 3)}).encode()
    assert excused.post("/", alone).code == 200
    assert Site(None, threats={"mode": "block"}).post("/", alone).code == 403
