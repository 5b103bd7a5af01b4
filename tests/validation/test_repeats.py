"""What only repeats itself is cut out of long texts, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.validation.threats.repeats import collapsed
from wsgi_guard.validation.threats.rules import REACH

pieces = st.lists(st.tuples(st.text("ab'`<> ;", min_size=1, max_size=9), st.integers(1, 3_000)), max_size=4)


@given(pieces)
def test_signs_stay_with_what_is_around_them(parts: list[tuple[str, int]]) -> None:
    text = "X".join(unit * times for unit, times in parts)
    short = collapsed(text)
    assert len(short) <= len(text)
    assert short.count("X") == text.count("X")
    at = text.find("X")
    assert at < 0 or text[max(0, at - REACH) : at + REACH] in short
    assert (text[:REACH], text[-REACH:]) == (short[:REACH], short[-REACH:])


@given(st.text("ab'`", min_size=1, max_size=9), st.integers(5_000, 90_000))
def test_a_sign_that_is_sent_often_is_left_a_few_times_and_pairs_stay_pairs(unit: str, size: int) -> None:
    text = unit * (size // len(unit))
    short = collapsed(text)
    assert len(short) < 2 * REACH + 200
    assert all(short.count(sign) % 2 == text.count(sign) % 2 for sign in unit)


def test_what_differs_stays() -> None:
    text = "".join(f"{number}, " for number in range(9_000))
    assert collapsed(text) == text
    assert collapsed("ab" * 1_000) == "ab" * 1_000
