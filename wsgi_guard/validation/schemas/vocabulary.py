"""What a schema file may say beyond the standard, and what of the standard is not accepted.

Pure: a document in, sentences out, each with the pointer of the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from wsgi_guard.validation.threats.classes import CLASSES

from .formats import FORMATS
from .sanitizing import sanitize_problem
from .walk import children, subschemas

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_OTHER_DRAFT = re.compile(r"https?://json-schema\.org/")
OLDER = (
    "must be {0!r}, for files are read as that draft; in an older one write a list in 'items' as 'prefixItems', "
    "'additionalItems' as 'items', 'dependencies' as 'dependentRequired' or 'dependentSchemas', 'id' as '$id'; "
    "'definitions' may stay"
)
# Words of older drafts that say nothing any more, and what says it.
_REPLACED = {
    "additionalItems": "'items' beside 'prefixItems'", "dependencies": "'dependentRequired' or 'dependentSchemas'",
    "$recursiveRef": "'$dynamicRef'", "$recursiveAnchor": "'$dynamicAnchor'",
}  # fmt: skip
# How near a format is that was meant: "url" is to "uri", "phone" is not to "hostname".
_MEANT = 0.65


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _classes(value: Any) -> str | None:
    if value is False or (isinstance(value, list) and value and all(item in CLASSES for item in value)):
        return None
    return "must be false or a list of classes to skip: " + ", ".join(CLASSES)


def _name(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be a name of [validation.validators]"


def _format(value: Any) -> str | None:
    near = [] if value in FORMATS else get_close_matches(str(value), FORMATS, 1, _MEANT)
    return f"{value!r} is not known, did you mean {near[0]!r}?" if near else None


def _dialect(value: Any) -> str | None:
    other = value.rstrip("#") != DIALECT and _OTHER_DRAFT.match(value)
    return OLDER.format(DIALECT) if other else None


_CHECKS: dict[str, Callable[[Any], str | None]] = {
    "x-coerce": _boolean,
    "x-threats": _classes,
    "x-sanitize": sanitize_problem,
    "x-validator": _name,
    "x-rewrite": _boolean,
    "format": _format,
    "$schema": _dialect,
}


def annotation_problems(document: Any) -> Iterator[str]:
    """A sentence, pointer in front, for each word of a document (valid 2020-12) that would not do what it says."""
    for at, schema in subschemas(document):
        for keyword, value in schema.items():
            check = _CHECKS.get(keyword)
            said = check(value) if check else _misspelt(keyword)
            if said:
                yield f"{at}: {keyword!r} {said}"
        yield from _unseen(at, schema)
        if at and "x-rewrite" in schema:
            yield f"{at}: 'x-rewrite' has a meaning at the root of a file alone"


def annotation_notes(document: Any) -> Iterator[str]:
    """A sentence, pointer in front, for each word that is valid JSON Schema but says nothing here."""
    for at, schema in subschemas(document):
        if schema.get("format", "date") not in FORMATS:
            yield f"{at}: 'format' {schema['format']!r} is not known and not asserted"
        dialect = schema.get("$schema", DIALECT)
        if dialect.rstrip("#") != DIALECT:
            yield f"{at}: '$schema' {dialect!r} is not known, the file is read as draft 2020-12"
        for word, now in _REPLACED.items():
            if word in schema:
                yield f"{at}: {word!r} is of an older draft and does nothing; since 2020-12 {now} says it"


def _unseen(at: str, schema: dict[str, Any]) -> Iterator[str]:
    """A sentence for each text that would be cleaned but is no part of the value, or may not be there."""
    for keyword, step, part in children(schema):
        if keyword in ("contentSchema", "not", "propertyNames"):
            yield from (
                f"{at}{step}{below}: 'x-sanitize' has no effect inside {keyword!r}"
                for below, inner in subschemas(part)
                if "x-sanitize" in inner
            )


def _misspelt(keyword: str) -> str | None:
    """Other tools have `x-` words of their own; one that is nearly ours was meant for us."""
    near = get_close_matches(keyword.lower(), _CHECKS, 1, 0.8) if keyword.lower().startswith("x-") else []
    return f"is not known, did you mean {near[0]!r}?" if near else None
