"""A bounded memory: it forgets, and never mixes two things up."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from wsgi_guard.recent import Recent


@given(st.integers(1, 5), st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=80))
def test_what_is_found_is_what_was_put(size: int, steps: list[tuple[bool, int]]) -> None:
    recent: Recent[int, str] = Recent(size)
    known: dict[int, str] = {}
    for at, (puts, key) in enumerate(steps):
        if puts:
            known[key] = f"{key} {at}"
            recent.put(key, known[key])
            assert recent.get(key) == known[key]
        else:
            assert recent.get(key) in (None, known.get(key))
        assert recent.count() <= 2 * size


def test_last_ones_are_still_known() -> None:
    recent: Recent[int, int] = Recent(10)
    for number in range(1000):
        recent.put(number, number)
        assert all(recent.get(one) == one for one in range(max(0, number - 5), number + 1))


def test_what_is_asked_for_stays() -> None:
    recent: Recent[str, int] = Recent(10)
    recent.put("often", 1)
    for number in range(1000):
        recent.put(str(number), number)
        assert recent.get("often") == 1


def test_threads_mix_nothing_up() -> None:
    recent: Recent[int, int] = Recent(8)
    wrong: list[int] = []

    def work(seed: int) -> None:
        for number in range(seed, seed + 3000):
            key = number * 7 % 40
            recent.put(key, key)
            found = recent.get(key * 3 % 40)
            if found is not None and found != key * 3 % 40:
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert wrong == []
    assert recent.count() <= 2 * 8 + len(threads)
