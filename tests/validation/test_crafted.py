"""Requests that are made to be slow: time grows with length alone, and stays near that of reading JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import thread_time
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wsgi_guard.validation.threats.condense import condensed
from wsgi_guard.validation.threats.rules import REACH
from wsgi_guard.validation.threats.screen import wordy

from .asking import FORM, JSON, Audit, Site
from .test_threats import SEEDS

SIZE = 256 * 1024
# Ten is promised for a megabyte where nothing else runs (benchmarks/crafted.py); a quadratic stage is far beyond this.
MOST = 40
UNIT = {"name": "Ada Lovelace", "mail": "ada@example.org", "tags": ["a", "b"], "score": 99.5, "active": True}


def in_json(unit: str, size: int) -> tuple[bytes, str]:
    each = len(json.dumps(unit, ensure_ascii=False).encode()) - 2
    return json.dumps({"a": unit * (size // each)}, ensure_ascii=False).encode(), JSON


def in_strings(unit: str, size: int) -> tuple[bytes, str]:
    each = len(json.dumps(unit, ensure_ascii=False).encode()) + 9
    return json.dumps([f"{unit}{number}" for number in range(size // each)], ensure_ascii=False).encode(), JSON


def in_form(unit: str, size: int) -> tuple[bytes, str]:
    return b"a=" + (quote_plus(unit) * size)[: size - 2].encode(), FORM


def in_fields(unit: str, size: int) -> tuple[bytes, str]:
    return "".join(f"a{number}={quote_plus(unit)}&" for number in range(size // 9))[:size].encode(), FORM


def in_parts(unit: str, size: int) -> tuple[bytes, str]:
    part = f'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n{unit}\r\n'.encode()
    return part * (size // len(part)) + b"--x--\r\n", "multipart/form-data; boundary=x"


def in_xml(unit: str, size: int) -> tuple[bytes, str]:
    item = f"<a>{unit.replace('<', '&lt;')}</a>".encode()
    return b"<r>" + item * (size // len(item)) + b"</r>", "application/xml"


def in_text(unit: str, size: int) -> tuple[bytes, str]:
    return (unit * size)[:size].encode(), "text/plain"


PLACES = (in_json, in_strings, in_form, in_fields, in_parts, in_xml, in_text)


@pytest.fixture(scope="module")
def site() -> Site:
    return Site(None, threats={"mode": "shadow", "scan": "2 MiB"})


def took(act: Callable[[], object], least: int = 1) -> float:
    best = 1e9
    for _ in range(least):
        begin = thread_time()
        act()
        best = min(best, thread_time() - begin)
    return best


def reading(size: int) -> float:
    text = json.dumps([UNIT] * (size // len(json.dumps(UNIT))))
    return took(lambda: json.loads(text), 3)


def asked(site: Site, place: Callable[[str, int], tuple[bytes, str]], unit: str, size: int) -> Callable[[], object]:
    body, kind = place(unit, size)
    return lambda: site.ask("/", "POST", body, CONTENT_TYPE=kind)


def is_slow(site: Site, place: Callable[[str, int], tuple[bytes, str]], unit: str) -> bool:
    """Whether it is so three times: what else the machine does may disturb one."""
    act = asked(site, place, unit, SIZE)
    return all(took(act) > MOST * reading(SIZE) for _ in range(3))


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_no_sign_or_word_makes_a_request_slow(site: Site, place: Callable[[str, int], tuple[bytes, str]]) -> None:
    seeds = SEEDS if place is in_json else SEEDS[::6]
    assert [seed for seed in seeds if is_slow(site, place, seed)] == []
    assert len(PLACES) == 7


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_four_times_the_length_takes_about_four_times_the_time(
    site: Site, place: Callable[[str, int], tuple[bytes, str]]
) -> None:
    for unit in ("'or'", "<a on", "${", "&#x3c;", "../", "; cat "):
        acts = asked(site, place, unit, SIZE // 4), asked(site, place, unit, SIZE)
        assert any(took(acts[1]) < 10 * took(acts[0], 2) for _ in range(3)), unit


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(unit=st.lists(st.sampled_from(SEEDS) | st.text(max_size=2), min_size=1, max_size=6).map("".join))
@example("' or 1=1 union select ${ <a onload= ; cat ../ *)( &#x3c; \\x3c %2527 ")
def test_no_mixture_makes_a_request_slow(site: Site, unit: str) -> None:
    unit = unit.encode("utf-8", "replace").decode() or "x"
    assert not is_slow(site, in_json, unit)


ATTACK = "<script>alert(document.cookie)</script>"


PADDINGS = ["word ", "lorem ipsum, dolor. ", "1234567890", "eyJhbGciOi", "\u00e9t\u00e9 ", "\n\n"]


@pytest.mark.parametrize("padding", PADDINGS)
def test_padding_hides_nothing(padding: str) -> None:
    site = Site(None, threats={"mode": "block"})
    text = padding * (120_000 // (len(json.dumps(padding, ensure_ascii=False).encode()) - 2))
    for value in (text + ATTACK, text[: len(text) // 2] + ATTACK + text[len(text) // 2 :]):
        assert site.post("/", json.dumps({"a": value}, ensure_ascii=False).encode()).code == 403
        assert site.ask("/", "POST", value.encode(), CONTENT_TYPE="text/plain").code == 403


def test_what_is_too_dense_is_looked_at_from_its_start_and_declared(audit: Audit) -> None:
    dense = "' or 'a' < ${b} <a on; cat ../ (select " * 2000
    early, late = {"a": ATTACK + dense}, {"a": dense, "b": ATTACK}
    site = Site(None, threats={"mode": "block", "classes": ["ldap", "xss"]})
    assert site.post("/", early).code == 403
    answer = site.post("/", late)
    assert answer.code == 403 or ("unscanned", "body") in audit.kinds()
    strict = Site(None, threats={"mode": "block", "classes": ["ldap", "xss"], "beyond": "refuse"})
    assert strict.post("/", late).code in (403, 413)


def test_the_beginning_of_what_is_too_long_and_dense_is_looked_at() -> None:
    site = Site(None, threats={"mode": "block", "scan": "2 MiB"})
    dense = "f(x)[i] = {'a': \"b\"}; " * 40_000
    assert site.post("/", {"a": dense}).code == 200
    assert site.post("/", {"a": ATTACK + dense}).code == 403


def test_a_dense_query_is_a_finding() -> None:
    site = Site(None, threats={"mode": "block"})
    dense = "".join(f"f(x{number})[i]%3Bg," for number in range(40_000))
    assert site.ask("/", query="a=" + dense).code == 403
    assert site.ask("/", query="a=" + dense[:4_000]).code == 200


@given(
    st.lists(
        st.sampled_from(["plain words, ", "it's ", "\n", "a.b@c ", "1-2: ", "\nhost: a.b", "' or 1=1", "<b>"]),
        max_size=9,
    ),
    st.integers(300, 1500),
)
def test_condensed_text_keeps_every_sign_and_what_is_around_it(pieces: list[str], times: int) -> None:
    text = "".join(piece * (times if piece[0] in "pi1a" else 1) for piece in pieces)
    short = condensed(text, wordy)
    assert len(short) <= len(text)
    for sign in ("\nhost: a.b", "' or 1=1", "<b>"):
        assert short.count(sign) == text.count(sign)
        around = [text[max(0, at - REACH) : at] for at in range(len(text)) if text.startswith(sign, at)]
        assert all(before in short for before in around)
    assert condensed(text, lambda stretch: True) == text


CROWDS: dict[str, tuple[str, bytes]] = {
    "strings": (JSON, json.dumps(["ab"] * 20_000 + [ATTACK]).encode()),
    "members": (JSON, json.dumps({**{f"a{number}": "b" for number in range(12_000)}, "c": ATTACK}).encode()),
    "fields": (FORM, "".join(f"a{number}=b&" for number in range(20_000)).encode() + b"x=" + ATTACK.encode()),
    "the same field": (FORM, b"a=1&" * 20_000 + b"x=" + ATTACK.encode()),
    "texts": (
        "application/xml",
        ("<r>" + "".join(f"<a>{number}</a>" for number in range(20_000)) + f"<b><![CDATA[{ATTACK}]]></b></r>").encode(),
    ),
}


@pytest.mark.parametrize("name", CROWDS)
def test_an_attack_behind_more_values_than_are_looked_at_singly_is_found(name: str) -> None:
    kind, body = CROWDS[name]
    site = Site(None, threats={"mode": "block", "scan": "1 MiB"})
    assert site.ask("/", "POST", body, CONTENT_TYPE=kind).code == 403
    assert len(CROWDS) == 5
