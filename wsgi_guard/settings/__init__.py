"""Settings: read once, checked whole, frozen. The one place that reads os.environ and the settings file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..errors import ConfigurationError
from .build import build_settings
from .read import read
from .relations import relations
from .secret import Secret
from .sections import Settings
from .sources import gather
from .target import resolve_target
from .tree import Table, merge

__all__ = ["Secret", "Settings", "as_text", "load", "resolve_target"]


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
    problems = found.problems
    merged = Table("settings")
    for one in found.sources:
        merged = merge(merged, read(one, problems))
    for one in found.others:
        read(one, problems)
    settings, builder = build_settings(merged, found.environ)
    problems.extend(builder.problems)
    settings = replace(
        settings,
        folder=found.folder,
        sources=tuple(one.name for one in found.sources),
        notes=tuple(found.notes),
        environment=found.environ.get("WSGI_GUARD_ENV") or None,
        origins=MappingProxyType(builder.origins),
    )
    if not problems:
        problems.extend(relations(settings))
    if problems:
        raise ConfigurationError(tuple(dict.fromkeys(problems)))
    return _resolved(settings)


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
    """The settings in effect, a key a line with its source; secrets are `***`."""
    from .describe import as_text as described

    return described(settings)
