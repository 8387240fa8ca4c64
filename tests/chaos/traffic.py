"""Callers who ask one question after the other, and know the answer to each."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from condensery import AsyncClient, Compression, CondenseryError
from tests.chaos.members import Member
from tests.service.hand import CATS, QUERY

PATIENCE = 60.0
"""Seconds after which a test is broken, on a machine that does much else."""


async def compressed(client: AsyncClient, number: int, **more: float) -> Compression:
    """One question, unlike all others."""
    return await client.compress(QUERY, documents(number), max_tokens=6, **more)  # type: ignore[arg-type] # seconds


def documents(number: int) -> list[str]:
    return [f"The Louvre {number} is in Paris. Cats sleep a lot.", CATS]


def answer(number: int) -> str:
    """What the models of the hand keep for it."""
    return f"The Louvre {number} is in Paris."


@dataclass
class Traffic:
    """What became of the questions so far."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    """Seconds of the call that took longest, however it ended."""
    over: bool = False
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def more(self, answers: int, *, despite_errors: bool = False) -> None:
        """Wait for so many more answers, or for the first fault."""
        wanted = self.right + answers
        async with asyncio.timeout(PATIENCE), self.moved:
            await self.moved.wait_for(
                lambda: self.right >= wanted or (self.faults and not despite_errors)
            )

    @property
    def faults(self) -> list[str]:
        """Wrong answers and errors."""
        return [*self.wrong, *self.errors]

    async def _ask(self, client: AsyncClient, numbers: count[int], seconds: float) -> None:
        while not self.over:
            number, start = next(numbers), time.monotonic()
            try:
                text = (await compressed(client, number, timeout=seconds)).text
            except CondenseryError as error:
                self.errors[f"{type(error).__name__}: {error}"] += 1
            else:
                self.right += text == answer(number)
                if text != answer(number):
                    self.wrong.append(text)
            self.slowest = max(self.slowest, time.monotonic() - start)
            async with self.moved:
                self.moved.notify_all()


@asynccontextmanager
async def asking(
    client: AsyncClient, *, askers: int = 12, seconds: float = PATIENCE
) -> AsyncIterator[Traffic]:
    """Askers at work until the end of the block, where each gets its last answer.

    ``seconds`` is what a call may take.
    """
    traffic, numbers = Traffic(), count()
    tasks = [asyncio.create_task(traffic._ask(client, numbers, seconds)) for _ in range(askers)]
    try:
        yield traffic
    finally:
        traffic.over = True
        await asyncio.gather(*tasks)


async def survives(
    traffic: Traffic, pair: list[Member], number: signal.Signals, *, calls: int
) -> None:
    """Signal to the first of two servers between so many calls and as many; both answer some."""
    first, second = pair
    await traffic.more(calls)
    first.send(number)
    status = await first.end
    await traffic.more(calls)
    assert status == (0 if number is signal.SIGTERM else -number)
    assert first.server.calls("OK") > 0
    assert second.server.calls("OK") > 0
