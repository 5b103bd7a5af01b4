"""Functions that the settings name."""

from __future__ import annotations

import os.path
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.settings import resolve_target
from wsgi_guard.settings.target import is_target

FORMS = [
    ("shop:who", True), ("shop.auth:who", True), ("shop.auth:Users.who", True), ("größe:_f1", True),
    ("shop", False), (":who", False), ("shop:", False), ("", False), (":", False), ("a:b:c", False), ("a..b:c", False),
    ("a:b.", False), (".a:b", False), ("a b:c", False), ("a:b()", False), ("1a:b", False), ("a-b:c", False),
    ("a:b\n", False),
]  # fmt: skip


@pytest.mark.parametrize(("text", "well"), FORMS)
def test_form_of_a_target(text: str, well: bool) -> None:
    assert is_target(text) is well
    assert len(FORMS) == 18


def test_the_function_is_found() -> None:
    assert resolve_target("os.path:join") is os.path.join
    assert resolve_target("os:path.join") is os.path.join
    assert resolve_target("pathlib:Path.cwd")() == Path.cwd()


@pytest.fixture
def shop(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / "guarded_shop.py").write_text("LIMIT = 5\nasync def later(environ): ...\n")
    (empty_folder / "broken_shop.py").write_text("raise RuntimeError('no database')\n")
    monkeypatch.syspath_prepend(empty_folder)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("guarded_shop", "expected module:function, not 'guarded_shop'"),
        ("no_such_shop:who", "cannot import 'no_such_shop': ModuleNotFoundError: No module named 'no_such_shop'"),
        ("broken_shop:who", "cannot import 'broken_shop': RuntimeError: no database"),
        ("guarded_shop:who", "module 'guarded_shop' has no 'who'"),
        ("guarded_shop:LIMIT.who", "module 'guarded_shop' has no 'LIMIT.who'"),
        ("guarded_shop:LIMIT", "'guarded_shop:LIMIT' is not a function but int"),
        ("guarded_shop:later", "'guarded_shop:later' is an async function, an ordinary one is needed"),
    ],
)
def test_what_is_wrong_with_a_target(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as raised:
        resolve_target(text)
    assert str(raised.value) == reason


@given(st.text(max_size=30))
def test_any_text_is_a_target_or_not(text: str) -> None:
    if not is_target(text):
        with pytest.raises(ValueError, match="expected module:function"):
            resolve_target(text)
