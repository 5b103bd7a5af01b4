"""One server at a time, three of it at once: the app bare, under a thin guard, under a full one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from .events import VARIABLE, Events, Gate
from .servers import SERVERS, Running, running

TARGETS = {
    "bare": "tests.live.apps:app",
    "thin": "tests.live.guarded:thin",
    "full": "tests.live.guarded:full",
}
_tokens = count(1)


@pytest.fixture(scope="session")
def events() -> Iterator[Events]:
    told = Events()
    yield told
    told.close()


@pytest.fixture(scope="session", params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def sites(server: str, events: Events) -> Iterator[dict[str, Running]]:
    """The app as `bare`, `thin` and `full`; whatever a test does, no iterable may be closed twice."""
    env = {VARIABLE: str(events.port)}
    with ExitStack() as stack:
        yield {name: stack.enter_context(running(server, target, env=env)) for name, target in TARGETS.items()}
    assert events.repeated("close") == []


@pytest.fixture(params=["thin", "full"])
def guard(request: pytest.FixtureRequest) -> str:
    """The two guarded ones, to be compared with the bare one."""
    name: str = request.param
    return name


@pytest.fixture(params=["bare", "thin", "full"])
def site(request: pytest.FixtureRequest, sites: dict[str, Running]) -> Running:
    """Each of the three: what is true of the bare one stays true."""
    return sites[request.param]


@pytest.fixture
def token() -> str:
    """A name, of this test only, for what its request tells."""
    return f"t{next(_tokens)}"


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.close()
