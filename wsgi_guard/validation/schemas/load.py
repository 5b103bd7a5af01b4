"""The folder of schema files as JSON documents, with everything that cannot be read said at once.

Knows files and JSON, not JSON Schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from wsgi_guard.validation.pointers import escape

from .names import METHODS, is_shared, looks_routed

Documents = dict[str, Any]
# What lies in folders to be read by people.
_ABOUT = ("README", "LICENSE", "LICENCE", "NOTICE", "CHANGELOG")


class _Doubled(dict[str, Any]):
    """An object of a file that names a member twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.doubled = sorted({name for name in names if names.count(name) > 1})


def read_folder(root: Path) -> tuple[Documents, list[str]]:
    """Documents by name relative to `root` ("api/orders/POST.json"), and a sentence for each that cannot be used."""
    if not root.is_dir():
        return {}, [f"{root}: the schema folder does not exist or is not a folder"]
    documents: Documents = {}
    problems: list[str] = []
    for path in files(root, problems, ()):
        name = path.relative_to(root).as_posix()
        if not (path.suffix == ".json" if is_shared(name) else looks_routed(name)):
            continue
        try:
            documents[name] = _read(path)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            continue
        problems.extend(f"{name}#{at}" for at in _doubled(documents[name], ""))
    return documents, problems


def strays(root: Path) -> list[str]:
    """A sentence for each file of a folder that was probably meant to do something, and does nothing."""
    found = []
    for path in files(root, [], ()):
        name = path.relative_to(root).as_posix()
        if is_shared(name):
            if looks_routed(path.name) and path.stem.split(".")[0] in METHODS:
                found.append(f"{name}: is never routed, for a part of its name begins with '_' (written %5F in a path)")
        elif not looks_routed(name) and not path.name.upper().startswith(_ABOUT) and path.suffix.lower() != ".md":
            found.append(f"{name}: is no schema file, and is not read; those are METHOD.json or METHOD.part.json")
    return found


def files(folder: Path, problems: list[str], above: tuple[Path, ...]) -> Iterator[Path]:
    """All files below `folder`, sorted. Hidden entries are nobody's schema: a mounted Kubernetes ConfigMap keeps
    its copies in `..data`."""
    real = folder.resolve()
    if real in above:
        problems.append(f"{folder}: the folder is linked into itself")
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from files(entry, problems, (*above, real))
        else:
            yield entry


def _read(path: Path) -> Any:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("is nested too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Doubled(pairs)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"is not JSON: {text} is not a number of JSON")


def _doubled(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, _Doubled):
        yield from (f"{at}: the member {name!r} is there twice" for name in value.doubled)
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _doubled(below, f"{at}/{escape(name)}")
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _doubled(below, f"{at}/{index}")
