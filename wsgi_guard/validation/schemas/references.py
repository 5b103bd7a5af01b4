"""Where `$ref` leads: to files of the folder, never to the network.

Each file has the URI of its place in the folder ("/api/orders/POST.json"), and that of its `$id` if it has one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from .uris import canonical, of_file
from .walk import IN_PLACE, children, subschemas

Resolver = Any
_REFERENCES = ("$ref", "$dynamicRef")


def identified(name: str, document: Any) -> dict[str, Any]:
    """The document as an object that says its own absolute `$id`, so relative references start at its place."""
    schema = document if isinstance(document, dict) else ({} if document else {"not": {}})
    own = schema.get("$id")
    here = of_file(name)
    return {**schema, "$id": urljoin(here, own) if isinstance(own, str) else here}


class Folder:
    """All documents of a folder (made by `rewritten`, then `identified`), ready to look references up in."""

    def __init__(self, documents: Mapping[str, dict[str, Any]]) -> None:
        self.documents = documents
        resources = [(uri, DRAFT202012.create_resource(schema)) for uri, schema in self.resources()]
        self.registry: Registry[Any] = REGISTRY.with_resources(resources).crawl()

    def resources(self) -> list[tuple[str, dict[str, Any]]]:
        """Each document under every URI by which it may be referred to."""
        return list(_by_uri(self.documents))

    def resolver(self, name: str) -> Resolver:
        """A resolver that stands at the root of the file `name`."""
        return self.registry.resolver(self.documents[name]["$id"])

    @property
    def is_dynamic(self) -> bool:
        """Whether what a schema means may depend on who refers to it, or moves with an `$id` inside a document."""
        return any(
            "$dynamicRef" in schema or ("$id" in schema and at) or "//json-schema.org/" in schema.get("$ref", "")
            for document in self.documents.values()
            for at, schema in subschemas(document)
        )

    def problems(self, name: str, invalid: Collection[str]) -> Iterator[str]:
        """A sentence for each reference of a file that leads nowhere or round in a circle, pointer in front.

        Of references into the files `invalid` nothing can be said yet.
        """
        unread = {self.documents[each]["$id"] for each in invalid}
        for at, schema, inside in places(self.documents[name], self.resolver(name)):
            named = [schema[word] for word in _REFERENCES if word in schema]
            missing = [reference for reference in named if _is_missing(reference, inside)]
            for reference in missing:
                if urldefrag(urljoin(of_file(name), reference)).url not in unread:
                    said = "names nothing in the schema folder; nothing outside it is fetched"
                    yield f"{at}: {unquote(reference)!r} {said}"
            if not missing and _is_circular(schema, inside):
                yield f"{at}: refers to itself without going into a part of the value"


def _by_uri(documents: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    known = {of_file(name) for name in documents}
    for name, schema in documents.items():
        yield from ((uri, schema) for uri in {of_file(name), schema["$id"]})
        # A file called "%7Bid%7D" is meant by what it is called, unless there is one that is called "{id}".
        spelled = canonical("/" + name) if "%" in name else ""
        if spelled and spelled not in known:
            yield spelled, schema


def below(schema: Any, resolver: Resolver) -> Resolver:
    """The resolver inside `schema`, whose `$id` may move the base."""
    return resolver.in_subresource(DRAFT202012.create_resource(schema)) if "$id" in schema else resolver


def followed(schema: dict[str, Any], resolver: Resolver) -> Iterator[tuple[dict[str, Any], Resolver]]:
    """The schemas that `$ref` and `$dynamicRef` of `schema` lead to; those that are `true` or `false` are left out.

    Each comes with the resolver inside it: `below` would apply a relative `$id` a second time.
    """
    for keyword in _REFERENCES:
        if keyword in schema:
            found = resolver.lookup(schema[keyword])
            if isinstance(found.contents, dict):
                yield found.contents, found.resolver


def places(schema: Any, resolver: Resolver, at: str = "") -> Iterator[tuple[str, dict[str, Any], Resolver]]:
    """(pointer, schema, resolver inside it) of every schema of a document that is an object."""
    if isinstance(schema, dict):
        inside = below(schema, resolver)
        yield at, schema, inside
        for _, step, subschema in children(schema):
            yield from places(subschema, inside, at + step)


def _is_missing(reference: str, resolver: Resolver) -> bool:
    try:
        resolver.lookup(reference)
    except Unresolvable:
        return True
    return False


def _is_circular(start: dict[str, Any], resolver: Resolver) -> bool:
    """Whether checking one value against `start` would check it against `start` again, and so for ever."""
    return any(schema is start for schema in same_value(start, resolver))


def same_value(start: dict[str, Any], resolver: Resolver) -> Iterator[dict[str, Any]]:
    """Every schema against which a value may be checked when it is against `start` (inside which `resolver` stands)."""
    rest, seen = list(_same_value(start, resolver)), set()
    while rest:
        schema, inside = rest.pop()
        if id(schema) not in seen:
            seen.add(id(schema))
            yield schema
            rest.extend(_same_value(schema, inside))


def _same_value(schema: dict[str, Any], inside: Resolver) -> Iterator[tuple[dict[str, Any], Resolver]]:
    try:
        yield from followed(schema, inside)
    except Unresolvable:
        return
    for keyword, _, subschema in children(schema):
        if keyword in IN_PLACE and isinstance(subschema, dict):
            yield subschema, below(subschema, inside)
