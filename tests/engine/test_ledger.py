"""Who is let in, and whose turn it is."""

from __future__ import annotations

import time

import pytest

from compressors.engine.ledger import Ledger
from compressors.errors import InvalidInput, Overloaded
from compressors.work import Work


def test_refuses_what_is_too_much_with_the_time_to_wait() -> None:
    ledger = Ledger(100)
    ledger.reserve(Work(), 80, 10.0)

    with pytest.raises(Overloaded) as refusal:
        ledger.reserve(Work(), 30, 10.0)

    assert refusal.value.retry_after == pytest.approx(1.0)  # 10 tokens too many, 10 a second
    assert ledger.rejected == {"queue_full": 1}
    assert ledger.claimed == 80


def test_names_a_delay_before_anything_was_measured() -> None:
    ledger = Ledger(100)
    ledger.reserve(Work(), 100, None)

    with pytest.raises(Overloaded) as refusal:
        ledger.reserve(Work(), 1, None)

    assert refusal.value.retry_after > 0


def test_a_request_above_the_limit_runs_when_nothing_else_waits() -> None:
    ledger = Ledger(100)
    ledger.reserve(Work(), 1_000, 10.0)

    with pytest.raises(Overloaded) as refusal:
        ledger.reserve(Work(), 2_000, 100.0)

    assert refusal.value.retry_after == pytest.approx(10.0)  # when the other one is done


def test_refuses_what_would_wait_longer_than_it_may() -> None:
    ledger = Ledger(10_000)
    ledger.reserve(Work(), 1_000, 10.0)

    with pytest.raises(Overloaded) as refusal:
        ledger.reserve(Work(time.monotonic() + 60), 1_000, 10.0)

    assert refusal.value.retry_after == pytest.approx(40.0, abs=1.0)
    assert ledger.rejected == {"deadline": 1}


def test_a_small_request_is_not_refused_for_a_large_one_that_it_will_pass() -> None:
    ledger = Ledger(10_000)
    ledger.reserve(Work(), 5_000, 10.0)

    ledger.reserve(Work(time.monotonic() + 60), 100, 10.0)

    assert ledger.claimed == 5_100


def test_its_own_computing_does_not_count_as_waiting() -> None:
    ledger = Ledger(10_000)

    ledger.reserve(Work(time.monotonic() + 1), 5_000, 10.0)

    assert ledger.claimed == 5_000


def test_who_was_admitted_is_not_refused_later() -> None:
    ledger, work = Ledger(100), Work()
    ledger.reserve(Work(), 50, 10.0)
    ledger.reserve(work, 50, 10.0)

    ledger.submit(work, 500, 10.0)

    assert ledger.claimed == 550


def test_who_was_not_admitted_is_checked_by_the_call() -> None:
    ledger = Ledger(100)
    ledger.submit(Work(), 90, 10.0)

    with pytest.raises(Overloaded):
        ledger.submit(Work(), 20, 10.0)


def test_what_is_computed_is_taken_off_the_reservation() -> None:
    ledger, work = Ledger(100), Work()
    ledger.reserve(work, 80, None)
    ledger.submit(work, 60, None)
    assert ledger.claimed == 80

    ledger.settle(work, 60)

    assert ledger.claimed == 20
    ledger.reserve(Work(), 80, None)


def test_gives_back_what_is_left_of_a_reservation() -> None:
    ledger, work = Ledger(100), Work()
    ledger.reserve(work, 80, None)
    ledger.submit(work, 30, None)

    ledger.release(work)

    assert ledger.claimed == 30
    ledger.settle(work, 30)
    assert ledger.claimed == 0


def test_admits_a_request_once() -> None:
    ledger, work = Ledger(100), Work()
    ledger.reserve(work, 10, None)

    with pytest.raises(InvalidInput):
        ledger.reserve(work, 10, None)


def test_refuses_to_reserve_less_than_nothing() -> None:
    with pytest.raises(InvalidInput):
        Ledger(100).reserve(Work(), -1, None)


def test_turns_alternate_between_requests_by_tokens() -> None:
    ledger, large, small = Ledger(10_000), Work(), Work()
    ledger.submit(large, 300, None)
    ledger.submit(small, 100, None)

    large_tags = [ledger.next_tag(large, 100) for _ in range(3)]
    small_tags = [ledger.next_tag(small, 50) for _ in range(2)]

    assert large_tags == [100, 200, 300]
    assert small_tags == [50, 100]


def test_who_comes_later_does_not_pass_those_whose_turn_it_is() -> None:
    ledger, first, later = Ledger(10_000), Work(), Work()
    ledger.submit(first, 10, None)
    ledger.submit(later, 10, None)
    ledger.serve(1_000)

    assert ledger.next_tag(later, 10) == 1_010
