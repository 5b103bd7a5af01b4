"""JSON bytes under limits: what passes is what json.loads makes of it, all else is refused in words of our own."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.validation.parse import JsonReader, Malformed

READER = JsonReader(64, 10_000)
SMALL = JsonReader(3, 6)

REFUSED = [
    (b"", "not JSON at line 1, column 1"),
    (b" ", "not JSON"),
    (b"{", "not JSON"),
    (b"[1,]", "not JSON"),
    (b"{} {}", "not JSON at line 1, column 4"),
    (b"{}x", "not JSON"),
    (b"{}\n{}", "not JSON at line 2, column 1"),
    (b"'a'", "not JSON"),
    (b"01", "not JSON"),
    (b'"a\nb"', "not JSON"),
    (b"NaN", "NaN or Infinity"),
    (b"[Infinity]", "NaN or Infinity"),
    (b'{"a": -Infinity}', "NaN or Infinity"),
    (b"1e999", "too large"),
    (b"-1e999", "too large"),
    (b"9" * 5000, "too long"),
    (b'{"a": 1, "a": 1}', "twice"),
    (b'[{"b": {"a": 1, "c": 2, "a": 3}}]', "twice"),
    (b'{"a": 1, "\\u0061": 1}', "twice"),
    (b'"\\ud800"', "surrogate"),
    (b'{"\\uDFFF": 1}', "surrogate"),
    (b'["x\\ud83d", "\\ude00"]', "surrogate"),
    (b"\xff", "not UTF-8"),
    (b'"\xc3"', "not UTF-8"),
    (b'"\xed\xa0\x80"', "not UTF-8"),
    ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    ('{"a": 1}'.encode("utf-16-le"), "not JSON"),
    (b"[" * 65 + b"]" * 65, "deeper than 64"),
    (b'{"a":' * 100 + b"1" + b"}" * 100, "deeper than 64"),
    (b"[" * 500_000, "more than 10000 values"),
    (b"[" * 9_000, "deeper than 64"),
    (b"[" + b"1," * 10_000 + b"1]", "more than 10000 values"),
    (b"[" + b"[]," * 10_000 + b"1]", "more than 10000 values"),
]


@pytest.mark.parametrize(("data", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_json_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        READER.read(data)


def test_every_refusal_is_in_the_table() -> None:
    assert len(REFUSED) == 33


ACCEPTED = [
    b"null", b"true", b"0", b"-1.5e3", b'""', b"[]", b"{}", b' {"a": [1, {"b": null}]} ',
    b"\xef\xbb\xbf{}", b'"\\ud83d\\ude00"', b'"\\\\ud800"', '"ü€😀"'.encode(), b'"[[[[{{{{,,,,"',
    b'{"a": {"a": {"a": 1}}}', b"[" * 64 + b"]" * 64, b"9" * 4000, b'"\\"[{\\\\"', b"[1e308]",
]  # fmt: skip


@pytest.mark.parametrize("data", ACCEPTED, ids=range(len(ACCEPTED)))
def test_json_is_what_the_parser_makes_of_it(data: bytes) -> None:
    assert READER.read(data) == json.loads(data)


# (document, is it within three levels and six values)
MEASURED: list[tuple[Any, bool]] = [
    ([1, 2, 3, 4, 5], True),
    ([1, 2, 3, 4, 5, 6], False),
    ([[], {}, [], {}, []], True),
    ([[], {}, [], {}, [], []], False),
    ([[[]]], True),
    ([[[[]]]], False),
    ({"a": {"b": {"c": 1}}}, True),
    ({"a": {"b": {"c": {}}}}, False),
    (["[[[[[[", ",,,,,,,,", '"\\"[[[', "\\"], True),
    ({"[{": "]}", "a,b,c,d,e": '","'}, True),
]


@pytest.mark.parametrize(("document", "fits"), MEASURED, ids=range(len(MEASURED)))
@pytest.mark.parametrize("indent", [None, 2])
def test_only_structure_counts_towards_limits(document: Any, fits: bool, indent: int | None) -> None:
    data = json.dumps(document, indent=indent).encode()
    if fits:
        assert SMALL.read(data) == document
    else:
        with pytest.raises(Malformed, match=r"deeper than 3|more than 6"):
            SMALL.read(data)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('ab[]{},:"\\'),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text('ab[{,"'), below, max_size=4),
    max_leaves=30,
)


def depth(value: Any) -> int:
    if isinstance(value, (list, dict)):
        return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)
    return 0


def count(value: Any) -> int:
    if isinstance(value, (list, dict)):
        return 1 + sum(map(count, value.values() if isinstance(value, dict) else value))
    return 1


@given(JSON, st.integers(1, 6), st.integers(1, 20), st.sampled_from([None, 1]))
def test_limits_are_exact_for_any_document(value: Any, levels: int, members: int, indent: int | None) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=False).encode()
    reader = JsonReader(levels, members)
    if depth(value) <= levels and count(value) <= members:
        assert reader.read(data) == value
    else:
        with pytest.raises(Malformed):
            reader.read(data)


@given(st.binary(max_size=200) | st.text('[]{}",:\\u d8019eE.+-NaInfty').map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for duplicates in (False, True):
        try:
            value = READER.read(data, duplicates=duplicates)
        except Malformed:
            continue
        if not duplicates:
            json.dumps(value, allow_nan=False).encode()


def test_duplicates_are_kept_for_the_screen() -> None:
    assert READER.read(b'{"a": 1, "b": 2, "a": [3]}', duplicates=True) == {"a": [1, [3]], "b": [2]}


@pytest.mark.parametrize(
    "data",
    [b'"' * 1_000_000, b'"\\' * 500_000, b"[{" * 500_000, b'["' + b'\\"' * 499_000 + b'"]', b"{}," * 333_000],
    ids=["quotes", "backslashes", "openings", "escapes", "objects"],
)
def test_hostile_megabyte_is_refused_at_once(data: bytes) -> None:
    """Quadratic work would take minutes here, and the run's time limit would end it."""
    with suppress(Malformed):
        JsonReader(64, 1_000).read(data)


