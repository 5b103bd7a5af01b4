"""What `x-sanitize` of a schema asks for, and what is wrong with it. Pure."""

from __future__ import annotations

from typing import Any

from wsgi_guard.validation.cleaning import Cleaning

KEYS = ("tags", "attributes", "protocols", "strip", "normalize")

# Elements that run, load or are parsed by other rules than HTML; nothing about them can be made clean.
UNCLEAN_TAGS = frozenset({
    "applet", "base", "embed", "form", "frame", "frameset", "iframe", "link", "math", "meta", "noembed", "noframes",
    "noscript", "object", "plaintext", "script", "style", "svg", "template", "textarea", "title", "xmp",
})  # fmt: skip
UNCLEAN_PROTOCOLS = frozenset({"data", "javascript", "vbscript"})


def cleaning(value: Any) -> Cleaning | None:
    """What a valid `x-sanitize` means; None for false."""
    if not isinstance(value, dict):
        return Cleaning() if value else None
    default = Cleaning()
    attributes = value.get("attributes")
    if isinstance(attributes, list):
        attributes = {"*": attributes}
    return Cleaning(
        tags=tuple(value.get("tags", default.tags)),
        attributes=default.attributes
        if attributes is None
        else tuple((tag, tuple(names)) for tag, names in attributes.items()),
        protocols=tuple(value.get("protocols", default.protocols)),
        strip=value.get("strip", default.strip),
        form=value.get("normalize"),
    )


def sanitize_problem(value: Any) -> str | None:
    """A sentence for an `x-sanitize` that would not do what it says."""
    if isinstance(value, bool):
        return None
    if not isinstance(value, dict) or set(value) - set(KEYS):
        return "must be true, false or an object with any of " + ", ".join(KEYS)
    if not isinstance(value.get("strip", True), bool):
        return "must have true or false as 'strip'"
    if value.get("normalize", "NFC") != "NFC":
        return "must have 'NFC' as 'normalize', if anything"
    return (
        _words(value.get("tags", []), "tags", UNCLEAN_TAGS)
        or _words(value.get("protocols", []), "protocols", UNCLEAN_PROTOCOLS)
        or _attributes(value.get("attributes", []))
    )


def _attributes(value: Any) -> str | None:
    lists = value.values() if isinstance(value, dict) else [value]
    for names in lists:
        said = _words(names, "attributes", frozenset({"srcdoc", "style"}))
        if said:
            return said
        if any(name.startswith("on") for name in names):
            return "must not let attributes pass that run code"
    return None


def _words(value: Any, what: str, unclean: frozenset[str]) -> str | None:
    if not isinstance(value, list) or not all(isinstance(word, str) and word == word.lower() for word in value):
        return f"must have a list of lower-case names as {what!r}"
    bad = sorted(unclean.intersection(value))
    return f"must not let {bad[0]!r} pass as one of {what!r}: it cannot be made clean" if bad else None
