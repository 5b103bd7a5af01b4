"""Which texts of a JSON document need a look."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsgi_guard.validation.leaves import of_document, of_json
from wsgi_guard.validation.shapes import ANY, Shape

TEXTS = st.lists(st.sampled_from([
    "kettle", " ", "union", "O'Brien", "'", "it's", "order by", "<b>", "\\", "\"", "\n", "é", "1", "-", "--", "{}", "[",
    "a@b.c", "'or",
]), max_size=4).map("".join)  # fmt: skip
VALUES = st.recursive(
    TEXTS | st.integers() | st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    lambda some: st.lists(some, max_size=4) | st.dictionaries(TEXTS, some, max_size=4),
    max_leaves=12,
)


def shape() -> Shape:
    found, silent = Shape(), Shape()
    silent.silent = True
    found.properties = {"kettle": Shape(), "union": silent}
    found.items = silent
    return found


@settings(max_examples=300)
@given(VALUES, st.booleans(), st.booleans())
@example({"a": "St James's Square 12", "b": ["x", {"y": "it's"}]}, False, False)
@example({"a": "1' or '1'='1"}, False, False)
def test_a_look_at_the_document_finds_what_a_look_at_its_texts_finds(value: Any, known: bool, escaped: bool) -> None:
    part = shape() if known else ANY
    text = json.dumps(value, ensure_ascii=escaped)
    found = [(leaf.pointer, leaf.text, leaf.shape) for leaf in of_document(text, value, part)]
    assert found == [(leaf.pointer, leaf.text, leaf.shape) for leaf in of_json(value, part)]


def test_texts_of_a_silent_place_need_no_look() -> None:
    document = {"union": "' or 1=1--", "kettle": "' or 1=1--", "x": ["<b>"]}
    assert [leaf.pointer for leaf in of_document(json.dumps(document), document, shape())] == ["/kettle", "/x/0"]
