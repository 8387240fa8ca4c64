"""Who is let in: nobody before the models are warm, nobody new once the server drains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

from compressors.errors import Unavailable
from service.calls import Call
from service.pipeline import Pipeline


class Phase(Enum):
    """Where a server is in its life; the value says why it lets nobody in."""

    STARTING = "the models are not warm yet"
    SERVING = ""
    DRAINING = "the server is draining"
    DEAD = "the engine is dead"


class Gate:
    """Lets calls in while there is a pipeline to answer them, and knows how many are inside.

    ``grpc.aio.Server.stop`` waits out its whole grace if anybody watches health, hence a counter
    of our own.
    """

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self._pipeline: Pipeline | None = None
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def inside(self) -> int:
        """Calls that were let in and are not over."""
        return self._inside

    def open(self, pipeline: Pipeline) -> None:
        if self.phase is Phase.STARTING:
            self._pipeline, self.phase = pipeline, Phase.SERVING

    def close(self, phase: Phase) -> None:
        """Let nobody in any more. Those inside stay."""
        self.phase = phase

    def pipeline(self) -> Pipeline:
        """What answers. Raises ``Unavailable`` as long as there is none."""
        if self._pipeline is None:
            raise Unavailable(self.phase.value)
        return self._pipeline

    async def emptied(self) -> None:
        """Wait until nobody is inside."""
        await self._empty.wait()

    @asynccontextmanager
    async def passing(self, call: Call) -> AsyncIterator[None]:
        """Around a call: lets it in or raises ``Unavailable``."""
        if self.phase is not Phase.SERVING:
            raise Unavailable(self.phase.value)
        self._inside += 1
        self._empty.clear()
        # Not at the end of this block: the answer is on its way then, and must not be cut off.
        call.context.add_done_callback(self._leave)  # type: ignore[arg-type] # is a function
        yield

    def _leave(self, _: object) -> None:
        self._inside -= 1
        if not self._inside:
            self._empty.set()
