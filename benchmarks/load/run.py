"""A run: the server, its callers, and one part after the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

from tqdm import tqdm

from benchmarks.load import goals, report
from benchmarks.load.answers import End, Expected
from benchmarks.load.client import Caller, Outcome, connected
from benchmarks.load.goals import Goal
from benchmarks.load.loads import Plan, at_load, capacity, references
from benchmarks.load.memory import memory
from benchmarks.load.parts import Times, alone
from benchmarks.load.requests import Sent, mixed, of_size, short
from benchmarks.load.saturation import saturation
from benchmarks.load.server import Server, serving
from benchmarks.load.sides import Sides
from benchmarks.load.sizes import latencies, sustained
from benchmarks.load.tables import Table
from compressors.models.loading import Placement
from compressors.models.minilm import MiniLmCounter

_PASSAGES = 10
"""Of the requests whose overhead is looked at."""
_FEW = 5
"""Of those that many callers send to a GPU."""
_SEED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is measured, and how long."""

    plan: Plan
    loads: Sequence[float]
    placement: Placement
    batch_tokens: int
    channels: int
    settings: Mapping[str, str]
    """Further ones of the server, by name."""
    alone: int
    """Requests of one caller, of each kind."""
    rounds: int
    side_requests: int
    side_seconds: float
    sizes: Sequence[int]
    callers: int
    """Who sustain."""


@dataclass(slots=True)
class Run:
    """What has been found so far, table by table."""

    options: Options
    server: Server
    caller: Caller
    show: Callable[[Table], None]
    goals: list[Goal] = field(default_factory=list)
    ends: Counter[End] = field(default_factory=Counter)

    async def loads(self) -> None:
        """The capacity, then each load."""
        plan = self.options.plan
        with self._counted("references") as caller:
            expected = await references(caller, plan.pool)
        with self._counted("closed loop", expected=expected) as caller:
            full = await capacity(caller, self.server, plan)
        found = []
        for share in self.options.loads:
            with self._counted(f"{share:g} x capacity", expected=expected) as caller:
                rate = full.window.tokens_per_second
                found.append(await at_load(caller, self.server, plan, share, rate))
        for load in (full, *found):
            self._saw(load.window.outcomes)
        self.show(report.loads_table(full, found, self.options.batch_tokens))
        self.show(report.recovery_table(found))
        times = {load.name: Times.of(load.window.sent) for load in found}
        self.show(report.times_table(times))
        self.goals += goals.of_loads(found, full.window, plan.deadline)

    async def overhead(self) -> None:
        """Requests of 10 passages, one after the other."""
        count = self.options.alone
        pool = mixed(count, passages=(_PASSAGES,), seed=_SEED, count_tokens=MiniLmCounter().count)
        with self._counted("overhead") as caller:
            expected = await references(caller, pool)
            outcomes = await alone(replace(caller, expected=expected), pool)
        self._saw(outcomes)
        times = Times.of(outcomes)
        self.show(report.times_table({f"{_PASSAGES} passages, alone": times}))
        self.goals.append(goals.of_times(times))

    async def sides(self) -> None:
        """The server with all that it can do, and the same model without it."""
        options, plan = self.options, self.options.plan
        gpu = options.placement.device != "cpu"
        pool = plan.pool[: options.side_requests]
        if gpu:
            count = MiniLmCounter().count
            pool = mixed(options.side_requests, passages=(_FEW,), seed=_SEED, count_tokens=count)
        sides = await asyncio.to_thread(Sides.load, pool, options.placement)
        plan = replace(plan, pool=pool, seconds=options.side_seconds)
        with self._counted("side by side") as caller:
            found = await saturation(
                caller,
                self.server,
                plan,
                sides,
                batch_tokens=options.batch_tokens,
                rounds=options.rounds,
            )
        self._saw(found.outcomes)
        self.show(report.sides_table(found))
        self.goals.append(goals.of_saturation(found, gpu=gpu))

    async def sizes(self) -> None:
        """Large requests from one caller; the smaller ones of them from many."""
        options, plan, count = self.options, self.options.plan, MiniLmCounter().count

        def made(tokens: int) -> Sequence[Sent]:
            return of_size(tokens, _SEED, seed=_SEED, count_tokens=count)

        with self._counted("sizes") as caller:
            found = await latencies(caller, made, options.sizes, count=options.alone)
            crowd = await sustained(
                caller,
                made(min(options.sizes)),
                clients=options.callers,
                seconds=plan.seconds,
                warm=plan.warm,
            )
        self._saw([one for each in (*(s.window for s in found), crowd) for one in each.outcomes])
        self.show(report.sizes_table(found, options.callers, crowd))
        if options.placement.device != "cpu":
            self.goals += goals.of_sizes(found, crowd)

    async def memory(self, requests: int) -> None:
        """Small requests, no two alike."""
        sent = short(requests, seed=_SEED, count_tokens=MiniLmCounter().count)
        with self._counted("memory", total=requests) as caller:
            found = await memory(
                caller, self.server, sent, count=requests, clients=self.options.plan.clients
            )
        self.ends.update(found.ends)
        self.show(report.memory_table(found))

    def _saw(self, outcomes: Sequence[Outcome]) -> None:
        self.ends.update(one.end for one in outcomes)

    @contextmanager
    def _counted(
        self, name: str, *, expected: Mapping[str, Expected] | None = None, total: int | None = None
    ) -> Iterator[Caller]:
        with tqdm(desc=name, total=total, unit=" answers", leave=False) as bar:
            yield replace(self.caller, expected=expected or {}, told=bar.update)


@asynccontextmanager
async def running(options: Options, show: Callable[[Table], None]) -> AsyncIterator[Run]:
    """A server of one's own, warm, with callers connected."""
    async with (
        serving(**options.settings) as server,
        connected(server.target, options.channels) as caller,
    ):
        yield Run(options, server, caller, show)
