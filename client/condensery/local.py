"""Does the work of a server in this process, where the distribution of the server is installed."""

from __future__ import annotations

import asyncio
import queue
import threading
import weakref
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from google.protobuf.message import Message

from condensery.errors import NotInstalled
from condensery.host import Host
from condensery.transport import AsyncTransport, Transport
from condensery.v1 import compression_pb2 as pb

if TYPE_CHECKING:
    from service.hosting import OpenPipeline
    from service.settings import Settings

T = TypeVar("T")


class InProcess:
    """An ``Endpoint`` that is this process. Its transports share the models.

    They are loaded by the first call, and unloaded when the last transport that called is closed,
    or gone.
    """

    def __init__(self, settings: Settings, open_pipeline: OpenPipeline | None = None) -> None:
        """``open_pipeline`` takes the settings and opens a pipeline; ``None``: the usual one."""
        self._begin(settings, open_pipeline)

    def _begin(self, settings: Settings, open_pipeline: OpenPipeline | None) -> None:
        self._settings = settings
        self._open_pipeline = open_pipeline
        # Reentrant, as the garbage collector may find a transport while another one calls.
        self._lock = threading.RLock()
        self._host: Host | None = None
        self._holders: set[int] = set()

    @classmethod
    def found(cls, settings: Settings | None) -> Self:
        """With these settings, or the defaults. Raises ``NotInstalled``."""
        try:
            version("condensery-server")
            from service.settings import Settings as ServerSettings
        except (PackageNotFoundError, ImportError) as error:
            problem = "in-process compression needs the distribution condensery-server"
            raise NotInstalled(problem) from error
        return cls(ServerSettings() if settings is None else settings)

    def transport(self) -> Transport:
        return self._watched(_Local(self))

    def async_transport(self) -> AsyncTransport:
        return self._watched(_AsyncLocal(self))

    def held(self, holder: object) -> Host:
        """The running service, which stays until every holder lets go of it."""
        with self._lock:
            self._holders.add(id(holder))
            if self._host is None:
                self._host = Host.started(self._hosted)
            return self._host

    def release(self, holder: object) -> None:
        if (host := self._released(id(holder))) is not None:
            host.stop()

    def _forget(self, holder: int) -> None:
        # From the garbage collector, in any thread at any time: not a place to wait.
        if (host := self._released(holder)) is not None:
            host.end()

    def _released(self, holder: int) -> Host | None:
        """What is to be stopped now, if anything."""
        with self._lock:
            self._holders.discard(holder)
            if self._holders:
                return None
            host, self._host = self._host, None
            return host

    def _watched(self, transport: T) -> T:
        finalizer = weakref.finalize(transport, self._forget, id(transport))
        # At the end of the process everything goes anyway.
        finalizer.atexit = False
        return transport

    def _hosted(self) -> AbstractAsyncContextManager[object]:
        from service.hosting import hosted

        if self._open_pipeline is None:
            return hosted(self._settings)
        return hosted(self._settings, open_pipeline=self._open_pipeline)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InProcess) and self.__getstate__() == other.__getstate__()

    def __hash__(self) -> int:
        return hash(self.__getstate__())

    def __getstate__(self) -> tuple[Settings, OpenPipeline | None]:
        return self._settings, self._open_pipeline

    def __setstate__(self, state: tuple[Settings, OpenPipeline | None]) -> None:
        self._begin(*state)


class _Local:
    """A ``Transport`` to the service in this process."""

    def __init__(self, endpoint: InProcess) -> None:
        self._endpoint = endpoint

    def compress(self, request: pb.CompressRequest, seconds: float | None) -> pb.CompressResponse:
        return cast("pb.CompressResponse", self._once("Compress", request, seconds))

    def compress_stream(
        self, request: pb.CompressStreamRequest, seconds: float | None
    ) -> Generator[pb.CompressStreamResponse, None, None]:
        return self._each("CompressStream", request, seconds)

    def generate(
        self, request: pb.GenerateRequest, seconds: float | None
    ) -> Generator[pb.GenerateResponse, None, None]:
        return self._each("Generate", request, seconds)

    def server_info(self, seconds: float | None) -> pb.GetServerInfoResponse:
        request = pb.GetServerInfoRequest()
        return cast("pb.GetServerInfoResponse", self._once("GetServerInfo", request, seconds))

    def close(self) -> None:
        self._endpoint.release(self)

    def _once(self, method: str, request: Message, seconds: float | None) -> object:
        future = self._endpoint.held(self).once(method, request, seconds)
        try:
            return future.result()
        finally:
            future.cancel()  # nothing if it is done, as it is but for Ctrl-C

    def _each(
        self, method: str, request: Message, seconds: float | None
    ) -> Generator[Any, None, None]:
        # Unbounded, like the answer of a document that was in the request whole.
        messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        future = self._endpoint.held(self).each(method, request, seconds, messages.put)
        future.add_done_callback(lambda _: messages.put(None))
        try:
            while (message := messages.get()) is not None:
                yield message
            future.result()
        finally:
            future.cancel()  # gives up the call if nobody reads on


class _AsyncLocal:
    """An ``AsyncTransport`` to the service in this process, which has an event loop of its own."""

    def __init__(self, endpoint: InProcess) -> None:
        self._endpoint = endpoint

    async def compress(
        self, request: pb.CompressRequest, seconds: float | None
    ) -> pb.CompressResponse:
        return cast("pb.CompressResponse", await self._once("Compress", request, seconds))

    def compress_stream(
        self, request: pb.CompressStreamRequest, seconds: float | None
    ) -> AsyncGenerator[pb.CompressStreamResponse, None]:
        return self._each("CompressStream", request, seconds)

    def generate(
        self, request: pb.GenerateRequest, seconds: float | None
    ) -> AsyncGenerator[pb.GenerateResponse, None]:
        return self._each("Generate", request, seconds)

    async def server_info(self, seconds: float | None) -> pb.GetServerInfoResponse:
        request = pb.GetServerInfoRequest()
        response = await self._once("GetServerInfo", request, seconds)
        return cast("pb.GetServerInfoResponse", response)

    async def close(self) -> None:
        await asyncio.to_thread(self._endpoint.release, self)

    async def _once(self, method: str, request: Message, seconds: float | None) -> object:
        host = await self._held()
        # Cancelling the one cancels the other.
        return await asyncio.wrap_future(host.once(method, request, seconds))

    async def _each(
        self, method: str, request: Message, seconds: float | None
    ) -> AsyncGenerator[Any, None]:
        host = await self._held()
        loop = asyncio.get_running_loop()
        messages: asyncio.Queue[Any] = asyncio.Queue()

        def put(message: object) -> None:
            loop.call_soon_threadsafe(messages.put_nowait, message)

        future = host.each(method, request, seconds, put)
        future.add_done_callback(lambda _: put(None))
        try:
            while (message := await messages.get()) is not None:
                yield message
            await asyncio.wrap_future(future)
        finally:
            future.cancel()  # gives up the call if nobody reads on

    async def _held(self) -> Host:
        # Loading takes seconds, in which this loop has other things to do.
        return await asyncio.to_thread(self._endpoint.held, self)