BOUNDED = JsonReader(64, 10_000, max_string=5, max_number=4)
LENGTHS = [
    (b'"12345"', True),
    (b'"123456"', False),
    (b'{"123456": 1}', False),
    (b'"\\u0061\\u0061\\u0061\\u0061\\u0061"', True),
    (b'"\\u0061\\u0061\\u0061\\u0061\\u0061\\n"', False),
    (b"[1234, -123]", True),
    (b"[12345]", False),
    (b"[1.5e10]", False),
    (b'["12345", 1]', True),
]


@pytest.mark.parametrize(("data", "taken"), LENGTHS, ids=range(len(LENGTHS)))
def test_strings_and_numbers_are_bounded(data: bytes, taken: bool) -> None:
    if taken:
        assert BOUNDED.read(data) == json.loads(data)
    else:
        with pytest.raises(Malformed, match=r"string of more than 5|number that is too long"):
            BOUNDED.read(data)
    assert len(LENGTHS) == 9


def test_the_last_of_two_members_counts_where_asked() -> None:
    assert JsonReader(64, 10, last_counts=True).read(b'{"a": 1, "a": 2}') == {"a": 2}
    with pytest.raises(Malformed):
        JsonReader(64, 10, last_counts=True).read(b'{"a": NaN, "a": 2}')


@given(
    st.integers(0, 1200), st.sampled_from([1, 999, 1000, 1001, 1003, 1500, 2500]), st.sampled_from(["", ",", " ", '"'])
)
def test_a_long_number_is_found_wherever_it_stands(before: int, length: int, sign: str) -> None:
    text = json.dumps(["x" * before + sign])[:-1] + ", " + "7" * length + "]"
    reader = JsonReader(64, 10_000, max_number=1000)
    if length > 1000:
        with pytest.raises(Malformed, match="number that is too long"):
            reader.read(text)
    else:
        assert reader.read(text)[1] == int("7" * length)


@given(st.integers(60, 70), st.sampled_from(["", "[{", "}]", '\\"', "\\\\"]))
def test_depth_is_that_of_the_structure(depth: int, inside: str) -> None:
    text = "[" * depth + json.dumps(inside) + ', {"]": "}"}' + "]" * depth
    reader = JsonReader(64, 10_000)
    if depth + 1 > 64:
        with pytest.raises(Malformed, match="deeper than 64"):
            reader.read(text)
    else:
        assert reader.read(text) == json.loads(text)
