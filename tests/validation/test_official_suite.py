"""The official JSON-Schema-Test-Suite for draft 2020-12, through schema files and both engines.

jsonschema's source distribution carries it; `tests/run` puts it into the environment of the tests.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing.jsonschema import DRAFT202012

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.routes import Routes
from wsgi_guard.validation.schemas.check import Check
from wsgi_guard.validation.schemas.compile import compile_folder

SUITE = Path(sys.prefix) / "json-schema-test-suite"
REMOTE = "http://localhost:1234/"
# What the loader refuses, and why that is meant.
REFUSED = {
    "default.json": "a default must fit its own schema",
    "optional/cross-draft.json": "files are read as 2020-12 alone",
    "optional/ecmascript-regex.json": "Python has no tables for \\p",
    "optional/format/unknown.json": "a format that nobody checks would not do what it says",
    "optional/format-assertion.json": "files are read as 2020-12 alone",
    "refRemote.json": "a document is found under the URI that it says",
    "vocabulary.json": "files are read as 2020-12 alone",
}
# Formats are asserted; here the suite wants them to be annotations.
ASSERTED = "format.json"


def remotes() -> dict[str, Any]:
    found = {}
    for path in sorted((SUITE / "remotes").rglob("*.json")):
        name = path.relative_to(SUITE / "remotes").as_posix()
        if not name.startswith("draft") or name.startswith("draft2020-12"):
            found[name] = json.loads(path.read_text())
    return found


def groups() -> Iterator[tuple[str, Any]]:
    root = SUITE / "tests" / "draft2020-12"
    for path in sorted(root.rglob("*.json")):
        for group in json.loads(path.read_text()):
            yield path.relative_to(root).as_posix(), group


def check(folder: Path, schema: Any, others: dict[str, Any], *, fast: bool) -> Check:
    """As one file of a folder, with the documents it refers to beside it."""
    files = {"a/POST.json": schema}
    if REMOTE in json.dumps(schema):
        known = ((name, document) for name, document in others.items() if isinstance(document, dict))
        files |= {f"_remotes/{name}": {"$id": REMOTE + name, **document} for name, document in known}
    for name, document in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(document))
    return compile_folder(folder, Routes(), fast=fast)[0].parts["body"].check


@pytest.mark.parametrize("fast", [False, True], ids=["jsonschema", "jsonschema-rs"])
def test_suite_passes_as_far_as_jsonschema_passes_it(tmp_path: Path, fast: bool) -> None:
    assert SUITE.is_dir(), "run ./tests/run, which fetches the suite"
    others = remotes()
    known = [(REMOTE + name, DRAFT202012.create_resource(one)) for name, one in others.items()]
    registry = REGISTRY.with_resources(known)
    asked, refused, wrong = 0, set(), []
    for number, (file, group) in enumerate(groups()):
        try:
            ours = check(tmp_path / str(number), group["schema"], others, fast=fast)
        except ConfigurationError:
            refused.add(file)
            continue
        formats = Draft202012Validator.FORMAT_CHECKER if file.startswith("optional/format") else None
        theirs = Draft202012Validator(group["schema"], registry=registry, format_checker=formats)
        for test in group["tests"]:
            asked += 1
            valid = not ours.violations(test["data"], 10)
            if valid != test["valid"] and file != ASSERTED and theirs.is_valid(test["data"]) == test["valid"]:
                wrong.append((file, group["description"], test["description"]))
    assert wrong == []
    assert refused == set(REFUSED)
    assert asked > 1800
