"""Settings: read once, checked whole, frozen. The one place that reads os.environ and the settings file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from wsgi_guard.errors import ConfigurationError

from .build import Builder
from .read import read
from .relations import relations, remarks
from .secret import Secret
from .sections import Settings
from .sources import Gathered, gather
from .target import resolve_target
from .tree import Table, merge

__all__ = ["Secret", "Settings", "as_text", "load", "resolve_target"]

AUTO = Secret("auto")


def load(
    source: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    only: Sequence[str] | None = None,
) -> Settings:
    """The settings in effect. `source` is the path of a file, or a mapping that is stronger than all other sources.

    `environ` stands for os.environ, `only` for guard.layers. Raises ConfigurationError with every problem found.
    """
    found = gather(source, environ, only)
    given = _merged(found)
    builder = Builder(found.environ)
    settings = builder.settings(given)
    for keys, sentence in relations(settings, builder.origins):
        builder.contradiction(keys, sentence)
    # A wrong value that no stronger source overrides was told by its reader already.
    problems = dict.fromkeys([*found.problems, *builder.problems])
    if problems:
        raise ConfigurationError(tuple(problems))
    return replace(
        _resolved(settings),
        folder=found.folder,
        sources=tuple(one.name for one in found.sources),
        notes=(*found.notes, *remarks(settings, builder.origins)),
        environment=found.environ.get("WSGI_GUARD_ENV") or None,
        origins=MappingProxyType(builder.origins),
    )


def _merged(found: Gathered) -> Table:
    """All sources in one, the stronger over the weaker."""
    given = shared = Table("settings")
    for one in found.sources:
        table = read(one, found.problems)
        given = merge(given, table)
        shared = shared if one.asked else merge(shared, table)
    for one in found.others:
        read(one, found.problems)
    _choose_store(given, shared)
    return given


def _choose_store(given: Table, shared: Table) -> None:
    """A store of "auto", whoever wrote it, is the one that REDIS_URL and its kind know."""
    written = given.tables["rate_limit"].keys.get("store") if "rate_limit" in given.tables else None
    known = shared.tables["rate_limit"].keys.get("store") if "rate_limit" in shared.tables else None
    if written is not None and known is not None and written.value == AUTO:
        given.tables["rate_limit"].keys["store"] = known


def _resolved(settings: Settings) -> Settings:
    """What `guard.defaults` means for the keys that follow it."""
    enforce = settings.guard.defaults == "enforce"
    limit, validation = settings.rate_limit, settings.validation
    if limit.builtin_rules is None:
        limit = replace(limit, builtin_rules="enforce" if enforce else "shadow")
    if validation.threats.mode is None:
        validation = replace(validation, threats=replace(validation.threats, mode="block" if enforce else "shadow"))
    return replace(settings, rate_limit=limit, validation=validation)


def as_text(settings: Settings) -> str:
    """The settings in effect as a TOML document, each key with its source; secrets are `***`."""
    from .describe import as_text as described

    return described(settings)
