"""Patterns cut into such as are searched for fast: together they match where the whole did."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.validation.threats.leading import leading

CUT = {
    r"ab|cd": ["ab", "cd"],
    r"\b(?:drop|alter) table": [r"drop table(?<=\bdrop table)", r"alter table(?<=\balter table)"],
    r"(?:^|[;|]) ?sh": ["^ ?sh", "[;|] ?sh"],
    r"(?<!\w)for x": [r"for x(?<!\wfor x)"],
    r"\bab?c": [r"a(?<=\ba)b?c"],
    r"\b\d+": [r"\b\d+"],
    r"(?:a|b)+c": ["(?:a|b)+c"],
    r"[|)(]a|\|b": ["[|)(]a", r"\|b"],
    r"[]|]a|[^]|]b": ["[]|]a", "[^]|]b"],
    r"(?:a(?:b|c)|\bd) ?(e|f)": ["a(?:b|c) ?(e|f)", r"d(?<=\bd) ?(e|f)"],
}


@pytest.mark.parametrize("pattern", CUT)
def test_what_a_pattern_is_cut_into(pattern: str) -> None:
    assert list(leading(pattern)) == CUT[pattern]
    assert len(CUT) == 10


@given(
    pattern=st.sampled_from([*CUT, r"\b(?:or|and)[ (]{1,2}(['\"]?)(\w)\1 ?= ?\2\b|^(?:x|\by)z$"]),
    text=st.lists(st.sampled_from(["drop", "alter", " table", "for x", "or", " (", "'", "1", "="]) | st.sampled_from(
        "abcdefxyz;|^ sh()]"), max_size=9,
    ).map("".join),
)  # fmt: skip
def test_the_pieces_match_where_the_whole_does(pattern: str, text: str) -> None:
    whole = re.search(pattern, text)
    pieces = [found.start() for piece in leading(pattern) if (found := re.search(piece, text)) is not None]
    assert (whole is None) == (pieces == [])
    assert whole is None or whole.start() == min(pieces)
