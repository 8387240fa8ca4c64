"""The server with all that it can do, beside the same model without it, in turns."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, nextafter
from statistics import median

from benchmarks.load.client import Caller, Outcome
from benchmarks.load.loads import Plan, Window, capacity, references
from benchmarks.load.parts import alone
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
    outcomes: Sequence[Outcome]
    """Of all that was sent to the server."""

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
    caller = replace(caller, expected=await references(caller, plan.pool))
    read = (await server.batches()).since(before).tokens
    ways = dict(SIDES)
    ways[PACKED] = await asyncio.to_thread(sides.fastest_packed, batch_tokens)
    tokens = sum(sent.tokens for sent in plan.pool)
    rates: dict[str, list[float]] = {name: [] for name in (SERVER, ALONE, *ways)}
    outcomes: list[Outcome] = []
    for number in range(rounds):
        for name in list(rates)[:: -1 if number % 2 else 1]:
            if name in ways:
                side = await asyncio.to_thread(sides.run, ways[name])
                rates[name].append(side.input_tokens_per_second(tokens, sides.model_tokens))
                continue
            if name == SERVER:
                again = replace(plan, seed=plan.seed + number)
                window = (await capacity(caller, server, again)).window
            else:
                window = await one_by_one(caller, plan)
            rates[name].append(window.tokens_per_second)
            outcomes += window.outcomes
    return Saturation(rates, round(read), sides.model_tokens, outcomes)


async def one_by_one(caller: Caller, plan: Plan) -> Window:
    """All requests of the plan once, and how long that takes."""
    outcomes = await alone(caller, plan.pool)
    # The end of a window does not belong to it.
    return Window(outcomes, 0.0, nextafter(max(one.ended for one in outcomes), inf))
