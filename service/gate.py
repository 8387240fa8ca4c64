"""Who is let in: nobody before the models are warm, nobody new once the server drains."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from functools import partial
from typing import Any

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
        self._inside = self._present = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._last_seen = 0.0

    @property
    def inside(self) -> int:
        """Calls that were let in and are not over."""
        return self._inside

    def open(self, pipeline: Pipeline) -> None:
        if self.phase is Phase.STARTING:
            self._pipeline, self.phase = pipeline, Phase.SERVING

    def close(self, phase: Phase) -> None:
        """Let nobody in any more. Those inside stay. What is dead stays dead."""
        if self.phase is not Phase.DEAD:
            self.phase = phase

    def pipeline(self) -> Pipeline:
        """What answers. Raises ``Unavailable`` as long as there is none."""
        if self._pipeline is None:
            raise Unavailable(self.phase.value)
        return self._pipeline

    async def emptied(self) -> None:
        """Wait until nobody is inside."""
        await self._empty.wait()

    async def quieted(self, seconds: float) -> None:
        """Wait until nobody has been at the gate for so long, refused or let in."""
        # Asked again and again, for nothing tells that nothing happened.
        while self._present or time.monotonic() - self._last_seen < seconds:  # noqa: ASYNC110
            await asyncio.sleep(seconds / 5)

    @asynccontextmanager
    async def passing(self, call: Call) -> AsyncIterator[None]:
        """Around a call: lets it in or raises ``Unavailable``."""
        let_in = self.phase is Phase.SERVING
        self._present += 1
        self._inside += let_in
        if let_in:
            self._empty.clear()
        # Not at the end of this block: the answer is on its way then, and must not be cut off.
        leave: Any = partial(self._leave, let_in=let_in)
        call.context.add_done_callback(leave)
        if not let_in:
            raise Unavailable(self.phase.value)
        yield

    def _leave(self, _: object, *, let_in: bool) -> None:
        self._last_seen = time.monotonic()
        self._present -= 1
        self._inside -= let_in
        if not self._inside:
            self._empty.set()
