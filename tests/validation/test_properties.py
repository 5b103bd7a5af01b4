r"""Patterns that name characters by their Unicode properties mean what they mean elsewhere."""

from __future__ import annotations

import re
import sys
import time
import unicodedata
from pathlib import Path

import pytest
from jsonschema_rs import Draft202012Validator

from tests.validation.asking import Site
from tests.validation.folders import part, problems
from wsgi_guard.validation.schemas.formats import is_regex
from wsgi_guard.validation.schemas.patterns import ecma
from wsgi_guard.validation.schemas.properties import _LONG, _OTHERS
from wsgi_guard.validation.schemas.scripts import SCRIPTS

NAMES = [*_OTHERS, *sorted(set(_LONG) - {"Surrogate"}), *sorted(set(_LONG.values()) - {"Cs", "LC"}), "gc=L",
         "General_Category=Nd", *(f"Script={name}" for name in SCRIPTS), "sc=Greek"]  # fmt: skip
# Every character of the planes in use would take a minute.
SAMPLE = [code for code in [*range(0x600), *range(0x600, 0x3000, 3), *range(0x3000, 0x32000, 211)]
          if not 0xD800 <= code < 0xE000 and unicodedata.category(chr(code)) != "Cn"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_properties_mean_what_they_mean_to_rust(name: str) -> None:
    if name in ("digit", "punct", "cntrl", "Combining_Mark"):
        # other names of what is here under its long one
        return
    pattern = f"^\\p{{{name}}}$"
    python, rust = re.compile(ecma(pattern)).search, Draft202012Validator({"pattern": pattern}).is_valid
    unlike = [hex(code) for code in SAMPLE if rust(chr(code)) != (python(chr(code)) is not None)]
    # Rust has a newer database: a few characters have moved.
    assert len(unlike) <= 12, unlike
    assert len(NAMES) > 90


# pattern -> texts that fit, texts that do not
FITTING: dict[str, tuple[str, str]] = {
    r"^\p{L}+$": ("Zo\u00eb \u65e5\u672c \U00020000", "a1 - \u0663"),
    r"^\P{L}+$": ("12 -", "a1a \u00e9"),
    r"^[\p{L}\p{Nd}_-]+$": ("Z\u00fc-9 \u0663_", "a! \u20ac"),
    r"^[^\p{L}]+$": ("12 !?", "1a"),
    r"^[\P{L}x]+$": ("x1 -", "a"),
    r"^\p{Lu}\p{Ll}*$": ("\u00c9t\u00e9 A", "a AB"),
    r"^\p{Script=Cyrillic}+$": ("\u043c\u0438\u0440", "mir \u043c1"),
    r"^\p{sc=Han}{2}$": ("\u65e5\u672c", "\u3042\u3042 ab"),
    r"^\p{LC}\d$": ("a1 A2", "\u65e51 a\u0663"),
    r"^\P{Any}$": ("", "a"),
}


@pytest.mark.parametrize("pattern", FITTING)
def test_properties_stand_wherever_a_character_may(tmp_path: Path, pattern: str) -> None:
    check = part(tmp_path, {"pattern": pattern}).check
    fitting, others = FITTING[pattern]
    assert [text for text in fitting.split() if check.violations(text, 1)] == []
    assert [text for text in others.split() if not check.violations(text, 1)] == []
    assert len(FITTING) == 10


def test_names_may_be_told_by_a_property(tmp_path: Path) -> None:
    said = {"patternProperties": {r"^\p{Lu}": {"type": "integer"}}, "additionalProperties": False}
    for engine in ("jsonschema", "jsonschema-rs"):
        site = Site(tmp_path, {"a/GET.query.json": said}, engine=engine)
        assert site.ask("/a", query="%C3%89=1").code == 200
        assert site.validated == {"query": {"\u00c9": 1}}
        assert site.ask("/a", query="%C3%A9=1").code == 400


@pytest.mark.parametrize("name", ["Foo", "Script=Klingon", "L=Lu", "gc=Greek", "scx=Greek", "Latin", "", "l"])
def test_what_is_not_known_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    (problem,) = problems(tmp_path, {"a/POST.json": {"properties": {"x": {"pattern": f"^\\p{{{name}}}"}}}})
    assert problem.startswith("schemas: a/POST.json#/properties/x/pattern: ")
    assert f"'\\\\p{{{name}}}' is a property of Unicode that is not known here" in problem
    assert "write a class" in problem


def test_a_client_may_not_make_long_classes() -> None:
    begin = time.thread_time()
    assert is_regex(r"^\p{L}" * 160)
    assert not is_regex(r"\p{Nothing}")
    assert time.thread_time() - begin < 0.2


def test_time_grows_with_the_text(tmp_path: Path) -> None:
    check = part(tmp_path, {"pattern": r"^[\p{L}\p{M}]+$"}).check
    begin = time.thread_time()
    assert check.violations("\U00020000" * 500_000 + "1", 1)
    assert time.thread_time() - begin < 5
    assert sys.maxunicode == 0x10FFFF
