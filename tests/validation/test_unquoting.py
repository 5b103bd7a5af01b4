"""Escapes are undone as the standard library does it, however many there are."""

from __future__ import annotations

import re
from unicodedata import normalize
from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st

from wsgi_guard.validation.threats.normalise import decoded, one_spaced, undo_overlong, undo_references, unquoted

PIECES = st.sampled_from([
    "%", "%2", "%27", "%3D", "%3d", "=", "%c3%a9", "%C3", "%0d%0a", "=\n", "%25", "\r\n", "_", " ", "\t", "é", "a5",
])  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
@example("%3d%0a==\r\n%41= ")
@example("a=%20\n%20\t ")
def test_escapes_become_what_the_library_makes_of_them(text: str) -> None:
    assert unquoted(text, errors="replace") == unquote(text, errors="replace")


U_PIECES = st.sampled_from(["%u0041", "%U0062", "%u", "%u00", "%ud83d", "%ude00", "\\", "u", "41", "é", "\ud800"])


@given(st.lists(U_PIECES, max_size=12))
@example(["%u0025u0041"])
@example(["%u00", "%u0041", "%u0041"])
def test_each_u_escape_is_a_character_and_what_only_begins_like_one_stays(pieces: list[str]) -> None:
    text = "".join(pieces)
    wanted = text
    for _ in range(3):
        wanted = re.sub("%u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), wanted, flags=re.I)
    assert decoded(text) == normalize("NFKC", wanted).lower()


@given(st.text(st.sampled_from("&#xX;lt6c0ampgq \n"), max_size=20) | st.text(max_size=10))
@example("&#x3C;&LT;&#0060;&lpar;&nosuch;&#xd800;&#x110000;&#0;")
def test_any_reference_is_undone_or_left(text: str) -> None:
    undone = undo_references(text)
    assert len(undone) <= len(text)
    assert undo_references("&#x3C;&LT;&#0060;&lpar;&lpar") == "<<<(&lpar"


@given(st.text(st.sampled_from(" \t\n\x00\x1c\xa0\u2003ab"), max_size=12))
def test_all_white_space_is_one_space(text: str) -> None:
    folded = one_spaced(text)
    assert "  " not in folded
    assert set(folded) <= {" ", "a", "b"}
    assert folded.replace(" ", "") == "".join(char for char in text if char in "ab")
    assert one_spaced(folded) == folded


OVERLONG = ("%c0%ae", "%C0%AE", "%c1%9c", "%e0%80%af", "%c0%a5", "%c0", "%e0", "%80", "%", "c0", "ae", "a")


FORMS = {
    **{f"%{0xC0 + code // 64:02x}%{0x80 + code % 64:02x}": chr(code) for code in range(128)},
    **{f"%e0%{0x80 + code // 64:02x}%{0x80 + code % 64:02x}": chr(code) for code in range(128)},
}


@given(st.lists(st.sampled_from(OVERLONG), max_size=12))
def test_overlong_forms_are_what_old_decoders_made_of_them(pieces: list[str]) -> None:
    text, wanted, at = "".join(pieces), "", 0
    while at < len(text):
        size = next((size for size in (6, 9) if text[at : at + size].lower() in FORMS), 1)
        wanted += FORMS[text[at : at + size].lower()] if size > 1 else text[at]
        at += size
    assert undo_overlong(text) == wanted
