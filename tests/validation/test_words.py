"""Words within runs of letters: looked up piece by piece for few letters, searched for in many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.validation.threats.budget import Budget
from wsgi_guard.validation.threats.words import Words

KNOWN = ("on", "error", "onerror", "union", "ion", "select", "sel", "script:", "xp_", "a", "ab", "abcab")
PIECES = ("on", "error", "uni", "ion", "sel", "ect", "script", "xp", "a", "b", "c", "z")
RUN = st.lists(st.sampled_from(PIECES), max_size=8)


def words() -> Words:
    made = Words()
    for word in KNOWN:
        made.add(word)
    return made


@given(st.lists(RUN.map("".join), max_size=12))
def test_words_are_those_that_the_runs_hold(runs: list[str]) -> None:
    """Also when some of the runs, or all, were met before."""
    made = words()
    for first in (0, len(runs) // 2, 0):
        text = " ".join(runs[first:])
        held = {word for word in KNOWN if any(run_of(word) in run for run in runs[first:])}
        bits = made.within(text, Budget(len(text)))
        assert {word for word in KNOWN if len(run_of(word)) > 1 and bits & made.add(word)} == held - {"a"}


def run_of(word: str) -> str:
    return word.rstrip(":_")
