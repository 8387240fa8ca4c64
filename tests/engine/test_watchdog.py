"""A device that hangs, and what must not be taken for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from compressors.engine import DeviceLost, Engine, EngineSettings
from compressors.engine.watchdog import Patience
from compressors.errors import Unavailable
from compressors.protocols import Encoded
from compressors.work import Work
from tests.engine.fakes import PATIENCE, Summing, asked, gate, row, until
from tests.engine.test_engine import submit


def test_patience_ends_when_every_look_saw_the_device_stand_still() -> None:
    patience = Patience(20.0)

    ends = [patience.ends(float(look)) for look in range(1, 21)]

    assert patience.pause == 1.0
    assert ends == [False] * 19 + [True]


def test_a_device_that_ends_something_is_given_its_time_again() -> None:
    patience = Patience(5.0)

    assert not any(patience.ends(stalled) for stalled in (1.0, 4.9, 0.1, 1.1, 4.9, 0.2) * 3)


def test_a_process_that_was_stopped_gives_its_device_the_time_again() -> None:
    patience = Patience(5.0)

    # The clock went on for an hour while nobody ran; half a second later there is a result.
    assert not any(patience.ends(3600.0 + look) for look in (0.0, 0.5))
    assert not patience.ends(0.1)


def test_a_device_that_hangs_fails_everybody_at_once_and_is_left_to_itself() -> None:
    told: list[DeviceLost] = []
    with gate() as model, ThreadPoolExecutor(16) as pool:
        with Engine(stall_seconds=1.0) as engine:
            engine.on_death(told.append)
            forward = engine.wrap(model, name="model")
            running = submit(pool, forward, [row(4)])
            until(lambda: model.entered == 1)
            waiting = [submit(pool, forward, [row(400)] * 3) for _ in range(5)]

            for call in (running, *waiting):
                with pytest.raises(Unavailable, match="finished nothing") as caught:
                    call.result(PATIENCE)
                assert caught.value.__cause__ is told[0]
            assert not engine.alive
            with pytest.raises(Unavailable, match="finished nothing"):
                forward([row(1)])
            start = time.monotonic()
        # Here the block is over, and the device still in its batch.
        assert time.monotonic() - start < 1.0
        assert engine.stats().claimed_tokens == engine.stats().queued_tokens == 0

        model.open()
        until(lambda: engine.stats().batches == 1)
        assert engine.stats().claimed_tokens == 0
    assert len(told) == 1
    assert model.entered == 1


def test_whoever_asks_for_the_death_later_is_told_at_once() -> None:
    told: list[DeviceLost] = []
    with gate() as model, Engine(stall_seconds=0.2) as engine:
        with pytest.raises(Unavailable):
            engine.wrap(model, name="model")([row(4)])

        engine.on_death(told.append)

    assert len(told) == 1


def test_one_who_cannot_be_told_keeps_nobody_waiting() -> None:
    def deaf(_: DeviceLost) -> None:
        raise ValueError

    told: list[DeviceLost] = []
    with gate() as model, Engine(stall_seconds=0.2) as engine:
        engine.on_death(deaf)
        engine.on_death(told.append)

        with pytest.raises(Unavailable):
            asked(lambda: engine.wrap(model, name="model")([row(4)])).result(PATIENCE)
    assert len(told) == 1


def test_an_engine_that_is_left_is_not_a_dead_one() -> None:
    told: list[DeviceLost] = []
    with Engine() as engine:
        engine.on_death(told.append)
        engine.wrap(Summing(), name="model")([row(4)])

    assert not told


def test_a_device_that_hangs_does_not_hold_up_the_end() -> None:
    told: list[DeviceLost] = []
    with gate() as model:
        with Engine(stall_seconds=0.5) as engine:
            engine.on_death(told.append)
            call = asked(lambda: engine.wrap(model, name="model")([row(4)]))
            until(lambda: model.entered == 1)
        with pytest.raises(Unavailable):
            call.result(PATIENCE)
    assert [str(lost) for lost in told] == ["it did not end"]


def test_a_thread_that_hangs_with_the_lock_is_noticed_too() -> None:
    free, told = threading.Event(), threading.Event()

    def clock() -> float:
        # The device thread asks, under the lock, whether anybody still waits.
        if threading.current_thread().name == "device":
            free.wait(PATIENCE)
        return 0.0

    def call() -> Sequence[int]:
        with Work(1_000.0, clock=clock).active():
            return forward([row(4)])

    with Engine(stall_seconds=0.2) as engine:
        engine.on_death(lambda _: told.set())
        forward = engine.wrap(Summing(), name="model")
        waiting = asked(call)
        try:
            assert told.wait(PATIENCE)
            assert not engine.alive
            assert not waiting.done()
        finally:
            free.set()
        # Late, but over; whether it is the answer is a matter of who had the lock next.
        assert isinstance(waiting.exception(PATIENCE), Unavailable | None)


def test_many_slow_batches_are_no_hang() -> None:
    never = threading.Event()

    def slow(batch: Sequence[Encoded]) -> Sequence[int]:
        never.wait(0.1)
        return [1] * len(batch)

    with Engine(EngineSettings(batch_tokens=10), stall_seconds=0.7) as engine:
        answers = engine.wrap(slow, name="slow")([row(10)] * 12)

    assert answers == [1] * 12


def test_a_device_that_nobody_asked_does_not_hang() -> None:
    with Engine(stall_seconds=0.1) as engine:
        forward = engine.wrap(Summing(), name="model")
        threading.Event().wait(0.4)

        assert forward([row(4)]) == [4]
