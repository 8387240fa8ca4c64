"""When requests are sent: drawn from a seed before the first one goes out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.load.requests import Sent, shuffled_for_ever


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request, and when it is to be sent, in seconds after the start."""

    at: float
    sent: Sent


def poisson(rate: float, seconds: float, *, seed: int, start: float = 0.0) -> tuple[float, ...]:
    """Times of a Poisson process with so many events a second, within ``seconds`` of ``start``.

    Callers that know nothing of one another arrive so: mostly apart, at times in bunches.
    """
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    times: list[float] = []
    at = dice.expovariate(rate)
    while at < seconds:
        times.append(start + at)
        at += dice.expovariate(rate)
    return tuple(times)


def scheduled(times: Sequence[float], pool: Sequence[Sent], *, seed: int) -> tuple[Arrival, ...]:
    """A request for each time; each of the pool comes equally often, but for the last round."""
    drawn = shuffled_for_ever(pool, seed=seed)
    return tuple(Arrival(at, next(drawn)) for at in times)
