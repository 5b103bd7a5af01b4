"""The formats that are asserted: what they take, what they refuse, and that no text makes them slow."""

from __future__ import annotations

import warnings
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.validation.schemas.formats import FORMATS, PINNED
from wsgi_guard.validation.threats.screen import screen

# format -> (taken, refused)
CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "date": (("2024-02-29", "0000-01-01", "9999-12-31"), ("2023-02-29", "2024-1-1", "2024-01-01T", "", "２024-01-01")),
    "time": (
        ("12:00:00Z", "12:00:00.5+01:00", "23:59:60Z", "00:59:60+01:00", "12:00:00z"),
        ("12:00:00", "24:00:00Z", "12:60:00Z", "12:00:60Z", "12:00Z", "12:00:00+24:00"),
    ),
    "date-time": (("2024-01-01T00:00:00Z", "2024-01-01t00:00:00+00:00"), ("2024-01-01 00:00:00Z", "2024-01-01")),
    "duration": (("P1D", "PT1H", "P1Y2M3DT4H5M6S", "P1W"), ("P", "PT", "P1Y1W", "1D", "P1S", "PT1D")),
    "email": (
        ("a@example.org", "o'brien@example.org", '"a b"@example.org', "a@[127.0.0.1]", "a@[IPv6:::1]", "a+b@x"),
        ("a", "@x", "a@", "a b@x", "a@x..y", "a@-x", ".a@x", "a.@x", "a" * 65 + "@x", "a@" + "x." * 130 + "x"),
    ),
    "hostname": (("example.org", "a", "xn--bcher-kva.example", "1.2"), ("", "-a", "a-", "a..b", "a_b", "a" * 64, "é")),
    "ipv4": (("127.0.0.1",), ("127.0.0", "127.0.0.256", "127.0.0.01", "1", "١.1.1.1")),
    "ipv6": (("::1", "2001:db8::1", "::ffff:127.0.0.1"), (":", "::1%eth0", "1::2::3", "12345::")),
    "uuid": (("123e4567-e89b-12d3-a456-426614174000",), ("123e4567e89b12d3a456426614174000", "g" * 36, "")),
    "uri": (
        ("https://example.org/a?b#c", "mailto:a@b", "urn:x:y", "http://[::1]:80/", "http://u:p@h/"),
        ("/a", "a", "http://a b", "http://[::1", "http://h:x/", "http://é", "http://a/%zz", "http://a/#b#c"),
    ),
    "uri-reference": (("/a", "a", "", "#", "?a", "//h/p", "../x"), ("a b", "1:a", "\\", "http://[")),
    "uri-template": (("/a/{b}", "{?a,b*}", "{+x:3}"), ("{", "{}", "a}", "{a b}", "<")),
    "json-pointer": (("", "/", "/a~0b/~1"), ("a", "/~", "/~2")),
    "relative-json-pointer": (("0", "1/a", "0#", "12"), ("", "/a", "01", "-1", "a")),
    "idn-email": (("a@b", "실례@실례.테스트", "é@bücher.example"), ("2962", "@x", "a@\u302e", "a b@x")),
    "idn-hostname": (
        ("bücher.example", "실례.테스트", "a", "l\u00b7l", "\u05d0\u05d1", "xn--bcher-kva.example"),
        ("", "-é", "a\u00b7l", "\u302e\uc2e4", "é" * 64, "xn--X", "\u0660\u06f0", "a_é", "É"),
    ),
    "iri": (("http://é.example/ü?ö#ä", "urn:é"), ("/é", "http://é b", "http://[é]/", "é", "http://a/\ue000")),
    "iri-reference": (("/é", "", "é", "?\ue000", "#é"), ("a b", "\\é", "#\ud800")),
    "regex": (("^a+$", "", "(a|b)"), ("(", "[", "*", "(?i)a", "a{2,1}")),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats_take_what_their_standard_takes(name: str) -> None:
    taken, refused = CASES[name]
    assert [text for text in taken if not FORMATS[name](text)] == []
    assert [text for text in refused if FORMATS[name](text)] == []
    # a line break may stand in a pattern and in a JSON pointer (RFC 6901, 3)
    if name not in ("regex", "json-pointer", "relative-json-pointer"):
        assert [text for text in taken if FORMATS[name](text + "\n")] == []


def test_cases_are_whole() -> None:
    assert len(CASES) == len(FORMATS) == 19
    assert sum(len(taken) + len(refused) for taken, refused in CASES.values()) > 160


@given(st.sampled_from(sorted(FORMATS)), st.text())
def test_any_text_is_judged(name: str, text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert FORMATS[name](text) in (True, False)


@given(st.data(), st.sampled_from(sorted(PINNED)))
def test_what_a_format_pins_down_is_no_attack(data: st.DataObject, name: str) -> None:
    text = data.draw(st.sampled_from(CASES[name][0]))
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + data.draw(st.text(alphabet="0123456789-:.TZPWab%'<;|()/", max_size=3)) + text[at:]
    if FORMATS[name](text):
        assert screen(text, ("sqli", "xss", "cmdi", "traversal", "ldap")) == []


PUMPED = (
    "a", ".", "a.", "1", "-", ":", "/", "~0", "%41", "@", "a@", "\\", '"', '\\"', "{", "{a", "{a,", "}", "P1Y", "0:",
    "x-",
)  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_formats_take_linear_time(name: str) -> None:
    def seconds(seed: str, size: int) -> float:
        text = (seed * size)[:size] + "!"
        best = 9.0
        for _ in range(3):
            start = thread_time()
            FORMATS[name](text)
            FORMATS[name]('"' + text)
            best = min(best, thread_time() - start)
        return best

    slow = [seed for seed in PUMPED if seconds(seed, 1 << 17) > 40 * seconds(seed, 1 << 13) + 0.005]
    assert slow == []
