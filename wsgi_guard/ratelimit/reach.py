"""Rules that no request can ever reach, found before the first one comes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from difflib import get_close_matches
from typing import TYPE_CHECKING

from wsgi_guard.routes import Template
from wsgi_guard.settings.sections import Network, RateLimitSection

if TYPE_CHECKING:
    from .rules import Rule

COMMON = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
# The registry of IANA, RFC 9110 section 16.1, and what caches know.
METHODS = frozenset({
    "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "CONNECT", "COPY", "DELETE", "GET", "HEAD", "LABEL",
    "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "OPTIONS",
    "ORDERPATCH", "PATCH", "POST", "PRI", "PROPFIND", "PROPPATCH", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH",
    "TRACE", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL", "BAN",
    "PURGE",
})  # fmt: skip


def shut_out(rules: Iterable[Rule]) -> Iterator[str]:
    """A problem for each rule behind one that exempts every request."""
    for rule, free in _behind(rules):
        if _frees_all(free):
            yield f"rate_limit.rules {rule.name!r}: can never match, for {free.name!r} before it exempts every request"


def covered(rules: Iterable[Rule]) -> Iterator[str]:
    """A note for each rule of the file behind others that exempt all of its paths."""
    for rule, free in _behind(rules):
        if not _frees_all(free) and not any(quota.guess for quota in rule.quotas):
            yield f"rate limit rule {rule.name!r} can never match: {free.name!r} before it exempts all that it matches"


def too_low(rules: Iterable[Rule]) -> Iterator[str]:
    """A note for each rule of the file that exempts what one above it limits all the same."""
    limiting: list[Rule] = []
    for rule in rules:
        if rule.exempt:
            above = next((one for one in limiting if _covering((one,), rule)), None)
            if above is not None:
                yield f"rate limit rule {rule.name!r} frees nothing from {above.name!r}, which stands above it"
        elif rule.conditions is None:
            limiting.append(rule)


def never_limiting(section: RateLimitSection) -> Iterator[str]:
    """A sentence for each rule of the file whose networks are all on a list, which is asked before any rule."""
    for rule in section.rules:
        for name, listed in (("deny", section.deny), ("allow", section.allow)):
            if rule.network and all(any(_lies(one, wide) for wide in listed) for one in rule.network):
                yield f"rate limit rule {rule.name!r} never limits anybody: its networks are on rate_limit.{name}"
                break


def misspelt(section: RateLimitSection) -> Iterator[str]:
    """A sentence for each method of the file that is none, and reads like one that is."""
    for rule in section.rules:
        for method in rule.methods:
            meant = get_close_matches(method, COMMON, 1) if method not in METHODS else ()
            if meant:
                yield f"rate limit rule {rule.name!r}: there is no HTTP method {method!r}, nearest is {meant[0]!r}"


def free(rules: Iterable[Rule], own_paths: Set[str]) -> Iterator[str]:
    """A sentence for each rule that names nothing but paths of the guard's own."""
    for rule in rules:
        if rule.templates and all(template.text in own_paths for template in rule.templates):
            yield f"rate limit rule {rule.name!r} never limits anybody: the guard answers its paths itself, unlimited"


def _behind(rules: Iterable[Rule]) -> Iterator[tuple[Rule, Rule]]:
    """Each rule of which those before it leave nothing, and one of these."""
    exempt: list[Rule] = []
    for rule in rules:
        free = _covering(exempt, rule)
        if free is not None:
            yield rule, free
        if rule.exempt and rule.conditions is None:
            exempt.append(rule)


def _covering(wide: Iterable[Rule], narrow: Rule) -> Rule | None:
    """One of the rules that between them match all that `narrow` does by path and method; None where they do not."""
    over = [one for one in wide if not one.methods or (narrow.methods and narrow.methods <= one.methods)]
    if narrow.templates is None:
        return next((one for one in over if one.templates is None), None)
    found = [_over(over, template) for template in narrow.templates]
    return found[0] if found and all(found) else None


def _over(rules: Iterable[Rule], narrow: Template) -> Rule | None:
    """The first that matches all paths of a template."""
    for rule in rules:
        if rule.templates is None or any(covers(wide, narrow) for wide in rule.templates):
            return rule
    return None


def _frees_all(rule: Rule) -> bool:
    return rule.templates is None and not rule.methods


def covers(wide: Template, narrow: Template) -> bool:
    """Whether every path that `narrow` matches is one that `wide` matches."""
    if len(wide.segments) > len(narrow.segments):
        return False
    for (kind, word), (other, text) in zip(wide.segments, narrow.segments, strict=False):
        if kind == "rest":
            return True
        if other == "rest" or (kind == "literal" and (other, text) != (kind, word)):
            return False
    return len(wide.segments) == len(narrow.segments)


def _lies(one: Network | str, wide: Network | str) -> bool:
    if isinstance(one, str) or isinstance(wide, str):
        return one == wide
    return one.version == wide.version and one.subnet_of(wide)  # type: ignore[arg-type]
