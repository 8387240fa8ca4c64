"""Run synchronous work on threads for coroutines, and let go of it when nobody waits any more."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from compressors.engine import available_cpus
from compressors.errors import DeadlineExceeded, Overloaded
from compressors.slots import Slots
from compressors.work import Work

T = TypeVar("T")

# How late work may be, in seconds, before it is given up. It finds out about its deadline itself,
# but has to put together what it has by then. A client with a deadline ends the call in any case.
_PATIENCE: Final = 5.0
_FEWEST, _MOST = 2, 8
"""Turns at a time: one computes in Python while another is in a tokenizer, which lets go of it.
More threads than that in Python only make the event loop wait."""
_SECONDS_A_TOKEN: Final = 1e-4
_BULK_SECONDS: Final = 10.0


@dataclass(slots=True, order=True)
class _Job(Generic[T]):
    """Work on its way to a thread; the smallest comes next."""

    rank: float
    number: int
    work: Work = field(compare=False)
    function: Callable[[], T] = field(compare=False)
    context: contextvars.Context = field(compare=False)
    since: float = field(compare=False)
    result: Future[T] = field(compare=False, default_factory=Future)


class Workers:
    """A bounded number of threads, most of which wait for the device; few compute at a time.

    Who comes first is next, but a large request counts as if it had come later, by what its tokens
    take, and a bulk one by ten seconds: so small ones pass, and nobody waits for ever. Works
    inside its ``async with`` block.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._slots = Slots(min(_MOST, max(_FEWEST, available_cpus())))
        # The order of jobs is Python's to find out, so a heap of them is not changed in one go.
        self._lock = threading.Lock()
        self._waiting: list[_Job[Any]] = []
        self._numbers = count()

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
        now = time.monotonic()
        with self._lock:
            return max((now - job.since for job in self._waiting), default=0.0)

    async def run(self, work: Work, function: Callable[[], T], *, tokens: int = 0) -> T:
        """What the function gives, from a thread in which ``work`` is the current one.

        ``tokens`` is about what it reads. When the coroutine is cancelled, so is the work. What
        it waits is booked as queued. Raises ``Overloaded`` at once if it would wait for longer
        than it has, and ``DeadlineExceeded`` if it is not done soon after its deadline.
        """
        job = self._job(work, function, tokens)
        self._check_time(job)
        remaining = work.remaining
        try:
            async with asyncio.timeout(None if remaining is None else remaining + _PATIENCE):
                with self._lock:
                    heappush(self._waiting, job)
                # Not this job, but whichever is next when there is a thread.
                self._pool.submit(self._next)
                return await asyncio.wrap_future(job.result)
        except TimeoutError as error:
            raise DeadlineExceeded("the work did not end in time") from error
        finally:
            # Also when it is done: then it wakes nobody.
            work.cancel()
            self._forget(job)

    def _job(self, work: Work, function: Callable[[], T], tokens: int) -> _Job[T]:
        now = time.monotonic()
        rank = now + tokens * _SECONDS_A_TOKEN + _BULK_SECONDS * work.bulk
        context = contextvars.copy_context()
        return _Job(rank, next(self._numbers), work, function, context, now)

    def _check_time(self, job: _Job[T]) -> None:
        with self._lock:
            before = sum(other < job for other in self._waiting)
        before += self._slots.waiting
        wait, remaining = self._slots.expected_wait(before), job.work.remaining
        if remaining is not None and wait > remaining:
            problem = f"the wait would be {wait:.2f} s, {remaining:.2f} s are left"
            raise Overloaded(problem, retry_after=wait - remaining)

    def _next(self) -> None:
        with self._lock:
            if not self._waiting:
                return
            job = heappop(self._waiting)
        if not job.result.set_running_or_notify_cancel():
            return
        try:
            result = job.context.run(self._done, job)
        except BaseException as error:  # noqa: BLE001 - the coroutine must hear of it
            job.result.set_exception(error)
        else:
            job.result.set_result(result)

    def _forget(self, job: _Job[T]) -> None:
        with self._lock:
            left = [each for each in self._waiting if each is not job]
            if len(left) < len(self._waiting):
                self._waiting = left
                heapify(self._waiting)

    def _done(self, job: _Job[T]) -> T:
        work = job.work
        work.spend(queued=time.monotonic() - job.since)
        work.check()
        with work.active(), self._slots.taken(job.rank):
            work.check()
            return job.function()
