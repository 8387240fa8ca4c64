"""Bugs of other engines (spec/serving.md 1.1) that this one must not have."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from compressors.engine import Engine, EngineSettings
from compressors.errors import ModelFailure, Overloaded, Unavailable
from compressors.work import Work
from tests.engine.fakes import PATIENCE, Failing, Summing, gate, row, until
from tests.engine.test_engine import submit


def test_infinity_544_an_exception_in_the_model_does_not_leave_callers_waiting() -> None:
    model = Failing(666, lambda: RuntimeError("broken"))
    with Engine() as engine:
        forward = engine.wrap(model, name="model")
        for _ in range(20):
            with pytest.raises(ModelFailure):
                forward([row(5, mark=666)])

        assert engine.alive
        assert forward([row(5)]) == [5]
        assert engine.stats().queued_items == 0


def test_infinity_544_a_dead_thread_is_not_healthy_and_refuses_at_once() -> None:
    with Engine() as engine:
        forward = engine.wrap(Failing(666, SystemExit), name="model")
        with pytest.raises(Unavailable):
            forward([row(5, mark=666)])

        until(lambda: not engine.alive)
        with pytest.raises(Unavailable):
            forward([row(5)])


def test_tei_470_a_huge_call_is_served() -> None:
    model = Summing()
    with Engine(EngineSettings(batch_tokens=64, max_queued_tokens=64)) as engine:
        forward = engine.wrap(model, name="model")

        assert forward([row(2)] * 20_000) == [2] * 20_000
        assert engine.stats().claimed_tokens == 0


def test_tei_723_a_row_longer_than_the_budget_is_served_alone() -> None:
    model = Summing()
    with Engine(EngineSettings(batch_tokens=16, max_queued_tokens=16)) as engine:
        forward = engine.wrap(model, name="model")

        assert forward([row(8), row(512), row(8)]) == [8, 512, 8]
    assert (row(512),) in model.batches


def test_tei_662_overload_is_answered_at_once_with_the_time_to_come_back() -> None:
    settings = EngineSettings(max_queued_tokens=100)
    with gate() as model, Engine(settings) as engine, ThreadPoolExecutor(16) as pool:
        forward = engine.wrap(model, name="model")
        first = submit(pool, forward, [row(90)])
        until(lambda: model.entered == 1)

        with pytest.raises(Overloaded) as refusal:
            forward([row(11)])
        with Work().active(), pytest.raises(Overloaded), engine.admit(11):
            pytest.fail("there was no room")
        assert refusal.value.retry_after > 0
        assert engine.stats().rejected == {"queue_full": 2}
        second = submit(pool, forward, [row(10)])
        until(lambda: engine.stats().queued_items == 1)
        model.open()
        assert [first.result(PATIENCE), second.result(PATIENCE)] == [[90], [10]]


def test_sglang_33858_every_refused_request_gets_its_answer() -> None:
    settings = EngineSettings(max_queued_tokens=50)
    with gate() as model, Engine(settings) as engine, ThreadPoolExecutor(32) as pool:
        forward = engine.wrap(model, name="model")
        calls = [submit(pool, forward, [row(10)]) for _ in range(32)]
        until(lambda: engine.stats().rejected.get("queue_full", 0) == 27)
        model.open()

        errors = [call.exception(PATIENCE) for call in calls]
    assert sum(error is None for error in errors) == 5
    assert sum(isinstance(error, Overloaded) for error in errors) == 27


def test_admitted_requests_are_not_refused_halfway() -> None:
    settings = EngineSettings(max_queued_tokens=100)
    with gate() as model, Engine(settings) as engine, ThreadPoolExecutor(16) as pool:
        forward = engine.wrap(model, name="model")
        work = Work()
        with work.active(), engine.admit(60):
            other = submit(pool, forward, [row(40)])
            until(lambda: model.entered == 1)
            mine = submit(pool, forward, [row(60), row(60)], work)
            until(lambda: engine.stats().queued_items == 2)
            model.open()

            assert mine.result(PATIENCE) == [60, 60]
            assert other.result(PATIENCE) == [40]
        assert engine.stats().claimed_tokens == 0
