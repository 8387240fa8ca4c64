"""Who is let in."""

from __future__ import annotations

import pytest

from compressors.engine.ledger import Amount, Ledger, Pace
from compressors.engine.settings import EngineSettings
from compressors.errors import InvalidInput, Overloaded
from compressors.work import Work
from tests.engine.clocks import Clock

TEN, HUNDRED, UNKNOWN = Pace(10.0), Pace(100.0), Pace(None)


def of_at_most(tokens: int) -> Ledger:
    return Ledger(EngineSettings(max_queued_tokens=tokens))


def rows(tokens: int) -> Amount:
    return Amount(tokens, float(tokens))


def within(seconds: float, *, tenant: str = "", bulk: bool = False) -> Work:
    return Work(1_000.0 + seconds, tenant=tenant, bulk=bulk, clock=Clock())


def compute(ledger: Ledger, work: Work, amount: Amount) -> None:
    ledger.submit(work, amount, UNKNOWN)
    ledger.begin(work, amount.cost)
    ledger.settle(work, amount, computed=True)


def test_refuses_what_is_too_much_with_the_time_to_wait() -> None:
    ledger = of_at_most(100)
    ledger.reserve(Work(), 80, TEN)

    with pytest.raises(Overloaded) as refusal:
        ledger.reserve(Work(), 30, TEN)

    assert refusal.value.retry_after == pytest.approx(1.0)  # 10 tokens too many, 10 a second
    assert ledger.rejected == {"queue_full": 1}
    assert ledger.claimed == 80


def test_names_a_delay_before_anything_was_measured() -> None:
    ledger = of_at_most(100)
    ledger.reserve(Work(), 100, UNKNOWN)

    with pytest.raises(Overloaded) as refusal:
        ledger.reserve(Work(), 1, UNKNOWN)

    assert refusal.value.retry_after > 0


def test_a_request_above_the_limit_runs_when_nothing_else_waits() -> None:
    ledger = of_at_most(100)
    ledger.reserve(Work(), 1_000, TEN)

    with pytest.raises(Overloaded) as refusal:
        ledger.reserve(Work(), 2_000, HUNDRED)

    assert refusal.value.retry_after == pytest.approx(10.0)  # when the other one is done


def test_refuses_what_would_wait_longer_than_it_may() -> None:
    ledger = of_at_most(10_000)
    ledger.reserve(Work(), 1_000, TEN)

    with pytest.raises(Overloaded) as refusal:
        ledger.reserve(within(60), 1_000, TEN)

    # A wait of 100 s, with the tenth that it may take longer, and 60 s are there.
    assert refusal.value.retry_after == pytest.approx(110 - 60)
    assert ledger.rejected == {"deadline": 1}


def test_says_how_long_a_request_will_wait_and_have_the_device() -> None:
    ledger, second = of_at_most(10_000), Work()
    assert ledger.expected(second, 1_000, UNKNOWN, kind="") is None
    ledger.reserve(Work(), 1_000, TEN)
    ledger.reserve(second, 1_000, TEN)

    assert ledger.expected(second, 5, TEN, kind="") == pytest.approx((100.0, 100.0))
    # A small one passes both; every second batch is made around the oldest row.
    assert ledger.expected(Work(), 100, TEN, kind="") == pytest.approx((10.0, 10.0))


def test_a_small_request_is_not_refused_for_a_large_one_that_it_will_pass() -> None:
    ledger = of_at_most(10_000)
    ledger.reserve(Work(), 5_000, TEN)

    ledger.reserve(within(60), 100, TEN)

    assert ledger.claimed == 5_100


def test_rows_that_cannot_be_done_in_time_are_refused_though_nothing_waits() -> None:
    ledger = of_at_most(10_000)

    with pytest.raises(Overloaded) as refusal:
        ledger.submit(within(60), rows(1_000), TEN)

    assert refusal.value.retry_after == pytest.approx(40.0)
    ledger.submit(within(60), rows(600), TEN)


def test_a_request_of_a_kind_that_is_known_is_refused_if_it_cannot_be_done_in_time() -> None:
    ledger, before = of_at_most(10_000), Work()
    ledger.reserve(before, 1_000, TEN, kind="chain")
    compute(ledger, before, rows(500))  # half of what it guessed
    ledger.release(before)

    with pytest.raises(Overloaded) as refusal:
        ledger.reserve(within(60), 2_000, TEN, kind="chain")

    assert refusal.value.retry_after == pytest.approx(40.0)  # 2,000 / 2 / 10 = 100
    ledger.reserve(within(60), 1_200, TEN, kind="chain")


def test_what_a_model_takes_of_the_device_counts_and_not_its_tokens() -> None:
    ledger, before = of_at_most(10_000), Work()
    ledger.reserve(before, 100, TEN, kind="slow")
    compute(ledger, before, Amount(100, 3_000.0))
    ledger.release(before)

    with pytest.raises(Overloaded):
        ledger.reserve(within(299), 100, TEN, kind="slow")
    ledger.reserve(within(301), 100, TEN, kind="slow")


def test_the_first_request_of_a_kind_is_only_refused_for_those_who_wait() -> None:
    ledger = of_at_most(100_000)
    ledger.reserve(within(1), 5_000, TEN, kind="new")

    with pytest.raises(Overloaded):
        ledger.reserve(within(1), 5_000, TEN, kind="new")


