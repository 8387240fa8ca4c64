"""The server with all that it can do, beside the same model without it, in turns."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from statistics import median

from benchmarks.load.client import Caller, closed_loop
from benchmarks.load.loads import Plan, Window, capacity
from benchmarks.load.parts import alone
from benchmarks.load.requests import shuffled_for_ever
from benchmarks.load.server import Server
from benchmarks.load.sides import SIDES, Sides

SERVER = "the server, many callers"
ALONE = "the server, one caller"
PACKED = "raw forward, packed: the limit"


@dataclass(frozen=True, slots=True)
class Saturation:
    """Input tokens a second of each way, one value a round, and whether all did the same."""

    rates: Mapping[str, Sequence[float]]
    server_tokens: int
    """What the model read for all requests once, as the server counts."""
    own_tokens: int
    """As it was counted here."""

    def ratios(self, way: str, *, to: str) -> list[float]:
        """How many times as much as another way, round by round."""
        pairs = zip(self.rates[way], self.rates[to], strict=True)
        return [one / other for one, other in pairs]

    def rate(self, way: str) -> float:
        """The median of the rounds."""
        return median(self.rates[way])


async def saturation(
    caller: Caller, server: Server, plan: Plan, sides: Sides, *, batch_tokens: int, rounds: int
) -> Saturation:
    """The requests of the plan in all ways, ``rounds`` times; every other round backwards."""
    before = await server.batches()
    await alone(caller, plan.pool)
    read = (await server.batches()).since(before).tokens
    ways = dict(SIDES)
    ways[PACKED] = await asyncio.to_thread(sides.fastest_packed, batch_tokens)
    tokens = sum(sent.tokens for sent in plan.pool)
    rates: dict[str, list[float]] = {name: [] for name in (SERVER, ALONE, *ways)}
    for number in range(rounds):
        for name in list(rates)[:: -1 if number % 2 else 1]:
            if name in ways:
                side = await asyncio.to_thread(sides.run, ways[name])
                rates[name].append(side.input_tokens_per_second(tokens, sides.model_tokens))
            else:
                window = await _served(caller, plan, number, crowd=name == SERVER)
                rates[name].append(window.tokens_per_second)
    return Saturation(rates, round(read), sides.model_tokens)


async def _served(caller: Caller, plan: Plan, number: int, *, crowd: bool) -> Window:
    plan = replace(plan, seed=plan.seed + number)
    if crowd:
        return await capacity(caller, plan)
    # One after the other, all of them once: then it counts how long that took.
    requests = shuffled_for_ever(plan.pool, seed=plan.seed)
    some = [next(requests) for _ in plan.pool]
    outcomes = await closed_loop(caller, iter(some), clients=1, seconds=inf)
    return Window(outcomes, 0.0, max(one.ended for one in outcomes) + 1e-9)
