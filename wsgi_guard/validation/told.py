"""Which schema files a request was held against, for whoever explains it. Pure."""

from __future__ import annotations

from wsgi_guard.facts import Facts


def seen_of(facts: Facts) -> dict[str, str]:
    """Part of the request -> schema file; empty where no schema describes the path, or it was not looked at."""
    sight = facts.route.memo.get(("validation", facts.verb))
    return {name: part.file for name, part in sight.parts.items()} if sight is not None else {}
