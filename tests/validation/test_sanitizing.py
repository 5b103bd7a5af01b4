"""`x-sanitize` and `x-rewrite`: what is left of a text, and what the app reads."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.calling import Server
from tests.validation.asking import FORM, Site, compiled, errors
from wsgi_guard.errors import ConfigurationError
from wsgi_guard.validation.cleaning import LONGEST, Cleaning, Scrub, TooComplex, engine
from wsgi_guard.validation.rewrite import rewritten_form, rewritten_json
from wsgi_guard.validation.sanitize import Change
from wsgi_guard.validation.schemas.sanitizing import UNCLEAN_TAGS

BLEACH, NH3 = engine("bleach"), engine("nh3")
RICH: dict[str, Any] = {
    "type": "object",
    "properties": {"text": {"type": "string", "x-sanitize": True}, "plain": {"type": "string"}},
}
WORDS = st.sampled_from([
    "<b>", "</b>", "<i>", "<a href='http://x'>", "<a href=\"javascript:x\">", "</a>", "<script>", "</script>", "<p",
    "<img src=x onerror=y>", "<svg><style>", "<math><mtext>", "<!--", "-->", "<![CDATA[", "&lt;", "&amp", "&#x6a;", "<",
    ">", '"', "'", "=", "text", " ", "\n", "\x00", "\u202e", "é", "<table><td>", "<br>", "<li>", "<noscript>",
    "<title>", "<a title='\"><b onload=x>'>",
])  # fmt: skip
HTML = st.one_of(st.lists(WORDS, max_size=25).map("".join), st.text(max_size=60))


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(sorted(attrs))))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("html", [BLEACH, NH3], ids=["bleach", "nh3"])
@settings(max_examples=400, deadline=None)
@given(text=HTML)
def test_nothing_beyond_the_allow_list_is_left(html: Any, text: str) -> None:
    cleaning = Cleaning()
    cleaned = Scrub(html)(text, cleaning)
    allowed = dict(cleaning.attributes)
    for tag, attributes in Elements(cleaned).tags:
        assert tag in cleaning.tags
        for name, value in attributes:
            assert name in allowed.get(tag, ())
            assert name != "href" or (value or "").split(":")[0] in cleaning.protocols or ":" not in (value or "")
    assert "\x00" not in cleaned
    assert "\u202e" not in cleaned


@pytest.mark.parametrize("html", [BLEACH, NH3], ids=["bleach", "nh3"])
@settings(max_examples=400, deadline=None)
@given(text=HTML, strip=st.booleans())
def test_what_is_clean_stays_as_it_is(html: Any, text: str, strip: bool) -> None:
    cleaning = Cleaning(strip=strip, form="NFC")
    once = Scrub(html)(text, cleaning)
    assert Scrub(html)(once, cleaning) == once


FRAGMENTS = [
    "plain", "a & b < c", "<b>bold</b> and <i>more</i>", "<p>one</p><p>two</p>", "<script>alert(1)</script>",
    "<a href='https://a.example/?x=1&y=2' title='t'>link</a>", "<a href='javascript:alert(1)'>link</a>",
    "<a href='JaVaScRiPt:x'>l</a>", "<ul><li>1</li><li>2</li></ul>", "<img src=x onerror=alert(1)>", "<b>open",
    "<div class=x><em>kept</em></div>", "<!-- gone -->stays", "<abbr title='n'>N</abbr>", "x<br>y", "&copy; &nbsp;",
    "<b onclick=x>b</b>", "<p>a<p>b",
]  # fmt: skip


def test_both_engines_leave_the_same_elements_and_text() -> None:
    for text in FRAGMENTS:
        first, second = Elements(Scrub(BLEACH)(text, Cleaning())), Elements(Scrub(NH3)(text, Cleaning()))
        assert (first.tags, first.text) == (second.tags, second.text), text
    assert len(FRAGMENTS) == 18


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("O'Brien says \"hi\" \\o/", "O'Brien says \"hi\" \\o/"),
        ("a\x00b\x1b[31mc\x7f\x85d", "ab[31mcd"),
        ("tab\tline\r\n", "tab\tline\r\n"),
        ("in\u202evoice\u2066.exe\u2069", "invoice.exe"),
        ("e\u0301", "\u00e9"),
        ("<b>x</b><script>y</script>", "<b>x</b>y"),
    ],
)  # fmt: skip
def test_text_is_cleaned(text: str, left: str) -> None:
    assert Scrub(BLEACH)(text, Cleaning(form="NFC")) == left


def test_decomposed_text_stays_unless_asked_for() -> None:
    assert Scrub(BLEACH)("e\u0301", Cleaning()) == "e\u0301"


def test_tags_may_be_shown_in_place_of_left_out() -> None:
    assert Scrub(BLEACH)("<x>y", Cleaning(strip=False)) == "&lt;x&gt;y"


PUMPS = [
    "<b>", "<b id={}>", "<i><p>", "<b id={}><p>", "<div>", "<a href=x>", "<table><tr><td><b>", "<", "&", "&#", "<!--",
    "<a a=\"", "</b>", "<b></p>", "<select><option>", "<p><b></p>",
]  # fmt: skip


def test_crafted_markup_costs_what_its_length_explains() -> None:
    worst = 0.0
    for pump in PUMPS:
        text = "".join(pump.format(number) for number in range(16_384))[:16_384] + "<p>" * 5000
        begin = time.thread_time()
        with suppress(TooComplex):
            Scrub(BLEACH)(text, Cleaning(tags=("b", "i", "p", "a", "div", "table", "tr", "td")))
        worst = max(worst, time.thread_time() - begin)
    # Without a bound the second takes minutes.
    assert worst < 5


def test_a_request_has_so_much_to_be_cleaned() -> None:
    scrub = Scrub(NH3)
    scrub("<" + "x" * (LONGEST - 1), Cleaning())
    assert scrub("no markup", Cleaning()) == "no markup"
    with pytest.raises(TooComplex):
        scrub("<b>", Cleaning())


# in a request


def asked(tmp_path: Path, schema: Any, body: Any, **more: Any) -> tuple[Site, Server]:
    tmp_path.mkdir(exist_ok=True)
    site = Site(tmp_path, {"post/POST.json": schema}, **more)
    return site, site.post("/post", body)


def test_validated_is_clean_and_the_body_is_not(tmp_path: Path) -> None:
    body = b'{ "text" : "<b>x</b><script>y</script>", "plain": "<i>" }'
    site, _ = asked(tmp_path, RICH, body)
    assert site.validated == {"body": {"text": "<b>x</b>y", "plain": "<i>"}}
    assert site.body == body


def test_rewritten_body_differs_in_clean_texts_and_defaults_alone(tmp_path: Path) -> None:
    schema = {
        **RICH,
        "x-rewrite": True,
        "properties": {**RICH["properties"], "n": {"default": 7}, "list": {"items": {"x-sanitize": True}}},
    }
    body = b'{ "plain" :"<i>\\u00e9",\n "num": 1.50e0, "text" : "<u>x</u><x>","list":["<x>a", "b" ]\t}'
    site, _ = asked(tmp_path, schema, body)
    wanted = b'{ "plain" :"<i>\\u00e9",\n "num": 1.50e0, "text" : "<u>x</u>","list":["a", "b" ]\t, "n": 7}'
    assert site.body == wanted
    assert site.length == str(len(wanted))
    assert site.validated["body"] == json.loads(wanted)


def test_body_without_anything_to_change_is_as_it_was(tmp_path: Path) -> None:
    body = b'{"text" : "caf\\u00e9", "plain": "<x>"}'
    assert asked(tmp_path, {**RICH, "x-rewrite": True}, body)[0].body == body


def test_name_twice_is_refused_where_bodies_are_rewritten(tmp_path: Path) -> None:
    _, answer = asked(tmp_path, {**RICH, "x-rewrite": True}, b'{"text": "a", "text": "<script>"}')
    assert answer.code == 400


def test_rewritten_rich_text_is_no_attack(tmp_path: Path) -> None:
    attack = {"text": "<b>x</b><script>alert(1)</script>"}
    assert asked(tmp_path / "a", {**RICH, "x-rewrite": True}, attack, threats={"mode": "block"})[1].code == 200
    # What the app reads is as it was sent: still an attack.
    assert asked(tmp_path / "b", RICH, attack, threats={"mode": "block"})[1].code == 403


def test_form_is_rewritten_field_by_field(tmp_path: Path) -> None:
    schema = {**RICH, "x-rewrite": True}
    schema["properties"] = {**RICH["properties"], "n": {"type": "integer", "default": 3}}
    site = Site(tmp_path, {"post/POST.form.json": schema})
    site.post("/post", b"plain=%3Ci%3E&text=%3Cb%3Ex%3C%2Fb%3E%3Cx%3E&&a=1+2", FORM)
    assert site.body == b"plain=%3Ci%3E&text=%3Cb%3Ex%3C%2Fb%3E&&a=1+2&n=3"
    assert site.validated == {"form": {"plain": "<i>", "text": "<b>x</b>", "a": "1 2", "n": 3}}


def test_what_the_app_reads_of_a_form_is_what_was_validated(tmp_path: Path) -> None:
    texts = {"x-sanitize": True, "type": "string"}
    schema = {"x-rewrite": True, "properties": {"many": {"type": "array", "items": texts}, "text": texts}}
    site = Site(tmp_path, {"post/POST.form.json": schema})
    for sent in (
        "many=<x>1&many=2&many=<b>3</b><x>&text=<x>4", "many=<b>1,2</b>,<x>3&text=a", "many=,<x>,&text=", "text=<x>",
    ):  # fmt: skip
        assert site.post("/post", sent.encode(), FORM).code == 200
        fields = parse_qs(site.body.decode(), keep_blank_values=True)
        many = fields.get("many", [])
        again = many if len(many) != 1 else many[0].split(",")
        assert (again, fields["text"][0]) == (site.validated["form"].get("many", []), site.validated["form"]["text"])
        assert b"%3Cx" not in site.body
        assert b"<x" not in site.body


def test_a_form_is_cleaned_once(tmp_path: Path) -> None:
    site = Site(tmp_path, {"post/POST.form.json": {**RICH, "x-rewrite": True}})
    body = urlencode({"text": "<b>x</b>&amp;<x>"}).encode()
    asked: list[int] = []

    def count(html: str, cleaning: Cleaning) -> str:
        asked.append(len(html))
        return BLEACH(html, cleaning)

    layer = next(one for one in site._unchecked.stack.full.layers if one.name == "validation")
    layer._judge._html = count  # type: ignore[attr-defined]
    assert site.ask("/post", "POST", body, lawful=False, CONTENT_TYPE=FORM).code == 200
    # The text, and what was left of it to see that it stays so.
    assert len(asked) == 2


def test_text_too_complex_to_clean_is_a_violation(tmp_path: Path) -> None:
    _, answer = asked(tmp_path, RICH, {"text": "<b>" * 100_000})
    assert answer.code == 400
    assert [error["keyword"] for error in errors(answer)] == ["x-sanitize"]


# what does not start


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"x-sanitize": "yes"}, "must be true, false or an object"),
        ({"x-sanitize": {"tag": ["b"]}}, "must be true, false or an object"),
        ({"x-sanitize": {"tags": ["B"]}}, "lower-case"),
        ({"x-sanitize": {"tags": ["script"]}}, "cannot be made clean"),
        ({"x-sanitize": {"attributes": {"a": ["onclick"]}}}, "run code"),
        ({"x-sanitize": {"attributes": ["style"]}}, "'style'"),
        ({"x-sanitize": {"protocols": ["javascript"]}}, "'javascript'"),
        ({"x-sanitize": {"strip": 1}}, "'strip'"),
        ({"x-sanitize": {"normalize": "NFKC"}}, "'NFC'"),
        ({"x-rewrite": 1}, "true or false"),
        ({"properties": {"a": {"x-rewrite": True}}}, "at the root"),
    ],
)
def test_wrong_annotations_stop_the_start(tmp_path: Path, schema: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        compiled(tmp_path, {"POST.json": schema})


def test_query_cannot_be_rewritten(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not for its query"):
        compiled(tmp_path, {"GET.query.json": {"x-rewrite": True}})


def test_nh3_cannot_show_tags(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'strip' cannot be false"):
        Site(tmp_path, {"POST.json": {"x-sanitize": {"strip": False}}}, sanitizer="nh3")


def test_every_unclean_tag_is_refused(tmp_path: Path) -> None:
    for tag in UNCLEAN_TAGS:
        with pytest.raises(ConfigurationError):
            compiled(tmp_path, {"POST.json": {"x-sanitize": {"tags": [tag]}}})
    assert len(UNCLEAN_TAGS) > 15


# splicing alone

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=4), some, max_size=4),
    max_leaves=15,
)


def changed(value: Any, draw: Any) -> tuple[Any, Change]:
    """Another value and how it differs."""
    if isinstance(value, str) and draw(st.booleans()):
        new = draw(st.text(max_size=6))
        return new, Change(new)
    if isinstance(value, list):
        items = [changed(item, draw) for item in value]
        return [item for item, _ in items], Change(below={index: one for index, (_, one) in enumerate(items)})
    if isinstance(value, dict):
        parts = {name: changed(item, draw) for name, item in value.items()}
        more = draw(st.dictionaries(st.text(max_size=4), VALUES, max_size=2))
        added = {name: item for name, item in more.items() if name not in value}
        new_members = {name: item for name, (item, _) in parts.items()} | added
        return new_members, Change(below={name: one for name, (_, one) in parts.items()}, added=added)
    return value, Change()


@settings(max_examples=400, deadline=None)
@given(value=VALUES, data=st.data(), indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_spliced_document_means_the_changed_value(value: Any, data: Any, indent: Any, ascii_only: bool) -> None:
    source = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    wanted, change = changed(value, data.draw)
    assert json.loads(rewritten_json(source, change)) == wanted
    assert rewritten_json(source, Change()) == source


@given(st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=5), st.text(max_size=5)), max_size=6))
def test_spliced_form_means_the_changed_fields(fields: list[tuple[str, str, str]]) -> None:
    from urllib.parse import urlencode

    text = urlencode([(name, value) for name, value, _ in fields])
    new = [(name, other) for name, _, other in fields]
    spliced = rewritten_form(text, [(name, value) for name, value, _ in fields], new, {"d": [1, True], "e": "&"})
    assert parse_qsl(spliced, keep_blank_values=True) == [*new, ("d", "1"), ("d", "true"), ("e", "&")]


@pytest.mark.parametrize("html", [BLEACH, NH3], ids=["bleach", "nh3"])
def test_no_attribute_is_allowed_by_itself(html: Any) -> None:
    assert Scrub(html)("<p title=a lang=b class=c>x</p>", Cleaning()) == "<p>x</p>"
    everywhere = Cleaning(attributes=(("*", ("lang",)),))
    assert Scrub(html)("<p title=a lang=b>x</p>", everywhere) == '<p lang="b">x</p>'


BOLD = {"type": "string", "x-sanitize": {"tags": ["b"]}}
# Schemas of a text that has to be clean in one case of several, and what is posted.
CASES: dict[str, tuple[Any, Any]] = {
    "or null": ({"properties": {"a": {"anyOf": [{"type": "null"}, BOLD]}}}, {"a": "<b>x</b><i>y</i>"}),
    "a form of an object": (
        {"oneOf": [{"properties": {"a": BOLD}, "required": ["a"]}, {"required": ["b"]}]}, {"a": "<b>x</b><i>y</i>"},
    ),
    "then": ({"if": {"required": ["a"]}, "then": {"properties": {"a": BOLD}}}, {"a": "<b>x</b><i>y</i>"}),
    "by a name that is there": (
        {"dependentSchemas": {"a": {"properties": {"a": BOLD}}}}, {"a": "<b>x</b><i>y</i>"},
    ),
    "items of a form": ({"anyOf": [{"items": BOLD}, {"type": "object"}]}, ["<b>x</b><i>y</i>"]),
    "a first item of a form": ({"anyOf": [{"prefixItems": [BOLD]}, {"type": "object"}]}, ["<b>x</b><i>y</i>"]),
    "any name of a form": ({"anyOf": [{"additionalProperties": BOLD}]}, {"a": "<b>x</b><i>y</i>"}),
    "a pattern of names of a form": ({"anyOf": [{"patternProperties": {"^a": BOLD}}]}, {"a": "<b>x</b><i>y</i>"}),
    "behind a reference": (
        {"properties": {"a": {"oneOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}, "$defs": {"a": BOLD}},
        {"a": "<b>x</b><i>y</i>"},
    ),
    "two levels down": (
        {"anyOf": [{"anyOf": [{"properties": {"a": {"anyOf": [BOLD]}}}]}, {"type": "null"}]}, {"a": "<b>x</b><i>y</i>"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_texts_that_alternatives_want_clean_are_clean(tmp_path: Path, name: str) -> None:
    schema, document = CASES[name]
    site = Site(tmp_path, {"POST.json": {**schema, "x-rewrite": True}})
    assert site.post("/", document).code == 200
    (clean,) = site.validated["body"].values() if isinstance(document, dict) else site.validated["body"]
    assert clean == "<b>x</b>y"
    assert json.loads(site.body) == site.validated["body"]


def test_cases_are_whole() -> None:
    assert len(CASES) == 10


@pytest.mark.parametrize("keyword", ["not", "propertyNames", "contentSchema"])
def test_cleaning_without_effect_stops_the_start(tmp_path: Path, keyword: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'x-sanitize' has no effect inside '{keyword}'"):
        compiled(tmp_path, {"POST.json": {keyword: {"properties": {"a": BOLD}}}})


@pytest.mark.parametrize("html", [BLEACH, NH3], ids=["bleach", "nh3"])
@pytest.mark.parametrize("text", ["a&#x202E;b", "a&#8238b", "a&#0;b", "a&#x1;b", "a&#&#x202e;8238;b", "a&#x202e&#1;b"])
def test_references_to_deceiving_characters_go_too(html: Any, text: str) -> None:
    assert Scrub(html)(text, Cleaning()).replace("&amp;#", "") in ("ab", "a8238;b")


def test_a_form_that_has_several_forms_gets_its_defaults(tmp_path: Path) -> None:
    schema = {
        "x-rewrite": True, "properties": {"a": {"type": "integer", "default": 1}}, "required": ["a"],
        "anyOf": [{"properties": {"n": {"type": "integer"}}, "required": ["n"]}],
    }  # fmt: skip
    site = Site(tmp_path, {"f/POST.form.json": schema})
    assert site.post("/f", b"n=4", FORM).code == 200
    assert (site.validated, site.body) == ({"form": {"n": 4, "a": 1}}, b"n=4&a=1")
