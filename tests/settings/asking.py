"""What `load` says of settings that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from wsgi_guard.errors import ConfigurationError
from wsgi_guard.settings import load


def told(
    source: str | Path | Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    only: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """All problems; fails when there is none."""
    with pytest.raises(ConfigurationError) as raised:
        load(source, environ=environ or {}, only=only)
    return raised.value.problems


def table(path: str, value: object) -> dict[str, Any]:
    """`value` at a dotted path."""
    tree: Any = value
    for key in reversed(path.split(".")):
        tree = {key: tree}
    return dict(tree)
