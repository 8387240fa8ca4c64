"""The service of this process, on an event loop and a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.message import Message

from condensery.errors import Cancelled, CondenseryError, DeadlineExceeded, ServerFailure
from condensery.failures import error_of

Hosted = Callable[[], AbstractAsyncContextManager[object]]
"""Opens what has the methods of the contract, such as ``CompressionServicer``."""
T = TypeVar("T")


class Host:
    """Runs the very code that answers calls on a server. Safe to use from many threads.

    The futures that it gives hold messages, or raise ``CondenseryError``; to cancel one is to
    give up the call.
    """

    def __init__(self, hosted: Hosted) -> None:
        # A daemon, so that a program which forgets to close its client still ends.
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(hosted)), name="condensery", daemon=True
        )
        self._ready: Future[None] = Future()
        self._stopping = False
        self._servicer: Any = None

    @classmethod
    def started(cls, hosted: Hosted) -> Self:
        """Load the models, which takes seconds. ``hosted`` gives what answers the calls.

        Raises ``ValueError`` for settings that are wrong, and ``CondenseryError``.
        """
        host = cls(hosted)
        host._thread.start()
        host._ready.result()
        return host

    def stop(self) -> None:
        """End the calls in flight with ``Cancelled``, and unload the models."""
        self.end()
        self._thread.join()

    def end(self) -> None:
        """The same without waiting for it."""
        self._loop.call_soon_threadsafe(self._stop.set)

    def once(self, method: str, request: Message, seconds: float | None) -> Future[Any]:
        """The one answer of a call."""

        async def answer() -> object:
            with self._answering():
                async with asyncio.timeout(seconds):
                    return await getattr(self._servicer, method)(request, _Context(seconds))

        return self._submitted(answer())

    def each(
        self, method: str, request: Message, seconds: float | None, put: Callable[[Any], object]
    ) -> Future[None]:
        """Put every message of a stream somewhere, from the thread of the service."""

        async def pump() -> None:
            with self._answering():
                async with asyncio.timeout(seconds):
                    stream = getattr(self._servicer, method)(request, _Context(seconds))
                    async with aclosing(stream) as messages:
                        async for message in messages:
                            put(message)

        return self._submitted(pump())

    def _submitted(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        try:
            return asyncio.run_coroutine_threadsafe(call, self._loop)
        except RuntimeError as error:
            # The loop was closed by another thread just now.
            call.close()
            raise Cancelled("the service was stopped") from error

    async def _serve(self, hosted: Hosted) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            with translated():
                async with hosted() as self._servicer:
                    self._ready.set_result(None)
                    await self._stop.wait()
                    await self._end_calls()
        except BaseException as error:
            # Whatever it is: somebody waits for it.
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _end_calls(self) -> None:
        self._stopping = True
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Around a call: every error leaves as it would arrive from a server."""
        try:
            with translated():
                yield
        except CondenseryError:
            raise
        except TimeoutError as error:
            raise DeadlineExceeded("the call took longer than it had") from error
        except asyncio.CancelledError as error:
            if not self._stopping:
                raise
            raise Cancelled("the service was stopped") from error
        except Exception as error:
            raise ServerFailure(f"internal error: {type(error).__name__}") from error


@contextmanager
def translated() -> Iterator[None]:
    """Raise ours for the errors of the service, which keep their place as the cause."""
    from service.status import STATUS, code_of, status_of, trailers

    try:
        yield
    except tuple(STATUS) as error:
        details = trailers(status_of(error, ""), "")
        raise error_of(_Failed(code_of(error), str(error), details)) from error


@dataclass(frozen=True, slots=True)
class _Failed:
    """A ``FailedCall`` that never was one."""

    status: grpc.StatusCode
    message: str
    trailers: list[tuple[str, str | bytes]]

    def code(self) -> grpc.StatusCode:
        return self.status

    def details(self) -> str:
        return self.message

    def trailing_metadata(self) -> list[tuple[str, str | bytes]]:
        return self.trailers


class _Context:
    """All that the service asks of the context of a call: how much time there is."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def time_remaining(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - time.monotonic())
