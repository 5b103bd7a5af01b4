"""The settings for people: the README's table, and the text that `wsgi-guard check` prints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import Field
from typing import Any

from .read import keys_of
from .schema import json_schema, known_variables, written
from .secret import Secret
from .sections import Limit, Settings, Threshold

__all__ = ["as_text", "json_schema", "markdown_table"]

UNITS = {"duration": "s", "bytes": "bytes"}
# What a URL may hold that is nobody's business: a login, up to its last "@", and the values of its options.
LOGIN = re.compile(r"://.*@", re.DOTALL)
OPTION = re.compile(r"=[^&]*")


def markdown_table() -> str:
    """Every key, its default, its meaning and the variables that give it, as the README prints it."""
    rows = ["| key | default | meaning | known variables |", "|---|---|---|---|"]
    for path, about in _keys(Settings, ""):
        words = ", ".join(f"`{word}`" for word in about.metadata["choices"])
        doc = about.metadata["doc"].replace("|", r"\|").replace("<", "&lt;")
        meaning = f"{doc} ({words})" if words else doc
        variables = ", ".join(f"`{name}`" for name in known_variables(path))
        where = "main: " if variables and "<name>" in path else ""
        rows.append(f"| `{path}` | {_default(about)} | {meaning} | {where}{variables} |")
    return "\n".join(rows) + "\n"


def _keys(section: type, path: str) -> Iterator[tuple[str, Field[Any]]]:
    below = {"table": ".", "named": ".<name>.", "listed": "[]."}
    for name, about in keys_of(section).items():
        kind = about.metadata["kind"]
        if kind in below:
            yield from _keys(about.metadata["section"], f"{path}{name}{below[kind]}")
        else:
            yield f"{path}{name}", about


def _default(about: Field[Any]) -> str:
    default = written(about.default)
    if about.metadata["required"]:
        return "required"
    if default is None or default == []:
        return ""
    if isinstance(default, list):
        return ", ".join(f"`{item}`" for item in default)
    shown = str(default).lower() if isinstance(default, bool) else default
    return f"`{shown}` {UNITS.get(about.metadata['kind'], '')}".rstrip()


def as_text(settings: Settings) -> str:
    """The settings in effect as a TOML document: every key with its source, secrets as `***`."""
    lines = [f"# read: {', '.join(settings.sources) or 'nothing, all is default'}"]
    lines += (f"# note: {note}" for note in settings.notes)
    lines += _table(settings, "", "", settings.origins)
    return "\n".join(lines)


def _table(section: Any, path: str, heading: str, origins: Mapping[str, str]) -> Iterator[str]:
    """The keys of a table, then the tables in it: in TOML a key after them would be theirs."""
    if heading:
        yield ""
        yield heading
    tables: list[Iterator[str]] = []
    for name, about in keys_of(section.__class__).items():
        value, here = getattr(section, name), f"{path}{name}"
        kind = about.metadata["kind"]
        if kind == "table":
            tables.append(_table(value, f"{here}.", f"[{here}]", origins))
        elif kind == "named":
            tables += (_table(each, f"{here}.{key}.", f"[{here}.{key}]", origins) for key, each in value.items())
        elif kind == "listed":
            tables += (_table(each, f"{here}.{at}.", f"[[{here}]]", origins) for at, each in enumerate(value, 1))
        elif value == about.default and value in (None, ()):
            yield f"# {name} is not set"
        elif kind == "store":
            yield f"{name} = {_toml(_store(value.reveal()))}  # {origins.get(here, 'default')}"
        elif kind == "targets":
            entries = ", ".join(f"{key} = {_toml(target)}" for key, target in value)
            yield f"{name} = {{ {entries} }}  # {origins.get(here, 'default')}"
        else:
            yield f"{name} = {_toml(value)}  # {origins.get(here, 'default')}"
    for table in tables:
        yield from table


def _store(written: str) -> str:
    """A store as it is written, but for what a URL may hold of secrets."""
    place, mark, options = LOGIN.sub("://***@", written).partition("?")
    return place + mark + OPTION.sub("=***", options)


def _toml(value: object) -> str:
    if value is None:
        return '""'  # what takes a default back
    if isinstance(value, Secret):
        return _toml(str(value))
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Limit):
        return _toml(f"{value.quantity} per {value.window} seconds")
    if isinstance(value, Threshold):
        return _toml(f"{value.measure} {value.compare} {value.bound}")
    # JSON writes numbers, booleans and strings as TOML does; the parser lets no control character in.
    return json.dumps(written(value) if isinstance(value, (int, float)) else str(value), ensure_ascii=False)
