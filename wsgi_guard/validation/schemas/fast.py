"""The engine jsonschema-rs: says of most values at once that they fit, and leaves it to jsonschema to say why not.

It judges the schemas on which both agree. Left to jsonschema are those that call functions of the app's, that refer to
themselves (only its steps are counted), that name places within a document by `$id` or `$anchor`, and whose patterns
engines of regular expressions read in different ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .formats import FORMATS
from .patterns import is_common
from .references import Folder, Resolver, followed, identified
from .walk import children, rewritten

Fits = Callable[[Any], bool | None]
# Words whose meaning depends on where they stand, or on more than the value, or that only one engine knows.
_LEFT = frozenset({"$anchor", "$dynamicAnchor", "$dynamicRef", "dependencies", "multipleOf", "x-validator"})
# Formats that Rust reads as we do; for the others it calls us, which takes longer than all the rest of a small body.
SHARED = frozenset({
    "date", "date-time", "duration", "ipv4", "ipv6", "iri", "json-pointer", "relative-json-pointer", "time", "uri",
    "uri-reference", "uuid",
})  # fmt: skip


class Engine:
    """Makes a quick check of documents as their files say them. Raises ImportError without jsonschema-rs."""

    def __init__(self, documents: Mapping[str, dict[str, Any]]) -> None:
        import jsonschema_rs

        # Patterns are read as they are written.
        self._folder = Folder({name: identified(name, rewritten(one, str)) for name, one in documents.items()})
        self._make = jsonschema_rs.Draft202012Validator
        self._formats = {name: check for name, check in FORMATS.items() if name not in SHARED}
        self._registry = jsonschema_rs.Registry(self._folder.resources())

    def fits(self, name: str) -> Fits | None:
        """Whether a value fits the document `name` (None: it cannot tell); None for one that is left to jsonschema."""
        document = self._folder.documents[name]
        if not _is_agreed(document, self._folder.resolver(name), frozenset()):
            return None
        validator = self._make(document, registry=self._registry, formats=self._formats, validate_formats=True)
        judge: Callable[[Any], bool] = validator.is_valid

        def fits(value: Any) -> bool | None:
            try:
                return judge(value)
            except BaseException as error:
                # A text or number that Rust does not have; a panic in Rust is no Exception.
                if isinstance(error, ValueError) or type(error).__name__ == "PanicException":
                    return None
                raise

        return fits


def _is_agreed(schema: Any, resolver: Resolver, above: frozenset[int]) -> bool:
    """Whether all that `schema` (in which `resolver` stands) says means the same to both engines, and ends."""
    if not isinstance(schema, dict):
        return True
    if id(schema) in above or not _LEFT.isdisjoint(schema):
        return False
    patterns = [*schema.get("patternProperties", ()), *([schema["pattern"]] if "pattern" in schema else [])]
    if not all(map(is_common, patterns)):
        return False
    here = above | {id(schema)}
    # What only stands by to be referred to says nothing until it is.
    parts = (part for keyword, _, part in children(schema) if keyword not in ("$defs", "definitions"))
    return all(_is_agreed(target, there, here) for target, there in followed(schema, resolver)) and all(
        "$id" not in part and _is_agreed(part, resolver, here) for part in parts if isinstance(part, dict)
    )
