"""Of many texts those are looked at that are not plain, and no others."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from wsgi_guard.validation.crowds import Crowd
from wsgi_guard.validation.threats.screen import is_plain

PIECES = st.sampled_from([
    "a", "b c", "'", "it's", "O'Brien", "é", "ﬁ", "⑴", "<", "\x01", "union", "order by", "--", " ", "\ud800",
])  # fmt: skip


@given(st.lists(st.lists(PIECES, max_size=4).map("".join), unique=True, max_size=12))
@example(["a", "<", ""])
@example(["<", "union all"])
@example(["O'Brien", "'or'", "plain"])
@example(["\x01", "a", "<"])
def test_crowd_keeps_all_that_is_not_plain_in_order(texts: list[str]) -> None:
    crowd = Crowd(dict.fromkeys(texts), lambda: iter([(text, ()) for text in texts]))
    assert crowd.texts == [text for text in texts if not is_plain(text)]
