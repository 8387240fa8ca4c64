"""Three times what the device can do, in time that passes when a test says so."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from compressors.engine.scheduler import Scheduler
from compressors.engine.settings import EngineSettings
from compressors.errors import Overloaded
from compressors.work import Work
from tests.engine.clocks import Clock
from tests.engine.fake_device import CountedCall, FakeDevice
from tests.engine.fakes import row

SPEED = 1_000.0
BUDGET = 100
DEADLINE = 1.0
SECONDS = 30.0


@dataclass(frozen=True)
class Arrival:
    seconds: float
    rows: int
    tenant: str = ""


@dataclass
class Server:
    """A scheduler and a device, and what became of those who came: tokens, by how it ended."""

    clock: Clock = field(default_factory=Clock)
    good: int = 0
    cut: int = 0
    refused: int = 0
    tenants: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = EngineSettings(batch_tokens=BUDGET, launch_tokens=1, max_queued_tokens=10**6)
        self._scheduler = Scheduler(settings, clock=self.clock)
        self._scheduler.add("model", None)
        self._device = FakeDevice(self._scheduler, self.clock, {"model": SPEED}, 1)
        self._calls: list[CountedCall] = []

    def run(self, arrivals: Sequence[Arrival]) -> None:
        start, coming = self.clock.now, list(reversed(arrivals))
        while coming or self._calls:
            while coming and start + coming[-1].seconds <= self.clock.now:
                arrival = coming.pop()
                self._come(arrival, start + arrival.seconds)
            if batch := self._scheduler.take():
                self._device.begin(batch)
                self._device.answer()
            elif coming:
                self.clock.now = max(self.clock.now, start + coming[-1].seconds)
            self._end()

    def _come(self, arrival: Arrival, at: float) -> None:
        work = Work(at + DEADLINE, tenant=arrival.tenant, clock=self.clock)
        tokens = 10 * arrival.rows
        call = CountedCall("model", [row(10)] * arrival.rows, work, self.clock.now)
        try:
            self._scheduler.reserve(work, tokens, kind="chain")
        except Overloaded:
            self.refused += tokens
        else:
            self._scheduler.submit(call)
            self._calls.append(call)

    def _end(self) -> None:
        for call in list(self._calls):
            if call.unwanted and not call.over:
                self._scheduler.give_up(call)
            if call.over:
                self._calls.remove(call)
                self._scheduler.release(call.work)
                self._count(call, 10 * len(call.rows))

    def _count(self, call: CountedCall, tokens: int) -> None:
        if call._error is not None or call.work.expired:
            self.cut += tokens
        else:
            self.good += tokens
            self.tenants[call.work.tenant] = self.tenants.get(call.work.tenant, 0) + tokens


def arrivals(load: float, *sizes: int, tenant: str = "", seed: int = 1) -> list[Arrival]:
    """Poisson arrivals of so many times what the device can do, of these numbers of rows."""
    dice, now, result = random.Random(seed), 0.0, list[Arrival]()  # noqa: S311 - a test
    rate = load * SPEED / (10 * sum(sizes) / len(sizes))
    while (now := now + dice.expovariate(rate)) < SECONDS:
        result.append(Arrival(now, dice.choice(sizes), tenant))
    return result


@pytest.mark.parametrize("sizes", [(5,), (2, 5, 20), (1, 60)])
def test_whoever_is_let_in_past_the_capacity_is_done_in_time(sizes: tuple[int, ...]) -> None:
    server = Server()

    server.run(arrivals(3.0, *sizes))

    assert server.good >= 0.9 * SPEED * SECONDS
    assert server.cut <= 0.01 * server.good
