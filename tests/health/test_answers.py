"""What a check of the application's own may answer, sense and nonsense."""

from __future__ import annotations

import json
from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.health.answers import CHARACTERS, MEMBERS, interpret, own
from wsgi_guard.health.decide import FAIL, PASS, STATUSES, UNKNOWN, WARN


class Level(IntEnum):
    HIGH = 3


NO_MAPPING = ", expected a bool, None or a mapping with 'status'"
NO_STATUS = "returned a mapping whose 'status' is not pass, warn, fail or unknown"
ANSWERS: list[tuple[Any, str, str, dict[str, Any]]] = [
    (None, PASS, "", {}),
    (True, PASS, "", {}),
    (False, FAIL, "returned False", {}),
    ({"status": "pass"}, PASS, "", {}),
    ({"status": "warn", "output": "queue is long", "length": 900}, WARN, "queue is long", {"length": 900}),
    ({"status": "fail", "output": "no worker"}, FAIL, "no worker", {}),
    ({"status": "unknown"}, UNKNOWN, "", {}),
    ({"status": "pass", "ratio": 0.5, "on": True, "at": None}, PASS, "", {"ratio": 0.5, "on": True, "at": None}),
    ({"status": "pass", "level": Level.HIGH}, PASS, "", {"level": 3}),
    ({"status": "pass", "n": float("nan"), "i": float("inf")}, PASS, "", {"n": "nan", "i": "inf"}),
    ({"status": "pass", "n": 10**5000}, PASS, "", {"n": "int beyond 64 bits"}),
    ({"status": "pass", "x": Decimal(1), "l": [1]}, PASS, "", {"x": "<Decimal>", "l": "<list>"}),
    ({"status": "pass", 7: 1}, PASS, "", {"7": 1}),
    ({"status": "fail", "output": 7}, FAIL, "", {}),
    ({"status": "fail", "output": "x" * 999}, FAIL, "x" * CHARACTERS, {}),
    ({}, FAIL, NO_STATUS, {}),
    ({"status": "up"}, FAIL, NO_STATUS, {}),
    ({"status": True}, FAIL, NO_STATUS, {}),
    ({"status": ["pass"]}, FAIL, NO_STATUS, {}),
    (1, FAIL, "returned 'int'" + NO_MAPPING, {}),
    (0, FAIL, "returned 'int'" + NO_MAPPING, {}),
    ("pass", FAIL, "returned 'str'" + NO_MAPPING, {}),
    (b"", FAIL, "returned 'bytes'" + NO_MAPPING, {}),
    ([], FAIL, "returned 'list'" + NO_MAPPING, {}),
    ((True, "fine"), FAIL, "returned 'tuple'" + NO_MAPPING, {}),
    (object(), FAIL, "returned 'object'" + NO_MAPPING, {}),
]


def test_answers_table_is_whole() -> None:
    assert len(ANSWERS) == 26


@pytest.mark.parametrize(("answer", "status", "cause", "values"), ANSWERS)
def test_an_answer_is_read(answer: Any, status: str, cause: str, values: dict[str, Any]) -> None:
    said = own(lambda: answer)(5.0)
    assert (said.status, said.cause, said.observed) == (status, cause, values)


def test_a_story_is_cut() -> None:
    said = interpret({"status": "pass", **{f"key{at}": "x" * 999 for at in range(999)}})
    assert len(said.observed) == MEMBERS
    assert {len(value) for value in said.observed.values()} == {CHARACTERS}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(ANYTHING | st.fixed_dictionaries({"status": st.sampled_from([*STATUSES, "up"])}, optional={"output": ANYTHING}))
def test_anything_becomes_plain_json(answer: Any) -> None:
    said = interpret(answer)
    assert said.status in STATUSES
    json.dumps([said.cause, dict(said.observed)], allow_nan=False)
