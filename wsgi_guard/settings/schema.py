"""The settings file as JSON Schema 2020-12, for editors that complete and check TOML.

`python -m wsgi_guard.settings.schema` prints what stands in settings.schema.json. It is never stricter than `load`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import Field
from typing import Any

from .fields import may_be_empty
from .known import KNOWN
from .parse import CHECKS, KEYS, LABEL, LISTEN, NAME, OUTCOME, PATH, THRESHOLD, TOKEN
from .quantities import AMOUNT, AT_ONCE, LIMIT
from .read import keys_of
from .secret import Secret
from .sections import Settings

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TARGET = r"[^\s:]+:[^\s:]+"


def json_schema() -> Schema:
    defs: dict[str, Schema] = {}
    tables = _properties(Settings, "", defs)
    overlay = {"type": "object", "properties": tables, "additionalProperties": False}
    environments = {
        "description": "[env.<name>]: laid over the rest of the file when WSGI_GUARD_ENV is <name>",
        "type": "object",
        "additionalProperties": overlay,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "settings of wsgi_guard",
        "type": "object",
        "properties": {**tables, "env": environments},
        "additionalProperties": False,
        "$defs": defs,
    }


def _properties(section: type, path: str, defs: dict[str, Schema]) -> dict[str, Schema]:
    return {name: _property(about, f"{path}{name}", defs) for name, about in keys_of(section).items()}


def _property(about: Field[Any], path: str, defs: dict[str, Schema]) -> Schema:
    kind = about.metadata["kind"]
    if kind == "table":
        return _table(about.metadata["section"], path, defs)
    if kind == "named":
        table = _table(about.metadata["section"], f"{path}.<name>", defs)
        return {"type": "object", "propertyNames": {"pattern": _whole(LABEL.pattern)}, "additionalProperties": table}
    if kind == "listed":
        return {"type": "array", "items": _table(about.metadata["section"], f"{path}[]", defs, complete=True)}
    return {"description": described(about, path), **TYPES.get(kind, _text)(about), **_default(about)}


def _table(section: type, path: str, defs: dict[str, Schema], *, complete: bool = False) -> Schema:
    """A reference: the file and its overlays hold the same tables.

    Only items of arrays are `complete`; what a table lacks may stand in an overlay, a variable or the code.
    """
    found: Schema = {
        "description": (section.__doc__ or "").partition("\n")[0],
        "type": "object",
        "properties": _properties(section, f"{path}.", defs),
        "additionalProperties": False,
    }
    if complete:
        found["required"] = [name for name, about in keys_of(section).items() if about.metadata.get("required")]
    defs[section.__name__.removesuffix("Section").lower()] = found
    return {"$ref": f"#/$defs/{section.__name__.removesuffix('Section').lower()}"}


def described(about: Field[Any], path: str) -> str:
    """What a key means, and which variable gives it."""
    variables = known_variables(path)
    meaning: str = about.metadata["doc"]
    return f"{meaning}; known variables: {', '.join(variables)}" if variables else meaning


def known_variables(path: str) -> tuple[str, ...]:
    """The variables that give a key. Those of the database give the pool main."""
    return KNOWN.get(path.replace("<name>", "main"), ())


def _default(about: Field[Any]) -> Schema:
    default = written(about.default)
    return {} if default is None or default == [] or about.metadata["required"] else {"default": default}


def written(default: Any) -> Any:
    """A default as the file would say it."""
    if isinstance(default, tuple):
        return list(default)
    if isinstance(default, float) and default.is_integer():
        return int(default)
    return default.reveal() if isinstance(default, Secret) else default


def _text(about: Field[Any]) -> Schema:
    return TEXT


def _matching(pattern: str) -> Callable[[Field[Any]], Schema]:
    return lambda about: _pattern(pattern)


def _pattern(pattern: str) -> Schema:
    return {"type": "string", "pattern": _whole(pattern)}


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _numeric(*types: str) -> Callable[[Field[Any]], Schema]:
    def schema(about: Field[Any]) -> Schema:
        bounds = {"minimum": written(float(about.metadata["low"])), "maximum": written(float(about.metadata["high"]))}
        text = {"pattern": _whole(AMOUNT.pattern)} if "string" in types else {}
        return {"type": list(types) if text else types[0], **bounds, **text}

    return schema


def _one_or_more(item: Schema, *, empty: bool = True) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, **({} if empty else {"minItems": 1})}]}


ONE_LIMIT = f"(?:{LIMIT.pattern}|{AT_ONCE.pattern})"
LIMITS = _whole(f"{ONE_LIMIT}(?:;{ONE_LIMIT})*")
OUTCOMES: Schema = {"type": ["string", "integer"], "pattern": _whole(OUTCOME.pattern), "minimum": 100, "maximum": 599}
TYPES: Mapping[str, Callable[[Field[Any]], Schema]] = {
    "bytes": _numeric("number", "string"),
    "check": _matching("|".join((*CHECKS, TARGET))),
    "choice": lambda about: {"enum": list(about.metadata["choices"])},
    "choices": lambda about: _one_or_more({"enum": list(about.metadata["choices"])}, empty=about.default != ()),
    "cost": lambda about: {"type": ["integer", "string"], "minimum": 0, "pattern": _whole(TARGET)},
    "count": _numeric("integer"),
    "duration": _numeric("number", "string"),
    "flag": lambda about: {"type": "boolean"},
    "header": _matching(TOKEN.pattern),
    "headers": lambda about: _one_or_more(_pattern(TOKEN.pattern), empty=may_be_empty(about)),
    "keys": lambda about: _one_or_more(_pattern("|".join((*KEYS, f"header:{TOKEN.pattern}", TARGET))), empty=False),
    "limits": lambda about: _one_or_more({"type": ["string", "integer"], "pattern": LIMITS}, empty=False),
    "listen": _matching(f"|{LISTEN.pattern}"),
    "methods": lambda about: _one_or_more(_pattern(TOKEN.pattern), empty=False),
    "name": _matching(NAME.pattern),
    "networks": lambda about: _one_or_more(TEXT, empty=may_be_empty(about)),
    "outcomes": lambda about: _one_or_more(OUTCOMES, empty=False),
    "path": _matching(f"|{PATH.pattern}"),
    "pointer": _matching("/.*"),
    "ratio": _numeric("number"),
    "target": _matching(f"|{TARGET}"),
    "targets": lambda about: {
        "type": "object",
        "propertyNames": {"pattern": _whole(LABEL.pattern)},
        "additionalProperties": _pattern(TARGET),
    },
    "template": _matching(r"/[^\s?#]*"),
    "templates": lambda about: _one_or_more(_pattern(r"/[^\s?#]*")),
    "texts": lambda about: _one_or_more(TEXT, empty=may_be_empty(about)),
    "thresholds": lambda about: _one_or_more(_pattern(THRESHOLD.pattern)),
}

if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))
