"""Where the time of requests goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from benchmarks.load.answers import End, Parts
from benchmarks.load.client import Caller, Outcome, closed_loop
from benchmarks.load.loads import quantile
from benchmarks.load.requests import Sent


@dataclass(frozen=True, slots=True)
class Times:
    """Medians over the good answers of a run, each by itself, in seconds."""

    latency: float
    queued: float
    computing: float
    tokenizing: float
    choosing: float
    """What else the stages took, and what is around them in the pipeline."""
    outside: float
    """Protocol and messages."""
    overhead: float
    """Of the latency, all but ``queued`` and ``computing``."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Times:
        good = [
            (one.latency, one.parts)
            for one in outcomes
            if one.end is End.GOOD and one.parts is not None
        ]
        return cls(
            _median([latency for latency, _ in good]),
            _median([parts.queued for _, parts in good]),
            _median([parts.computing for _, parts in good]),
            _median([parts.tokenizing for _, parts in good]),
            _median([_inside(parts) - parts.tokenizing for _, parts in good]),
            _median([latency - parts.elapsed for latency, parts in good]),
            _median([latency - parts.elapsed + _inside(parts) for latency, parts in good]),
        )


async def alone(caller: Caller, requests: Sequence[Sent]) -> tuple[Outcome, ...]:
    """Each request once, one after the other."""
    return await closed_loop(caller, iter(requests), clients=1, seconds=inf)


def _inside(parts: Parts) -> float:
    return parts.elapsed - parts.queued - parts.computing


def _median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)