def test_a_request_that_was_cut_short_says_nothing_of_its_kind() -> None:
    ledger, cut = of_at_most(10_000), Work()
    ledger.reserve(cut, 1_000, TEN, kind="chain")
    compute(ledger, cut, rows(100))
    ledger.submit(cut, rows(800), TEN)
    ledger.settle(cut, rows(800), computed=False)
    ledger.release(cut)

    ledger.reserve(within(1), 1_000, TEN, kind="chain")

    assert ledger.claimed == 1_000


def test_an_old_measurement_does_not_keep_everybody_from_an_idle_device() -> None:
    ledger, old = of_at_most(10_000), Pace(10.0, is_stale=True)

    ledger.submit(within(60), rows(1_000), old)
    with pytest.raises(Overloaded):
        ledger.submit(within(60), rows(1_000), old)


def test_the_batch_that_runs_is_waited_for_whole() -> None:
    ledger, running = of_at_most(10_000), Work()
    ledger.submit(running, rows(1_000), TEN)
    ledger.submit(within(25), rows(100), TEN)  # turns would share
    ledger.begin(running, 1_000.0)

    with pytest.raises(Overloaded) as refusal:
        ledger.submit(within(80), rows(100), TEN)

    # The batch of 1,000, 100 of the one that was let in, its own 100, and a tenth of the wait.
    assert refusal.value.retry_after == pytest.approx(120 + 11 - 80)


def test_a_tenant_is_not_refused_for_what_another_one_has_piled_up() -> None:
    ledger = of_at_most(100_000)
    for _ in range(50):
        ledger.submit(Work(tenant="busy"), rows(1_000), TEN)

    with pytest.raises(Overloaded):
        ledger.submit(within(250, tenant="busy"), rows(1_000), TEN)
    ledger.submit(within(250, tenant="quiet"), rows(1_000), TEN)


def test_interactive_requests_wait_for_little_of_the_bulk() -> None:
    ledger = of_at_most(100_000)
    for number in range(50):
        ledger.submit(Work(tenant=str(number), bulk=True), rows(1_000), TEN)

    with pytest.raises(Overloaded):
        ledger.submit(within(110), rows(1_000), TEN)  # 1,000 and a tenth of all that
    ledger.submit(within(113), rows(1_000), TEN)  # the wait may be a tenth longer than it seems


def test_bulk_requests_wait_for_interactive_ones_but_for_their_share() -> None:
    ledger = of_at_most(100_000)
    for number in range(5):
        ledger.submit(Work(tenant=str(number)), rows(1_000), TEN)

    with pytest.raises(Overloaded):
        ledger.submit(within(500, bulk=True), rows(1_000), TEN)
    ledger.submit(within(199, bulk=True), rows(100), TEN)  # 100 and at most 900


def test_who_was_admitted_is_not_refused_later() -> None:
    ledger, work = of_at_most(100), Work()
    ledger.reserve(Work(), 50, TEN)
    ledger.reserve(work, 50, TEN)

    ledger.submit(work, rows(500), TEN)

    assert ledger.claimed == 550


def test_who_was_not_admitted_is_checked_by_the_call() -> None:
    ledger = of_at_most(100)
    ledger.submit(Work(), rows(90), TEN)

    with pytest.raises(Overloaded):
        ledger.submit(Work(), rows(20), TEN)


def test_a_request_is_refused_that_would_pass_one_who_was_promised_to_be_done_in_time() -> None:
    ledger, large = of_at_most(100_000), within(120)
    ledger.submit(large, rows(1_000), TEN)

    ledger.submit(within(60), rows(50), TEN)
    with pytest.raises(Overloaded) as refusal:
        ledger.submit(within(60), rows(100), TEN)

    assert refusal.value.retry_after > 0
    assert ledger.rejected == {"deadline": 1}


def test_who_will_be_late_anyway_is_no_reason_to_refuse_others() -> None:
    ledger, slower = of_at_most(100_000), Pace(5.0)
    ledger.submit(within(120), rows(1_000), TEN)

    ledger.submit(within(60), rows(100), slower)


def test_the_last_batch_may_be_shared_with_those_who_come_later() -> None:
    ledger, pace = of_at_most(100_000), Pace(10.0, batch=100.0)
    ledger.submit(Work(), rows(500), pace)

    with pytest.raises(Overloaded):
        ledger.submit(within(114), rows(500), pace)  # 100 s, a tenth of the wait, a batch
    ledger.submit(within(116), rows(500), pace)


def test_what_is_computed_is_taken_off_the_reservation() -> None:
    ledger, work = of_at_most(100), Work()
    ledger.reserve(work, 80, UNKNOWN)
    ledger.submit(work, rows(60), UNKNOWN)
    assert ledger.claimed == 80

    ledger.begin(work, 60.0)
    ledger.settle(work, rows(60), computed=True)

    assert ledger.claimed == 20
    ledger.reserve(Work(), 80, UNKNOWN)


def test_gives_back_what_is_left_of_a_reservation() -> None:
    ledger, work = of_at_most(100), Work()
    ledger.reserve(work, 80, UNKNOWN)
    ledger.submit(work, rows(30), UNKNOWN)

    ledger.release(work)

    assert ledger.claimed == 30
    ledger.settle(work, rows(30), computed=False)
    assert ledger.claimed == 0
    assert not ledger.knows(work)


def test_admits_a_request_once() -> None:
    ledger, work = of_at_most(100), Work()
    ledger.reserve(work, 10, UNKNOWN)

    with pytest.raises(InvalidInput):
        ledger.reserve(work, 10, UNKNOWN)


def test_refuses_to_reserve_less_than_nothing() -> None:
    with pytest.raises(InvalidInput):
        of_at_most(100).reserve(Work(), -1, UNKNOWN)
