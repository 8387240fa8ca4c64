"""How long requests of given sizes take, and how much many callers get through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import inf

from benchmarks.load.client import Caller, closed_loop
from benchmarks.load.loads import Window, references
from benchmarks.load.requests import Sent, shuffled_for_ever

MakePool = Callable[[int], Sequence[Sent]]
"""Requests with about so many tokens."""


@dataclass(frozen=True, slots=True)
class Size:
    """One caller with requests of one size."""

    tokens: int
    window: Window


async def latencies(
    caller: Caller, made: MakePool, sizes: Sequence[int], *, count: int
) -> tuple[Size, ...]:
    """``count`` requests of each size, one after the other, after some that do not count."""
    found = []
    for tokens in sizes:
        pool = made(tokens)
        alone = replace(caller, expected=await references(caller, pool))
        requests = islice(shuffled_for_ever(pool, seed=tokens), count)
        outcomes = await closed_loop(alone, requests, clients=1, seconds=inf)
        found.append(Size(tokens, Window(outcomes, 0.0, inf)))
    return tuple(found)


async def sustained(
    caller: Caller, pool: Sequence[Sent], *, clients: int, seconds: float, warm: float
) -> Window:
    """As many callers as that at once, for so long."""
    crowd = replace(caller, expected=await references(caller, pool))
    requests = shuffled_for_ever(pool, seed=clients)
    outcomes = await closed_loop(crowd, requests, clients=clients, seconds=warm + seconds)
    return Window(outcomes, warm, warm + seconds)
