"""The official JSON-Schema-Test-Suite for draft 2020-12, each schema as a file of a folder.

`tests/run` fetches it: it is part of the source distribution of jsonschema. Its remote schemas lie in the folder here,
so its references to them do as well.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.routes import Routes
from wsgi_guard.validation.schemas.check import Check
from wsgi_guard.validation.schemas.compile import compile_folder

from .folders import write

SUITE = Path(sys.prefix) / "json-schema-test-suite"
REMOTE = "http://localhost:1234/"
# What is refused at the start, and why. Nothing of it is passed over at run time.
REFUSED = {
    "optional/cross-draft.json": "names nothing",  # a remote of another draft; every file is 2020-12 by contract
}
# Formats are asserted, and what this file says of each is that they need not be.
ASSERTED = "format.json"


class Group(NamedTuple):
    file: str
    description: str
    schema: Any
    tests: list[dict[str, Any]]


def groups() -> Iterator[Group]:
    root = SUITE / "tests/draft2020-12"
    if not root.is_dir():
        pytest.fail("the official suite is not there; ./tests/run fetches it")
    for file in sorted(root.rglob("*.json")):
        for group in json.loads(file.read_text()):
            name = file.relative_to(root).as_posix()
            yield Group(name, group["description"], group["schema"], group["tests"])


@cache
def remotes() -> dict[str, Any]:
    found = {}
    for file in sorted((SUITE / "remotes").rglob("*.json")):
        name = file.relative_to(SUITE / "remotes").as_posix()
        if not name.startswith("draft") or name.startswith("draft2020-12/"):
            found[name] = json.loads(file.read_text())
    return found


@cache
def registry() -> Any:
    resources = [(REMOTE + name, DRAFT202012.create_resource(schema)) for name, schema in remotes().items()]
    return REGISTRY.combine(Registry().with_resources(resources))


def files(group: Group) -> dict[str, Any]:
    """The schema of a group as a folder: what is remote to it lies below `_remotes`."""
    found = {"a/POST.json": json.dumps(group.schema).replace(REMOTE, "/_remotes/")}
    # a name that is relative to another remote has its last part in common with it
    if "/_remotes/" in found["a/POST.json"]:
        more = {name: json.dumps(schema).replace(REMOTE, "/_remotes/") for name, schema in remotes().items()}
        texts = list(found.values())
        for text in texts:
            named = {name for name in more if Path(name).name in text}
            texts += [more[name] for name in named]
            found |= {f"_remotes/{name}": more.pop(name) for name in named}
    return found


def theirs(group: Group, data: Any) -> bool | None:
    """What jsonschema says itself; None when it cannot."""
    formats = Draft202012Validator.FORMAT_CHECKER if group.file.startswith("optional/format") else None
    try:
        return Draft202012Validator(group.schema, registry=registry(), format_checker=formats).is_valid(data)
    except Exception:
        return None


def checks(folder: Path) -> list[Check]:
    """The check that each engine makes of the one file that is routed. Raises ConfigurationError."""
    both = (compile_folder(folder, Routes(), fast=fast) for fast in (False, True))
    return [compiled.endpoints[0].parts["body"].check for compiled in both]


def test_the_official_suite_passes_as_far_as_jsonschema_passes_it(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    worse, refused = [], set()
    for number, group in enumerate(groups()):
        try:
            check, quick = checks(write(tmp_path / str(number), files(group)))
        except ConfigurationError as error:
            assert REFUSED[group.file] in error.problems[0], (group, error)
            refused.add(group.file)
            continue
        for test in group.tests:
            ours = not check.violations(test["data"], 100)
            right = ours == test["valid"]
            assert quick.violations(test["data"], 100) == check.violations(test["data"], 100), (group, test)
            seen["required" if "/" not in group.file else "optional"] += 1
            seen["right" if right else "wrong"] += 1
            if not right and theirs(group, test["data"]) == test["valid"] and group.file != ASSERTED:
                worse.append((group.file, group.description, test["description"]))
    assert worse == []
    assert refused == set(REFUSED)
    # wrong are the annotations of `ASSERTED`, `dependencies`, a keyword of older drafts, and a vocabulary that leaves
    # keywords out; jsonschema says the same of the last two
    assert (seen["required"] > 1200, seen["optional"] > 600, seen["wrong"] < 40) == (True, True, True), seen
