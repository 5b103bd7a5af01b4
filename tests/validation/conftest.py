"""What the guard put on record, for the tests of validation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.listening import listening

from .asking import Audit


@pytest.fixture
def audit() -> Iterator[Audit]:
    with listening(Audit()) as audit:
        yield audit
