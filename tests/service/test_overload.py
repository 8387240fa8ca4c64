"""Three times what the server can do: it does what it can, and refuses the rest at once."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
import pytest

from compressors.protocols import Encoded
from tests.service.hand import LOUVRE, Overlap, documents, end_of, request, served

SECONDS_A_ROW = 0.002
DOCUMENTS = 10
CAPACITY = 1 / (SECONDS_A_ROW * 2 * DOCUMENTS)
CALLS = 300


@dataclass
class Slow(Overlap):
    """Takes the same time for every row, as a device does."""

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[float]:
        time.sleep(SECONDS_A_ROW * len(batch))
        return super().__call__(batch)


@pytest.mark.slow
async def test_overload_costs_no_goodput_and_is_refused_at_once() -> None:
    sent = request(documents=documents(*[LOUVRE] * DOCUMENTS))
    ends: list[tuple[grpc.StatusCode, float]] = []

    async with served(model=Slow(), max_queued_tokens=2000) as hand:

        async def ask() -> None:
            start = time.monotonic()
            code = await end_of(hand.stub.Compress(sent, timeout=5))
            ends.append((code, time.monotonic() - start))

        start = time.monotonic()
        asking = []
        for _ in range(CALLS):
            # Open loop: the next one comes whether or not the others were answered.
            asking.append(asyncio.create_task(ask()))
            await asyncio.sleep(1 / (3 * CAPACITY))
        await asyncio.gather(*asking)
        seconds = time.monotonic() - start

    answered = sorted(s for code, s in ends if code is grpc.StatusCode.OK)
    refused = sorted(s for code, s in ends if code is grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert len(answered) + len(refused) == CALLS
    assert len(answered) / seconds >= 0.8 * CAPACITY
    assert answered[int(0.99 * len(answered))] < 5
    assert refused[int(0.99 * len(refused))] < 0.05
