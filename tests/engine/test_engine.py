"""What callers see: merging, order, time, cancellation, fairness."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from compressors.engine import BatchReport, Engine, EngineSettings
from compressors.errors import Cancelled, DeadlineExceeded, Unavailable
from compressors.protocols import Encoded, Forward
from compressors.work import Work
from tests.engine.fakes import PATIENCE, Summing, gate, row, until


def submit(
    pool: ThreadPoolExecutor, forward: Forward, rows: Sequence[Encoded], work: Work | None = None
) -> Future[Sequence[int]]:
    def call() -> Sequence[int]:
        with (work or Work()).active():
            return forward(rows)

    return pool.submit(call)


def test_merges_calls_that_wait_for_a_busy_model() -> None:
    with gate() as model, Engine() as engine, ThreadPoolExecutor(16) as pool:
        forward = engine.wrap(model, name="model")
        first = submit(pool, forward, [row(4)])
        until(lambda: model.entered == 1)
        others = [submit(pool, forward, [row(4 + n)]) for n in range(3)]
        until(lambda: engine.stats().queued_items == 3)
        model.open()

        assert [future.result(PATIENCE) for future in (first, *others)] == [[4], [4], [5], [6]]
    assert model.sizes == [1, 3]


def test_answers_stand_in_the_order_of_the_rows() -> None:
    rows = [row(1 + 37 * n % 200, mark=n) for n in range(100)]
    with Engine() as engine:
        answers = engine.wrap(Summing(), name="model")(rows)

    assert answers == [sum(r.ids) for r in rows]


def test_a_call_without_rows_needs_no_device() -> None:
    model = Summing()
    with Engine() as engine:
        assert engine.wrap(model, name="model")([]) == []
    assert not model.batches


def test_a_row_without_tokens_is_answered() -> None:
    with Engine() as engine:
        assert engine.wrap(Summing(), name="model")([Encoded(())]) == [0]


def test_keeps_to_the_budget() -> None:
    model = Summing()
    with Engine(EngineSettings(batch_tokens=100)) as engine:
        engine.wrap(model, name="model")([row(1 + n % 50) for n in range(200)])

    assert all(max(map(len, batch)) * len(batch) <= 100 for batch in model.batches)


def test_a_model_may_have_a_budget_of_its_own() -> None:
    model = Summing()
    with Engine() as engine:
        engine.wrap(model, name="large", batch_tokens=20)([row(10)] * 4)

    assert model.sizes == [2, 2]


def test_models_share_the_device_thread() -> None:
    threads: set[int] = set()

    def where(batch: Sequence[Encoded]) -> Sequence[int]:
        threads.add(threading.get_ident())
        return [1] * len(batch)

    def elsewhere(batch: Sequence[Encoded]) -> Sequence[int]:
        return where(batch)

    with Engine() as engine:
        assert engine.wrap(where, name="one")([row(3)] * 2) == [1, 1]
        assert engine.wrap(elsewhere, name="two")([row(3)] * 2) == [1, 1]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_a_small_request_does_not_wait_for_a_large_one() -> None:
    with (
        gate() as model,
        Engine(EngineSettings(batch_tokens=100, max_queued_tokens=10**6)) as engine,
        ThreadPoolExecutor(16) as pool,
    ):
        forward = engine.wrap(model, name="model")
        large = submit(pool, forward, [row(50)] * 500)
        until(lambda: model.entered == 1)
        small = submit(pool, forward, [row(20, mark=7)])
        until(lambda: engine.stats().queued_items == 499)
        # Two batches may be under way: the one that runs and the one that is formed ahead.
        model.let(3)

        assert small.result(PATIENCE) == [26]
        assert not large.done()
        model.open()
        assert large.result(PATIENCE) == [50] * 500


def test_a_cancelled_call_returns_at_once_and_never_reaches_the_device() -> None:
    work = Work()
    with gate() as model, Engine() as engine, ThreadPoolExecutor(16) as pool:
        forward = engine.wrap(model, name="model")
        first = submit(pool, forward, [row(4)])
        until(lambda: model.entered == 1)
        second = submit(pool, forward, [row(9)] * 3, work)
        until(lambda: engine.stats().queued_items == 3)
        work.cancel()

        with pytest.raises(Cancelled):
            second.result(PATIENCE)
        assert engine.stats().queued_items == 0
        assert engine.stats().dropped == {"cancelled": 3}
        model.open()
        first.result(PATIENCE)
    assert model.rows == [row(4)]


def test_a_deadline_ends_the_wait_in_the_queue() -> None:
    with gate() as model, Engine() as engine, ThreadPoolExecutor(16) as pool:
        forward = engine.wrap(model, name="model")
        first = submit(pool, forward, [row(4)])
        until(lambda: model.entered == 1)
        second = submit(pool, forward, [row(9)], Work(time.monotonic() + 0.5))

        with pytest.raises(DeadlineExceeded):
            second.result(PATIENCE)
        assert engine.stats().dropped == {"deadline": 1}
        model.open()
        first.result(PATIENCE)
    assert model.rows == [row(4)]


def test_a_deadline_ends_the_wait_for_a_running_batch() -> None:
    with gate() as model, Engine() as engine, ThreadPoolExecutor(16) as pool:
        forward = engine.wrap(model, name="model")
        late = submit(pool, forward, [row(4)], Work(time.monotonic() + 1.0))
        until(lambda: model.entered == 1)

        with pytest.raises(DeadlineExceeded):
            late.result(PATIENCE)
        assert engine.stats().claimed_tokens == 4  # the device still works on it
        model.open()
        until(lambda: engine.stats().claimed_tokens == 0)


def test_refuses_work_that_is_late_already() -> None:
    model = Summing()
    with (
        Engine() as engine,
        Work(time.monotonic() - 1).active(),
        pytest.raises(DeadlineExceeded),
    ):
        engine.wrap(model, name="model")([row(4)])
    assert not model.batches


def test_books_waiting_and_computing_to_each_request_by_its_tokens() -> None:
    first, small, large = Work(), Work(), Work()
    with gate() as model, Engine(EngineSettings(launch_tokens=4_096)) as engine:
        forward = engine.wrap(model, name="model")
        with ThreadPoolExecutor(16) as pool:
            calls = [submit(pool, forward, [row(10)], first)]
            until(lambda: model.entered == 1)
            calls += [
                submit(pool, forward, [row(100)], small),
                submit(pool, forward, [row(100)] * 3, large),
            ]
            until(lambda: engine.stats().queued_items == 4)
            model.let()
            until(lambda: model.entered == 2)
            model.open()
            for call in calls:
                call.result(PATIENCE)

    assert first.seconds.computing > 0
    assert large.seconds.computing == pytest.approx(3 * small.seconds.computing)
    busy = engine.stats().busy_seconds
    computed = sum(work.seconds.computing for work in (first, small, large))
    assert computed == pytest.approx(busy)
    assert small.seconds.queued > 0


def test_reports_every_batch() -> None:
    reports: list[BatchReport] = []
    with Engine(EngineSettings(launch_tokens=4_096), observe=reports.append) as engine:
        engine.wrap(Summing(), name="model")([row(10), row(20), row(30)])

    (report,) = reports
    assert (report.model, report.items, report.requests) == ("model", 3, 1)
    assert (report.tokens, report.padded_tokens, report.failed) == (60, 90, False)
    assert report.seconds >= 0
    assert report.longest_wait >= 0


def test_counts_what_it_did() -> None:
    with Engine(EngineSettings(launch_tokens=4_096)) as engine:
        engine.wrap(Summing(), name="model")([row(10), row(20), row(30)])
        stats = engine.stats()

    assert stats.alive
    assert (stats.batches, stats.batch_items) == (1, 3)
    assert (stats.tokens, stats.padded_tokens) == (60, 90)
    assert (stats.queued_items, stats.queued_tokens, stats.claimed_tokens) == (0, 0, 0)
    assert stats.oldest_seconds == stats.stalled_seconds == 0.0


def test_a_device_that_hangs_shows() -> None:
    with gate() as model, Engine() as engine, ThreadPoolExecutor(16) as pool:
        forward = engine.wrap(model, name="model")
        stuck = submit(pool, forward, [row(4)])
        until(lambda: model.entered == 1)

        until(lambda: engine.stalled_seconds > 0.02)
        assert engine.oldest_seconds >= engine.stalled_seconds
        model.open()
        stuck.result(PATIENCE)


def test_serves_only_inside_its_block() -> None:
    engine = Engine()
    forward = engine.wrap(Summing(), name="model")

    with pytest.raises(Unavailable):
        forward([row(1)])
    with engine:
        assert engine.alive
        assert forward([row(1)]) == [1]
    assert not engine.alive
    with pytest.raises(Unavailable):
        forward([row(1)])
    assert engine.stats().rejected == {"unavailable": 2}


def test_closing_fails_those_who_wait() -> None:
    with gate() as model, ThreadPoolExecutor(16) as pool:
        with Engine() as engine:
            forward = engine.wrap(model, name="model")
            running = submit(pool, forward, [row(4)])
            until(lambda: model.entered == 1)
            waiting = submit(pool, forward, [row(5)])
            until(lambda: engine.stats().queued_items == 1)
            closing = pool.submit(engine.__exit__, None, None, None)
            for call in (running, waiting):
                with pytest.raises(Unavailable):
                    call.result(PATIENCE)
            model.open()
            closing.result(PATIENCE)
        assert engine.stats().claimed_tokens == 0
    assert model.rows == [row(4)]


def test_refuses_two_models_of_one_name() -> None:
    engine = Engine()
    engine.wrap(Summing(), name="model")

    with pytest.raises(ValueError, match="model"):
        engine.wrap(Summing(), name="model")


def test_refuses_to_wrap_what_it_wrapped() -> None:
    engine = Engine()
    forward = engine.wrap(Summing(), name="model")

    with pytest.raises(ValueError, match="again"):
        engine.wrap(forward, name="again")


@pytest.mark.parametrize("name", ["batch_tokens", "launch_tokens", "lookahead"])
def test_refuses_settings_below_one(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        EngineSettings(**{name: 0})
