"""Three times what the server can do: it does what it can, and refuses the rest at once."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from benchmarks.load.answers import End
from benchmarks.load.client import connected
from benchmarks.load.loads import Plan, at_load, capacity, quantile, references
from benchmarks.load.requests import Sent
from benchmarks.load.server import Server
from compressors.protocols import Encoded
from tests.service.hand import Overlap, documents, request, served

DOCUMENTS = 5
SECONDS_A_ROW = 0.015
TEXT = " ".join(["the Louvre is in Paris, and"] * 30) + " so on."
"""One sentence, which is one row: so long that a batch has room for one or two requests.

Larger batches would end many requests at once, and who counts those of three seconds would count
a batch more or less.
"""
TOKENS = DOCUMENTS * len(TEXT.split())
POSSIBLE = TOKENS / (DOCUMENTS * SECONDS_A_ROW)
"""Input tokens a second, if the device never waits."""

PLAN = Plan(
    pool=(Sent("louvre", request(documents=documents(*[TEXT] * DOCUMENTS)), TOKENS),),
    seconds=3.0,
    warm=0.5,
    calm=1.5,
    deadline=1.0,
    clients=16,
    seed=1,
)


@dataclass
class Slow(Overlap):
    """Takes the same time for every row, as a device does."""

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[float]:
        time.sleep(SECONDS_A_ROW * len(batch))
        return super().__call__(batch)


# It says how fast refusals are, so it needs a machine that nobody else keeps busy.
@pytest.mark.slow
async def test_three_times_the_capacity_costs_no_goodput_and_is_refused_at_once() -> None:
    async with (
        served(model=Slow(), metrics_port=0) as hand,
        connected(hand.server.target, 2) as caller,
    ):
        assert hand.server.ports.metrics is not None
        server = Server(os.getpid(), hand.server.target, hand.server.ports.metrics)
        knowing = replace(caller, expected=await references(caller, PLAN.pool))
        full = (await capacity(knowing, server, PLAN)).window
        load = await at_load(knowing, server, PLAN, 3.0, full.tokens_per_second)

    assert 0.8 * POSSIBLE <= full.tokens_per_second <= 1.05 * POSSIBLE
    assert load.window.ends[End.REFUSED] > load.window.ends[End.GOOD]
    assert not load.window.ends.keys() & {End.WRONG, End.FAILED}
    assert load.window.tokens_per_second >= 0.9 * full.tokens_per_second
    assert quantile(load.window.accepted, 0.99) <= PLAN.deadline
    assert quantile(load.window.refused, 0.99) <= 0.05
    assert load.recovery is not None
    assert load.recovery.seconds <= 5
    assert load.recovery.after.sent
    assert quantile(load.recovery.after.accepted, 0.99) <= PLAN.deadline
