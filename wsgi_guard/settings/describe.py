"""The settings described: as JSON Schema for editors, as a table for the README, as text for `wsgi-guard check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from .known import KNOWN
from .read import keys_of
from .secret import Secret
from .sections import Limit, Settings
from .wording import shown

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ONE_OR_MORE = {"type": ["string", "array"], "items": {"type": "string"}}
NUMBER_OR_TEXT = {"type": ["number", "string"]}
TYPES: Mapping[str, dict[str, Any]] = {
    "bytes": NUMBER_OR_TEXT, "duration": NUMBER_OR_TEXT, "flag": {"type": "boolean"}, "keys": ONE_OR_MORE,
    "limits": ONE_OR_MORE, "methods": ONE_OR_MORE, "networks": ONE_OR_MORE, "templates": ONE_OR_MORE,
    "texts": ONE_OR_MORE,
}  # fmt: skip


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the settings file."""
    tables = _object(Settings)
    overlay = {"type": "object", "description": "[env.<name>]: laid over the file when WSGI_GUARD_ENV is <name>"}
    overlays = {**overlay, "additionalProperties": {"$ref": "#/$defs/settings"}}
    return {
        "$schema": DRAFT,
        "title": "wsgi_guard settings",
        "$defs": {"settings": tables},
        **tables,
        "properties": {**tables["properties"], "env": overlays},
    }


def _object(section: type) -> dict[str, Any]:
    keys = keys_of(section)
    found: dict[str, Any] = {
        "type": "object",
        "description": (section.__doc__ or "").partition("\n")[0],
        "additionalProperties": False,
        "properties": {name: _property(about) for name, about in keys.items()},
    }
    required = [name for name, about in keys.items() if about.metadata.get("required")]
    return {**found, "required": required} if required else found


def _property(about: Field[Any]) -> dict[str, Any]:
    kind = about.metadata["kind"]
    if kind == "table":
        return _object(about.metadata["section"])
    if kind == "named":
        return {"type": "object", "additionalProperties": _object(about.metadata["section"])}
    if kind == "listed":
        return {"type": "array", "items": _object(about.metadata["section"])}
    found = {"description": about.metadata["doc"], **_type(about)}
    default = _written(about.default)
    return found if default is None or about.metadata["required"] else {**found, "default": default}


def _type(about: Field[Any]) -> dict[str, Any]:
    kind, words = about.metadata["kind"], list(about.metadata["choices"])
    if kind == "choice":
        return {"enum": words}
    if kind == "choices":
        return {"type": ["string", "array"], "items": {"enum": words}}
    if kind == "count":
        return {"type": "integer", "minimum": about.metadata["low"], "maximum": about.metadata["high"]}
    return TYPES.get(kind, {"type": "string"})


def _written(default: Any) -> Any:
    """A default as the file would write it; None when it is absent."""
    if isinstance(default, Secret):
        return default.reveal()
    if isinstance(default, tuple):
        return list(default)
    return default


def markdown_table() -> str:
    """Every key, its default and its meaning, as the README prints it."""
    rows = ["| key | default | meaning | known variables |", "|---|---|---|---|"]
    for path, about in _rows(Settings, ""):
        default = _default_text(about)
        words = ", ".join(f"`{word}`" for word in about.metadata["choices"])
        doc = about.metadata["doc"] + (f" ({words})" if words else "")
        variables = ", ".join(f"`{name}`" for name in KNOWN.get(path.replace("<name>", "main"), ()))
        rows.append(f"| `{path}` | {default} | {doc} | {variables} |")
    return "\n".join(rows) + "\n"


def _rows(section: type, path: str) -> Iterator[tuple[str, Field[Any]]]:
    for name, about in keys_of(section).items():
        kind = about.metadata["kind"]
        below = {"table": f"{path}{name}.", "named": f"{path}{name}.<name>.", "listed": f"{path}{name}[]."}.get(kind)
        if below:
            yield from _rows(about.metadata["section"], below)
        else:
            yield f"{path}{name}", about


def _default_text(about: Field[Any]) -> str:
    default = _written(about.default)
    if about.metadata["required"]:
        return "required"
    if default is None or default is MISSING or default == []:
        return ""
    kind = about.metadata["kind"]
    unit = {"duration": " s", "bytes": " bytes"}.get(kind, "")
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list):
        return ", ".join(f"`{item}`" for item in default)
    return f"`{default:g}`{unit}" if isinstance(default, float) else f"`{default}`{unit}"


def as_text(settings: Settings) -> str:
    """The settings in effect: what differs from a default, with its source, then where all was looked for."""
    lines = []
    for path, value in _values(settings, ""):
        source = settings.origins.get(path)
        if source is not None:
            lines.append(f"{path} = {_shown(value)}    # {source}")
    lines.extend(f"note: {note}" for note in settings.notes)
    lines.append(f"read: {', '.join(dict.fromkeys(settings.sources)) or 'nothing; all keys have their defaults'}")
    return "\n".join(lines)


def _values(section: Any, path: str) -> Iterator[tuple[str, Any]]:
    for about in fields(section):
        if about.name not in keys_of(type(section)):
            continue
        value, here = getattr(section, about.name), f"{path}{about.name}"
        kind = about.metadata["kind"]
        if kind == "table":
            yield from _values(value, f"{here}.")
        elif kind == "named":
            for name, one in value.items():
                yield from _values(one, f"{here}.{name}.")
        elif kind == "listed":
            for at, one in enumerate(value, 1):
                yield from _values(one, f"{here}.{at}.")
        else:
            yield here, value


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, Limit):
        return f'"{value.quantity} per {value.window} seconds"'
    if is_dataclass(value) or isinstance(value, (bool, int, float, str, Secret)):
        return str(value).lower() if isinstance(value, bool) else shown(value)
    return shown(str(value))
