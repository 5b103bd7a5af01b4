"""The views that attacks are looked for in cost what their length says."""

from __future__ import annotations

from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.validation.parse import JsonReader
from wsgi_guard.validation.threats.normalise import decoded, folded

# The worst orders of combining marks for a canonical sort: descending classes, and two in turns.
MARKS = ["\u0301" * 32_000 + "\u0316" * 32_000, "\u0301\u0316" * 32_000]


@pytest.mark.parametrize("text", MARKS, ids=["in a row", "in turns"])
def test_combining_marks_are_folded_in_linear_time(text: str) -> None:
    begun = thread_time()
    decoded(text)
    # Sorted at once they take seconds, in pieces some milliseconds.
    assert thread_time() - begun < 1


@given(st.text(st.characters(codec="utf-8"), max_size=600))
def test_forms_of_single_characters_are_all_folded(text: str) -> None:
    for char in "\uff1c\uff07\uff0e\u2025\uff0f\uff1d":
        assert char not in folded(text + char)


def test_doubled_members_are_kept_in_linear_time() -> None:
    document = "{" + ",".join(f'"m{number}": {number}' for number in range(9_000)) + ', "m1": 2}'
    begun = thread_time()
    JsonReader(64, 10_000).read(document.encode(), duplicates=True)
    assert thread_time() - begun < 1
