"""One check now, for an admin: run once, rarely, and bounded though it hangs."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.health import asking
from tests.health.asking import BEARER, CALM, WITH_TOKEN, Layer, Make
from tests.health.ticking import PATIENCE, Hands
from wsgi_guard.errors import Refused
from wsgi_guard.settings.sections import CheckSection, HealthSection

COUNT = [0]
GATE = threading.Event()


def counted() -> dict[str, Any]:
    COUNT[0] += 1
    return {"status": "pass", "count": COUNT[0]}


def hanging() -> None:
    assert GATE.wait(PATIENCE)


def built(make: Make, function: str, hands: Hands | None = None, timeout: float = 5.0) -> Layer:
    own = CheckSection(type=f"{__name__}:{function}", timeout=timeout)
    section = HealthSection(checks={**CALM, "mine": own})
    return make(section, WITH_TOKEN, clock=hands.clock if hands else None)


def fresh(layer: Layer, name: str = "mine") -> Any:
    reply = layer.ask(f"/health/check/{name}", QUERY_STRING="fresh=1", **BEARER)
    assert reply is not None
    return json.loads(reply.body)["checks"][name][0]


def test_fresh_run_answers_what_it_found(make: Make) -> None:
    hands = Hands()
    layer = built(make, "counted", hands)
    COUNT[0] = 0
    assert fresh(layer)["observedValue"] == {"count": 1}
    with pytest.raises(Refused) as caught:
        fresh(layer)
    assert caught.value.status == 429
    assert ("Retry-After", "6") in caught.value.headers
    assert fresh(layer, "system")["status"] == "pass"
    hands.time += 5.0
    assert fresh(layer)["observedValue"] == {"count": 2}


def test_without_the_word_nothing_runs(make: Make) -> None:
    layer = built(make, "counted")
    COUNT[0] = 0
    for query in ("", "fresh=0", "fresh", "refresh=1"):
        assert layer.ask("/health/check/mine", QUERY_STRING=query, **BEARER) is not None
    assert COUNT[0] == 0


def test_strangers_run_nothing(make: Make) -> None:
    layer = built(make, "counted")
    COUNT[0] = 0
    assert layer.code("/health/check/mine", QUERY_STRING="fresh=1") == 401
    assert COUNT[0] == 0


def test_unknown_check_is_not_found(make: Make) -> None:
    assert built(make, "counted").code("/health/check/none", QUERY_STRING="fresh=1", **BEARER) == 404


def test_hanging_run_is_waited_for_no_longer_than_it_may_take() -> None:
    layer = asking.make(
        HealthSection(checks={**CALM, "mine": CheckSection(type=f"{__name__}:hanging", timeout=0.05)}), WITH_TOKEN
    )
    GATE.clear()
    try:
        assert fresh(layer)["output"] == "timed out"
        with pytest.raises(Refused):
            fresh(layer)
    finally:
        GATE.set()
        asking.stop(layer)
