"""Health layers that a test starts end with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.health import asking
from tests.health.asking import Layer, Make


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Layer] = []

    def build(*args: Any, **keys: Any) -> Layer:
        made.append(asking.make(*args, **keys))
        return made[-1]

    yield build
    for layer in made:
        asking.stop(layer)
