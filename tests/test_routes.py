"""Templates find a path however it is spelled, and nothing else."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wsgi_guard.routes import LONGEST, REMEMBERED, Hit, Routes, as_text, canonical


def routes(*texts: str) -> Routes:
    made = Routes()
    for text in texts:
        made.add(text)
    return made


def texts(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.template.text for hit in hits]


def match(made: Routes, path: str, **keys: Any) -> list[str]:
    return texts(made.match({"PATH_INFO": path, **keys}).hits)


# the canonical form

CANONICAL = {
    "": "/",
    "/": "/",
    "//": "/",
    "*": "/*",
    "a": "/a",
    "/a": "/a",
    "/a/": "/a",
    "/a//": "/a",
    "/a//b": "/a/b",
    "//a/b": "/a/b",
    "/a/./b": "/a/b",
    "/./a/b/.": "/a/b",
    "/a/x/../b": "/a/b",
    "/../../a": "/a",
    "/a/b/..": "/a",
    "/..": "/",
    "/a/%2e/b": "/a/b",
    "/a/x/%2e%2e/b": "/a/b",
    "/a/x/.%2E/b": "/a/b",
    "/a%2Fb": "/a/b",
    "/a%2fb": "/a/b",
    "/a%252Fb": "/a/b",
    "/a%25252Fb": "/a/b",
    "/%61": "/a",
    "/%2561": "/a",
    "/%25%36%31": "/a",
    "/%%36%31": "/a",
    "/%2%35F": "/%F",
    "/a;v=1": "/a",
    "/a;v=1/b;w": "/a/b",
    "/a%3Bv=1/b": "/a/b",
    "/x/..;/a": "/a",
    "/;x/a": "/a",
    "/a/;": "/a",
    "/a%": "/a%",
    "/a%4": "/a%4",
    "/a%zz": "/a%zz",
    "/a%3Fb": "/a?b",
    "/a%23b": "/a#b",
    "/a%00b": "/a\0b",
    "/a\0b": "/a\0b",
    "/a\\b": "/a\\b",
    "/A/b": "/A/b",
    "/...": "/...",
    "/a/..b/.c": "/a/..b/.c",
    "/caf\u00c3\u00a9": "/caf\u00c3\u00a9",
    "/caf%C3%A9": "/caf\u00c3\u00a9",
    "/a b+c": "/a b+c",
}


def test_canonical_cases_are_counted() -> None:
    assert len(CANONICAL) == 48


@pytest.mark.parametrize(("path", "expected"), CANONICAL.items(), ids=CANONICAL)
def test_canonical_form_of_a_path(path: str, expected: str) -> None:
    assert canonical(path) == expected


TRICKY = st.text(st.sampled_from("/.;%25fFeEa613\\"), max_size=40)


@given(TRICKY)
@example("%" + "25" * 10)
def test_canonical_form_is_its_own(path: str) -> None:
    once = canonical(path)
    assert canonical(once) == once
    assert once.startswith("/")
    assert not re.search(r"//|/\.\.?(/|$)|;|%[0-9a-fA-F]{2}|.+/$", once)


def by_rounds(path: str) -> str:
    """Decoding as one would do it by hand, round for round."""
    while (after := unquote(path, "latin-1")) != path:
        path = after
    kept: list[str] = []
    for word in (segment.split(";")[0] for segment in path.split("/")):
        if word == "..":
            kept = kept[:-1]
        elif word not in ("", "."):
            kept.append(word)
    return "/" + "/".join(kept)


@given(TRICKY)
def test_canonical_form_is_decoding_to_the_end(path: str) -> None:
    assert canonical(path) == by_rounds(path)


@given(st.text(st.characters(max_codepoint=255), max_size=30), st.integers(0, 4), st.booleans())
def test_encoding_hides_nothing(path: str, rounds: int, everything: bool) -> None:
    encoded = path
    for _ in range(rounds):
        if everything:
            encoded = "".join(f"%{ord(char):02X}" for char in encoded)
        else:
            encoded = quote(encoded, safe="", encoding="latin-1")
    assert canonical(encoded) == canonical(path)


def test_long_encodings_take_linear_time() -> None:
    for path in ("%" + "25" * 50_000 + "41", "%" * 100_000, "%%32%35" * 20_000, "../" * 50_000, "/;" * 50_000):
        canonical(path)


# templates

WRONG = {
    "": "start with",
    "api": "start with",
    "//": "empty",
    "/a//b": "empty",
    "/a/./b": "dot",
    "/a/../b": "dot",
    "/%2e%2e/b": "dot",
    "/a%2Fb": "slash",
    "/{}": "name in braces",
    "/{1a}": "name in braces",
    "/{a b}": "name in braces",
    "/{a": "name in braces",
    "/a}": "name in braces",
    "/v{n}": "name in braces",
    "/{a}{b}": "name in braces",
    "/{a*}": "name in braces",
    "/{caf\u00e9}": "name in braces",
    "/{a}/{a}": "twice",
    "/{a+}/b": "last",
    "/{a+}/{b+}": "last",
    "/a?b=1": "query",
    "/a#b": "query",
    "/api/*": "rest",
    "/api/**": "rest",
    "/<id>": "name in braces",
    "/users/<int:id>": "name in braces",
    "/\udc80": "UTF-8",
}


def test_wrong_templates_are_counted() -> None:
    assert len(WRONG) == 27


@pytest.mark.parametrize(("text", "word"), WRONG.items(), ids=map(ascii, WRONG))
def test_wrong_template_says_why(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word) as caught:
        Routes().add(text)
    assert ascii(text)[1:-1] in ascii(str(caught.value)).replace("\\\\", "\\")


def test_same_text_is_the_same_template() -> None:
    made = Routes()
    assert made.add("/a/{b}") is made.add("/a/{b}")
    assert made.add("/a/{b}") is not made.add("/a/{c}")


@pytest.mark.parametrize(
    ("text", "names", "literal"),
    [("/", (), True), ("/a/", (), True), ("/a/{b}", ("b",), False), ("/{b}/c/{rest+}", ("b", "rest"), False)],
)
def test_template_knows_its_names(text: str, names: tuple[str, ...], literal: bool) -> None:
    template = Routes().add(text)
    assert (template.text, template.names, template.literal) == (text, names, literal)


# matching

MATCHES = [
    ("/", "/", {}),
    ("/", "", {}),
    ("/a", "/a", {}),
    ("/a/", "/a", {}),
    ("/a/{b}", "/a/x", {"b": "x"}),
    ("/a/{b}", "/a/x y", {"b": "x y"}),
    ("/a/{b}", "/a/..x", {"b": "..x"}),
    ("/a/{b+}", "/a/x", {"b": "x"}),
    ("/a/{b+}", "/a/x/y/z", {"b": "x/y/z"}),
    ("/{b+}", "/a/x", {"b": "a/x"}),
    ("/caf\u00e9/{b}", "/caf\u00c3\u00a9/\u00c3\u00a9", {"b": "\u00e9"}),
    ("/caf%C3%A9", "/caf\u00c3\u00a9", {}),
    ("/%FF", "/\u00ff", {}),
    ("/a/{b}", "/a/\u00ff", {"b": "\ufffd"}),
    ("/%7Bx%7D", "/{x}", {}),
    ("/_admin", "/_admin", {}),
    ("/a;b", "/a;b", {}),
]  # fmt: skip
MISSES = [
    ("/", "/a"), ("/a", "/"), ("/a", "/A"), ("/a", "/a/b"), ("/a", "/ab"), ("/a/{b}", "/a"), ("/a/{b}", "/a/"),
    ("/a/{b}", "/a/b/c"), ("/a/{b+}", "/a"), ("/a/{b+}", "/a/"), ("/{b+}", "/"), ("/a/{b}/c", "/a//c"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "params"), MATCHES)
def test_template_matches_with_its_params(text: str, path: str, params: dict[str, str]) -> None:
    made = routes(text)
    hits = made.match({"PATH_INFO": path}).hits
    assert texts(hits) == [text]
    assert hits[0].params == params


@pytest.mark.parametrize(("text", "path"), MISSES)
def test_template_misses_another_path(text: str, path: str) -> None:
    assert match(routes(text), path) == []


SPELLINGS = [
    "/api/orders/5", "/api/orders/5/", "//api/orders/5", "/api//orders/5", "/api/./orders/5", "/./api/orders/5/.",
    "/api/x/../orders/5", "/../api/orders/5", "/api/%6frders/5", "/api/%256frders/5", "/api/%25256frders/5",
    "/api%2Forders/5", "/api%252Forders/5", "/api;v=1/orders/5", "/api/orders;x/5;y", "/api/orders/5;",
    "/;/api/orders/5", "/api/%2e/orders/5", "/api/x/%2e%2e/orders/5", "/api/x/..;/orders/5",
    "/api/x/%252e%252e/orders/5", "api/orders/5", "/api/orders/%35", "/api/orders/5//", "/api/orders//5/./",
]  # fmt: skip


def test_spellings_are_counted() -> None:
    assert len(SPELLINGS) == 25


@pytest.mark.parametrize("path", SPELLINGS)
def test_no_spelling_slips_past_a_template(path: str) -> None:
    made = routes("/api/orders/{order_id}", "/api/{rest+}", "/api/orders/5")
    found = match(made, path)
    assert found == ["/api/orders/5", "/api/orders/{order_id}", "/api/{rest+}"]
    # The same behind a prefix that the server took off, and for a template that names it.
    assert match(routes("/api/orders/{order_id}"), path, SCRIPT_NAME="/shop") == ["/api/orders/{order_id}"]
    if path.startswith("/") and ".." not in path:
        assert match(routes("/shop/api/{rest+}"), path, SCRIPT_NAME="/shop") == ["/shop/api/{rest+}"]


def test_most_specific_comes_first() -> None:
    all_of_them = ["/a/b", "/a/{x}", "/a/{x+}", "/{x}/b", "/{x}/{y}", "/{x}/{y+}", "/{x+}"]
    assert match(routes(*reversed(all_of_them)), "/a/b") == all_of_them
    assert match(routes(*all_of_them), "/a//b/") == all_of_them


def test_each_template_is_hit_once() -> None:
    route = routes("/a/{x}").match({"PATH_INFO": "/a/b;c", "SCRIPT_NAME": "/a"})
    assert texts(route.hits) == ["/a/{x}"]
    assert len(route.forms) == 4


def test_forms_tell_readings_apart() -> None:
    route = routes("/a/{x}", "/b").match({"PATH_INFO": "/a/../b"})
    assert (route.given, route.canonical) == ("/a/../b", "/b")
    assert [texts(form) for form in route.forms] == [[], ["/b"]]
    assert len(routes("/b").match({"PATH_INFO": "/b"}).forms) == 1


@pytest.mark.parametrize("key", ["RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize(
    ("raw", "given", "script", "found"),
    [
        ("/files/a%2Fb", "/files/a/b", "", True),
        ("/files/a%2fb?x=%2F", "/files/a/b", "", True),
        ("http://host/files/a%2Fb", "/files/a/b", "", True),
        ("HTTPS://user@host:1/files/a%2Fb", "/files/a/b", "", True),
        ("/shop/files/a%2Fb", "/files/a/b", "/shop", True),
        ("//files/./a%2Fb/", "/files/a/b", "", True),
        ("/files/a%2Fb;v=1", "/files/a/b;v=1", "", True),
        # A server that cleans the path up.
        ("/files//x/../a%2Fb", "/files/a/b", "", True),
        # A path that something outside has rewritten: the target is of another site.
        ("/other/a%2Fb", "/files/a/b", "", False),
        ("/files/a/b?x=%2F", "/files/a/b", "", False),
        ("/files/a/b", "/files/a/b", "", False),
        ("%2F", "/files/a/b", "", False),
        ("http://host", "/files/a/b", "", False),
        ("*", "*", "", False),
    ],
)
def test_raw_target_keeps_encoded_slashes(key: str, raw: str, given: str, script: str, found: bool) -> None:
    made = routes("/files/{name}", "/shop/files/{name}")
    route = made.match({"PATH_INFO": given, "SCRIPT_NAME": script, key: raw})
    assert texts(route.hits) == ([f"{script}/files/{{name}}"] if found else [])
    if found:
        assert route.hits[0].params == {"name": "a/b"}


WORDS = st.sampled_from(["a", "b", "", "{x}", "{y}", "{z+}"])
PIECES = st.sampled_from(["a", "b", "c", "", "a b"])


def by_hand(text: str, path: str) -> bool:
    """Whether a template matches, segment for segment."""
    words = [word for word in text[1:].split("/") if text != "/"]
    parts = [] if path in ("", "/") else path.removeprefix("/").split("/")
    for at, word in enumerate(words):
        if word.endswith("+}"):
            return "/".join(parts[at:]) != ""
        if at >= len(parts) or (word.startswith("{") and not parts[at]) or (word[:1] != "{" and word != parts[at]):
            return False
    return len(words) == len(parts)


@given(st.lists(st.lists(WORDS, max_size=4), min_size=1, max_size=8), st.lists(PIECES, max_size=5))
def test_tree_finds_what_a_search_by_hand_does(templates: list[list[str]], pieces: list[str]) -> None:
    made, known = Routes(), []
    for words in templates:
        text = "/" + "/".join(words)
        try:
            known.append(made.add(text).text)
        except ValueError:
            continue
    path = "/" + "/".join(pieces)
    shapes = {text: text.removesuffix("/") or "/" for text in known}
    expected = {text for text, shape in shapes.items() if by_hand(shape, path) or by_hand(shape, canonical(path))}
    assert set(match(made, path)) == expected


def test_long_path_takes_linear_time() -> None:
    made = routes("/a/{rest+}")
    for bits in range(256):
        made.add("".join(f"/{{n{at}}}" if bits >> at & 1 else "/a" for at in range(8)))
    assert match(made, "/a" * 50_000) == ["/a/{rest+}"]
    assert len(match(made, "/a" * 8)) == 257


# memory


def test_route_is_remembered() -> None:
    made = routes("/a/{x}")
    route = made.match({"PATH_INFO": "/a/b"})
    route.memo["slice"] = 5
    assert made.match({"PATH_INFO": "/a/b", "QUERY_STRING": "x"}) is route
    assert made.match({"PATH_INFO": "/a/b", "SCRIPT_NAME": "/s"}) is not route
    assert made.match({"PATH_INFO": "/a/b", "RAW_URI": "/a/b?x=%2F1"}) is route


def test_new_template_forgets_old_routes() -> None:
    made = routes("/a")
    assert match(made, "/b") == []
    made.add("/b")
    assert match(made, "/b") == ["/b"]


def test_memory_for_paths_is_bounded() -> None:
    made = routes("/a/{x}")
    for number in range(5 * REMEMBERED):
        made.match({"PATH_INFO": f"/a/{number}"})
    assert made._recent.count() <= 2 * REMEMBERED
    long = "/a/" + "x" * LONGEST
    assert made.match({"PATH_INFO": long}) is not made.match({"PATH_INFO": long})


@pytest.mark.parametrize("odd", [None, 5, b"/a", ["/a"]], ids=repr)
def test_odd_keys_are_no_path(odd: Any) -> None:
    route = routes("/", "/a").match({"PATH_INFO": odd, "SCRIPT_NAME": odd, "RAW_URI": odd, "REQUEST_URI": odd})
    assert (route.given, route.canonical, texts(route.hits)) == ("", "/", ["/"])


def test_environ_text_is_read_as_utf8() -> None:
    for text in ("a", "caf\u00e9", "\u20ac", "\U0001f600"):
        assert as_text(text.encode().decode("latin-1")) == text
    assert as_text("\u00ff") == "\ufffd"
    assert as_text("\u20ac") == "?"
