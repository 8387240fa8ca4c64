"""Who gets a thread, and what becomes of those who wait for one."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from compressors.errors import DeadlineExceeded, Overloaded
from compressors.work import Work
from service.workers import Workers
from tests.service.hand import until


class Gate:
    """Holds up every thread that comes to it; knows how many are there."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.inside = 0

    def __call__(self) -> None:
        self.inside += 1
        self.opened.wait(10)


async def order_of(first: tuple[Work, int], second: tuple[Work, int]) -> list[str]:
    """In which order two are done that come one after the other, with one thread for all."""
    gate, order = Gate(), list[str]()

    async with Workers(1) as workers:
        blocker = asyncio.create_task(workers.run(Work(), gate))
        await until(lambda: gate.inside == 1)
        tasks = []
        for name, (work, tokens) in (("first", first), ("second", second)):
            done = workers.run(work, lambda name=name: order.append(name), tokens=tokens)  # type: ignore[misc] # the loop's own
            tasks.append(asyncio.create_task(done))
            await asyncio.sleep(0)  # to where it waits
        gate.opened.set()
        await asyncio.gather(blocker, *tasks)
    return order


async def test_of_two_alike_the_first_comes_first() -> None:
    assert await order_of((Work(), 10), (Work(), 10)) == ["first", "second"]


async def test_a_small_one_passes_a_large_one() -> None:
    assert await order_of((Work(), 100_000), (Work(), 10)) == ["second", "first"]


async def test_one_that_somebody_waits_for_passes_bulk() -> None:
    assert await order_of((Work(bulk=True), 10), (Work(), 20_000)) == ["second", "first"]


async def test_bulk_is_not_passed_by_ever_larger_ones() -> None:
    assert await order_of((Work(bulk=True), 10), (Work(), 200_000)) == ["first", "second"]


async def test_what_is_waited_for_a_thread_is_booked() -> None:
    gate, work = Gate(), Work()

    async with Workers(1) as workers:
        blocker = asyncio.create_task(workers.run(Work(), gate))
        await until(lambda: gate.inside == 1)
        waiting = asyncio.create_task(workers.run(work, Gate))
        await until(lambda: workers.oldest_seconds > 0.02)
        gate.opened.set()
        await asyncio.gather(blocker, waiting)
        oldest = workers.oldest_seconds

    assert work.seconds.queued > 0.02
    assert oldest == 0.0


async def test_who_would_wait_for_longer_than_there_is_time_is_refused_at_once() -> None:
    gate, ran = Gate(), list[int]()

    async with Workers(20) as workers:
        holders = [asyncio.create_task(workers.run(Work(), gate)) for _ in range(20)]
        # Each has held a turn for as long as one counts, before the last ones got theirs.
        await until(lambda: gate.inside == 20)
        gate.opened.set()
        await asyncio.gather(*holders)
        gate = Gate()
        busy = [asyncio.create_task(workers.run(Work(), gate)) for _ in range(100)]
        await until(lambda: gate.inside >= 1)
        start = time.monotonic()
        with pytest.raises(Overloaded) as caught:
            await workers.run(Work(time.monotonic() + 0.3), lambda: ran.append(1))
        seconds = time.monotonic() - start
        gate.opened.set()
        await asyncio.gather(*busy)
        await workers.run(Work(time.monotonic() + 10), lambda: ran.append(2))

    assert caught.value.retry_after > 0
    assert seconds < 0.2
    assert ran == [2]


async def test_one_that_is_cancelled_before_it_has_a_thread_leaves_nothing_behind() -> None:
    gate, ran = Gate(), list[int]()

    async with Workers(1) as workers:
        blocker = asyncio.create_task(workers.run(Work(), gate))
        await until(lambda: gate.inside == 1)
        waiting = asyncio.create_task(workers.run(Work(), lambda: ran.append(1)))
        await until(lambda: workers.oldest_seconds > 0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        oldest = workers.oldest_seconds
        gate.opened.set()
        await blocker
        await workers.run(Work(), lambda: ran.append(2))

    assert oldest == 0.0
    assert ran == [2]


async def test_what_comes_to_its_thread_too_late_is_not_begun() -> None:
    ran = list[int]()

    async with Workers(1) as workers:
        with pytest.raises(DeadlineExceeded):
            await workers.run(Work(time.monotonic() - 1), lambda: ran.append(1))

    assert not ran
