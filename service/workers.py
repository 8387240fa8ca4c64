"""Run synchronous work on threads for coroutines, and let go of it when nobody waits any more."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from compressors.errors import DeadlineExceeded
from compressors.work import Work

T = TypeVar("T")

# How late work may be, in seconds, before it is given up. It finds out about its deadline itself,
# but has to put together what it has by then. A client with a deadline ends the call in any case.
_PATIENCE = 5.0


class Workers:
    """A bounded number of threads. Works inside its ``async with`` block."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._waiting: dict[int, float] = {}
        self._number = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Not here: the loop has to run on, as threads still report to it.
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    @property
    def oldest_seconds(self) -> float:
        """For how long the oldest of those that have no thread yet has waited; 0 if none."""
        return time.monotonic() - min(self._waiting.values(), default=time.monotonic())

    async def run(self, work: Work, function: Callable[[], T]) -> T:
        """What the function gives, from a thread in which ``work`` is the current one.

        When the coroutine is cancelled, so is the work. Raises ``DeadlineExceeded`` if the work
        is not done soon after its deadline.
        """
        number = self._number = self._number + 1
        self._waiting[number] = time.monotonic()

        def begin() -> T:
            self._waiting.pop(number, None)
            work.check()
            with work.active():
                return function()

        remaining = work.remaining
        try:
            async with asyncio.timeout(None if remaining is None else remaining + _PATIENCE):
                future = self._pool.submit(contextvars.copy_context().run, begin)
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise DeadlineExceeded("the work did not end in time") from error
        finally:
            # Also when it is done: then it wakes nobody.
            work.cancel()
            self._waiting.pop(number, None)
