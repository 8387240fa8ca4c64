"""Who computes next, and who does not have to wait for that."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from compressors.slots import Slots, resting
from compressors.work import Work
from tests.engine.fakes import PATIENCE, asked, until

NEVER = 60.0
"""Seconds after which no turn of a test lapses."""


class Holder:
    """A thread that has a turn until it is let go."""

    def __init__(self, slots: Slots, rank: float = 0.0, work: Work | None = None) -> None:
        self.begun, self.gate = threading.Event(), threading.Event()
        self._future = asked(lambda: self._hold(slots, rank, work or Work()))

    def _hold(self, slots: Slots, rank: float, work: Work) -> None:
        with work.active(), slots.taken(rank):
            self.begun.set()
            self.gate.wait(PATIENCE)

    def end(self) -> None:
        self.gate.set()
        self._future.result(PATIENCE)


def test_no_more_than_so_many_compute_at_a_time() -> None:
    slots = Slots(2, longest=NEVER)

    holders = [Holder(slots) for _ in range(5)]
    until(lambda: slots.waiting == 3)

    assert sum(holder.begun.is_set() for holder in holders) == 2
    for holder in holders:
        holder.end()
    assert slots.waiting == 0


def test_the_lowest_rank_is_next() -> None:
    slots = Slots(1, longest=NEVER)
    first, order = Holder(slots), list[int]()
    first.begun.wait(PATIENCE)

    def take(rank: int) -> None:
        with Work().active(), slots.taken(rank):
            order.append(rank)

    others = list[Future[None]]()
    for number, rank in enumerate([3, 1, 2], 1):
        others.append(asked(lambda rank=rank: take(rank)))  # type: ignore[misc] # the loop's own
        until(lambda number=number: slots.waiting == number)  # type: ignore[misc] # likewise
    first.end()
    for other in others:
        other.result(PATIENCE)

    assert order == [1, 2, 3]


def test_who_waits_for_the_device_lets_another_compute() -> None:
    slots, device = Slots(1, longest=NEVER), threading.Event()

    def work() -> str:
        with Work().active(), slots.taken(0), resting():
            device.wait(PATIENCE)
        return "done"

    waiting = asked(work)
    other = Holder(slots, rank=1)

    assert other.begun.wait(PATIENCE)
    device.set()
    until(lambda: slots.waiting == 1)  # to compute again, it needs a turn
    other.end()
    assert waiting.result(PATIENCE) == "done"


def test_a_turn_that_lasts_too_long_holds_nobody_up() -> None:
    slots = Slots(1, longest=0.02)
    stuck = Holder(slots)
    stuck.begun.wait(PATIENCE)

    others = [Holder(slots) for _ in range(3)]

    # Each of them is stuck too.
    assert all(other.begun.wait(PATIENCE) for other in others)
    for each in (stuck, *others):
        each.end()


def cancelled(work: Work) -> None:
    work.cancel()


def nothing(_: Work) -> None:
    """The deadline comes by itself."""


@pytest.mark.parametrize(
    ("work", "end"), [(Work(), cancelled), (Work(time.monotonic() + 0.05), nothing)]
)
def test_who_is_over_does_not_wait_to_say_so(work: Work, end: Callable[[Work], None]) -> None:
    slots = Slots(1, longest=NEVER)
    first = Holder(slots)
    first.begun.wait(PATIENCE)
    over = Holder(slots, work=work)
    end(work)

    assert over.begun.wait(PATIENCE)
    assert slots.waiting == 0
    over.end()
    first.end()


def test_what_was_waited_is_booked() -> None:
    slots, work = Slots(1, longest=NEVER), Work()
    first = Holder(slots)
    first.begun.wait(PATIENCE)
    second = Holder(slots, work=work)
    until(lambda: slots.waiting == 1)
    start = time.perf_counter()
    until(lambda: time.perf_counter() - start > 0.02)
    first.end()
    second.end()

    assert work.seconds.queued >= 0.02


def test_code_without_a_turn_needs_none_to_wait() -> None:
    with resting():
        pass


def test_turns_are_never_lost_nor_too_many() -> None:
    slots, lock = Slots(3, longest=NEVER), threading.Lock()
    computing = [0]
    most = [0]

    def step(by: int) -> None:
        with lock:
            computing[0] += by
            most[0] = max(most[0], computing[0])

    def work(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - no secret
        deadline = time.monotonic() + dice.choice([PATIENCE, PATIENCE, 0.001])
        is_late = deadline < time.monotonic() + 1
        with Work(deadline).active(), slots.taken(dice.random()):
            for _ in range(20):
                # Who is late is not counted.
                if not is_late:
                    step(1)
                    step(-1)
                with resting():
                    pass

    for future in [asked(lambda seed=seed: work(seed)) for seed in range(30)]:  # type: ignore[misc]
        future.result(PATIENCE)

    assert most[0] <= 3
    assert slots.waiting == 0
    assert slots.expected_wait(3) >= 0.0
