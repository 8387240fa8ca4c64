"""What a tenant may compute in a minute."""

from __future__ import annotations

import pytest

from compressors.engine.calls import Call
from compressors.engine.quotas import Quotas
from compressors.engine.scheduler import Scheduler
from compressors.engine.settings import EngineSettings
from compressors.errors import Overloaded, QuotaExceeded
from compressors.work import Work
from tests.engine.clocks import Clock
from tests.engine.fakes import row

LIMIT = 600
"""Tokens a minute, so 10 a second."""


def refused(quotas: Quotas, tenant: str, tokens: int) -> QuotaExceeded:
    with pytest.raises(QuotaExceeded) as refusal:
        quotas.check(tenant, tokens)
    return refusal.value


def test_a_tenant_may_compute_a_minutes_worth_at_once_and_then_as_time_passes() -> None:
    clock = Clock()
    quotas = Quotas(LIMIT, {}, clock)
    quotas.check("a", 600)
    quotas.take("a", 600)

    refusal = refused(quotas, "a", 100)

    assert (refusal.tenant, refusal.limit) == ("a", LIMIT)
    assert refusal.retry_after == pytest.approx(10.0)
    clock.passes(refusal.retry_after)
    quotas.check("a", 100)


def test_a_quota_does_not_pile_up_while_it_is_not_used() -> None:
    clock = Clock()
    quotas = Quotas(LIMIT, {}, clock)
    quotas.take("a", 1)
    clock.passes(3_600.0)

    quotas.take("a", 600)

    assert refused(quotas, "a", 60).retry_after == pytest.approx(6.0)


def test_what_is_more_than_a_minutes_worth_waits_for_all_of_it_and_leaves_a_debt() -> None:
    clock = Clock()
    quotas = Quotas(LIMIT, {}, clock)

    quotas.check("a", 1_200)
    quotas.take("a", 1_200)

    assert refused(quotas, "a", 1_200).retry_after == pytest.approx(120.0)
    assert refused(quotas, "a", 1).retry_after == pytest.approx(60.1)


def test_tenants_have_quotas_of_their_own_and_none_where_it_is_zero() -> None:
    quotas = Quotas(LIMIT, {"large": 6_000, "free": 0}, Clock())
    for tenant in ("large", "free", "other", "another"):
        quotas.take(tenant, LIMIT)

    quotas.check("large", 5_000)
    quotas.check("free", 10**9)
    refused(quotas, "other", 1)
    refused(quotas, "another", 1)
    Quotas(0, {}, Clock()).check("a", 10**9)


def test_remembers_no_more_tenants_than_those_who_have_used_something() -> None:
    clock = Clock()
    quotas = Quotas(LIMIT, {}, clock)
    for number in range(5_000):
        quotas.take(str(number), 10)
        clock.passes(1.0)

    assert len(quotas._buckets) <= 1_024


def scheduler(clock: Clock) -> Scheduler:
    result = Scheduler(EngineSettings(tenant_tokens_per_minute=LIMIT), clock=clock)
    result.add("model", None)
    return result


def call(work: Work, *lengths: int) -> Call:
    return Call("model", [row(length) for length in lengths], work, 0.0)


def computed(by: Scheduler) -> None:
    batch = by.take()
    assert batch is not None
    by.answer(batch.items, [0] * len(batch.items))


def test_a_tenant_over_its_quota_is_refused_and_the_others_are_not() -> None:
    engine = scheduler(Clock())
    engine.reserve(Work(tenant="a"), 600)

    with pytest.raises(QuotaExceeded):
        engine.reserve(Work(tenant="a"), 10)
    with pytest.raises(QuotaExceeded):
        engine.submit(call(Work(tenant="a"), 10))
    engine.reserve(Work(tenant="b"), 600)

    assert engine.ledger.rejected == {"quota": 2}


def test_a_request_pays_for_what_it_computed_and_not_for_what_it_guessed() -> None:
    engine, work = scheduler(Clock()), Work(tenant="a")
    engine.reserve(work, 600)
    engine.submit(call(work, 100, 100))
    computed(engine)
    engine.release(work)

    engine.submit(call(Work(tenant="a"), 400))
    with pytest.raises(QuotaExceeded):
        engine.submit(call(Work(tenant="a"), 1))


def test_what_never_reached_the_device_costs_nothing() -> None:
    engine, work = scheduler(Clock()), Work(tenant="a")
    waiting = call(work, 600)
    engine.submit(waiting)

    work.cancel()
    engine.give_up(waiting)

    engine.submit(call(Work(tenant="a"), 600))


def test_who_is_refused_for_the_queue_pays_nothing() -> None:
    engine = Scheduler(EngineSettings(max_queued_tokens=50, tenant_tokens_per_minute=LIMIT))
    engine.add("model", None)
    engine.reserve(Work(tenant="b"), 50)
    for _ in range(100):
        with pytest.raises(Overloaded, match="wait"):
            engine.reserve(Work(tenant="a"), 500)

    assert engine.ledger.rejected == {"queue_full": 100}
