from __future__ import annotations

from wsgi_guard.stores.breaker import Breaker


def test_closed_breaker_has_nothing_to_look_for() -> None:
    breaker = Breaker(1.0, 5.0)
    assert not breaker.open
    assert not breaker.look(100.0)


def test_pauses_double_up_to_the_longest() -> None:
    breaker, now, looks = Breaker(1.0, 5.0), 0.0, []
    breaker.fail(now)
    while now < 20.0:
        now += 0.25
        if breaker.look(now):
            looks.append(now)
            breaker.fail(now)
    assert looks == [1.0, 3.0, 7.0, 12.0, 17.0]


def test_only_one_caller_looks_at_a_time() -> None:
    breaker = Breaker(1.0, 5.0)
    breaker.fail(0.0)
    assert not breaker.look(0.9)
    assert [breaker.look(1.0) for _ in range(4)] == [True, False, False, False]


def test_failures_under_way_together_count_once() -> None:
    breaker = Breaker(1.0, 5.0)
    for at in range(16):
        breaker.fail(at / 100)
    assert breaker.look(1.0)
    assert breaker.look(3.0)


def test_closing_starts_over() -> None:
    breaker = Breaker(1.0, 5.0)
    breaker.fail(0.0)
    assert breaker.look(1.0)
    breaker.close()
    assert not breaker.look(9.0)
    breaker.fail(10.0)
    assert breaker.look(11.0)
