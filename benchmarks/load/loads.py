"""What a server does at given loads: how much it can, what it refuses, when it is itself again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np

from benchmarks.load.answers import End, Expected
from benchmarks.load.arrivals import poisson, scheduled
from benchmarks.load.client import Caller, Outcome, closed_loop, open_loop
from benchmarks.load.requests import Sent, shuffled_for_ever
from benchmarks.load.server import Batches, Server

_CALM: Final = 0.5
"""The load after an overload, as a share of the capacity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long, with what, and from which seed. Times in seconds."""

    pool: Sequence[Sent]
    seconds: float
    """What is measured of a run."""
    warm: float
    """What is not, before: until as much is under way as will be."""
    calm: float
    """What follows an overload, at half of the capacity."""
    deadline: float
    """Of a request, from when it is to be sent."""
    clients: int
    """Of a closed loop."""
    seed: int

    @property
    def mean_tokens(self) -> float:
        return fmean(sent.tokens for sent in self.pool)


@dataclass(frozen=True, slots=True)
class Window:
    """The outcomes of a run, and which part of it counts, in seconds after its start."""

    outcomes: tuple[Outcome, ...]
    start: float
    end: float

    @property
    def tokens_per_second(self) -> float:
        """Of input whose good answers came within the window, whenever they were sent."""
        return sum(one.sent.tokens for one in self._came) / (self.end - self.start)

    @property
    def requests_per_second(self) -> float:
        """Good answers that came within the window."""
        return len(self._came) / (self.end - self.start)

    @property
    def sent(self) -> tuple[Outcome, ...]:
        """Outcomes of what was to be sent within the window."""
        return tuple(one for one in self.outcomes if self.start <= one.intended < self.end)

    @property
    def ends(self) -> Counter[End]:
        return Counter(one.end for one in self.sent)

    @property
    def accepted(self) -> tuple[float, ...]:
        """Seconds of those that were neither refused nor failed."""
        return self._latencies(End.GOOD, End.WRONG, End.CUT, End.LATE)

    @property
    def refused(self) -> tuple[float, ...]:
        """Seconds of those that were refused."""
        return self._latencies(End.REFUSED)

    @property
    def behind(self) -> float:
        """The 99th percentile of how late the generator itself was, in seconds."""
        return quantile([one.started - one.intended for one in self.sent], 0.99)

    @property
    def _came(self) -> tuple[Outcome, ...]:
        good = (one for one in self.outcomes if one.end is End.GOOD)
        return tuple(one for one in good if self.start <= one.ended < self.end)

    def _latencies(self, *ends: End) -> tuple[float, ...]:
        return tuple(one.latency for one in self.sent if one.end in ends)


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a server was after an overload."""

    seconds: float
    """From its end to the last request that was not answered well; infinite if that is the last
    of all."""
    after: Window
    """What came later than that."""


@dataclass(frozen=True, slots=True)
class Load:
    """What became of requests at one load."""

    name: str
    window: Window
    batches: Batches
    """What the device did from the first request to the last answer."""
    recovery: Recovery | None
    """``None`` where there was no overload."""


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of all values does not exceed; NaN if there are none.

    One of the values, never one between two: with few of them p99 is the largest.
    """
    if not values:
        return math.nan
    return float(np.quantile(values, share, method="inverted_cdf"))


async def references(caller: Caller, pool: Sequence[Sent]) -> dict[str, Expected]:
    """The answers to all requests, each alone. Raises ``ValueError`` if one is not good."""
    return {sent.id: await caller.reference(sent, deadline=600.0) for sent in pool}


async def capacity(caller: Caller, server: Server, plan: Plan) -> Load:
    """What is answered while as many clients wait as the plan has.

    Raises ``ValueError`` if that is nothing: then there is nothing to take shares of.
    """
    end = plan.warm + plan.seconds
    requests = shuffled_for_ever(plan.pool, seed=plan.seed)
    before = await server.batches()
    outcomes = await closed_loop(caller, requests, clients=plan.clients, seconds=end)
    batches = (await server.batches()).since(before)
    window = Window(outcomes, plan.warm, end)
    if not window.tokens_per_second:
        raise ValueError(f"nothing was answered well in {plan.seconds:g} s")
    return Load("closed loop", window, batches, recovery=None)


async def at_load(caller: Caller, server: Server, plan: Plan, share: float, full: float) -> Load:
    """Requests with this share of ``full`` input tokens a second, whatever becomes of them.

    More than all is followed at once by half, to see the server recover.
    """
    end, rate = plan.warm + plan.seconds, full / plan.mean_tokens
    times = poisson(share * rate, end, seed=plan.seed)
    if share > 1:
        times += poisson(_CALM * rate, plan.calm, seed=plan.seed + 1, start=end)
    before = await server.batches()
    arrivals = scheduled(times, plan.pool, seed=plan.seed)
    outcomes = await open_loop(caller, arrivals, deadline=plan.deadline)
    batches = (await server.batches()).since(before)
    recovery = recovered(outcomes, end, end + plan.calm) if share > 1 else None
    return Load(f"{share:g} x", Window(outcomes, plan.warm, end), batches, recovery)


def recovered(outcomes: Sequence[Outcome], start: float, end: float) -> Recovery:
    """When a server was itself again that was overloaded until ``start``."""
    calm = sorted(
        (one for one in outcomes if start <= one.intended < end), key=lambda one: one.intended
    )
    bad = [number for number, one in enumerate(calm) if one.end is not End.GOOD]
    seconds, later = 0.0, calm
    if bad:
        last = bad[-1]
        seconds = calm[last].intended - start if last + 1 < len(calm) else math.inf
        later = calm[last + 1 :]
    return Recovery(seconds, Window(tuple(later), start, end))
