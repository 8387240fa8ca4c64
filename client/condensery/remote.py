"""Carries requests to a server over gRPC."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.protobuf.message import Message

from condensery.connection import Address
from condensery.errors import InvalidRequest
from condensery.failures import FailedCall, error_of
from condensery.transport import AsyncTransport, Transport
from condensery.v1 import compression_pb2 as pb
from condensery.v1.compression_pb2_grpc import CompressionServiceStub


@dataclass(frozen=True, slots=True)
class Server:
    """An ``Endpoint`` on the other side of a network."""

    address: Address

    def transport(self) -> Transport:
        return _Remote(self.address)

    def async_transport(self) -> AsyncTransport:
        return _AsyncRemote(self.address)


class _Remote:
    """A ``Transport`` with one channel, opened by the first call in this process."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._stub: Any = None
        self._pid = os.getpid()

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
        with self._lock:
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _once(self, method: str, request: Message, seconds: float | None) -> object:
        try:
            return self._call(method, request, seconds)
        except grpc.RpcError as error:
            raise error_of(cast("FailedCall", error)) from error

    def _each(
        self, method: str, request: Message, seconds: float | None
    ) -> Generator[Any, None, None]:
        call = self._call(method, request, seconds)
        try:
            yield from call
        except grpc.RpcError as error:
            raise error_of(cast("FailedCall", error)) from error
        finally:
            call.cancel()  # tells the server if nobody reads on; nothing if the stream is over

    def _call(self, method: str, request: Message, seconds: float | None) -> Any:  # noqa: ANN401 - of the stub
        check_size(request, self._address.connection.max_message_bytes)
        return getattr(self._opened(), method)(
            request,
            timeout=seconds,
            metadata=self._address.metadata(),
            wait_for_ready=self._address.connection.wait_for_ready,
        )

    def _opened(self) -> Any:  # noqa: ANN401 - the stub has no types
        with self._lock:
            # A channel does not survive a fork: the child would wait for threads it has not got.
            if self._channel is None or self._pid != os.getpid():
                self._channel = self._address.channel()
                self._stub = CompressionServiceStub(self._channel)  # type: ignore[no-untyped-call] # generated
                self._pid = os.getpid()
            return self._stub


class _AsyncRemote:
    """An ``AsyncTransport`` with a channel for every event loop, opened by its first call."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._channels: dict[asyncio.AbstractEventLoop, grpc.aio.Channel] = {}

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
        with self._lock:
            channel = self._channels.pop(asyncio.get_running_loop(), None)
        if channel is not None:
            await channel.close()

    async def _once(self, method: str, request: Message, seconds: float | None) -> object:
        try:
            return await self._call(method, request, seconds)
        except grpc.RpcError as error:
            raise error_of(cast("FailedCall", error)) from error

    async def _each(
        self, method: str, request: Message, seconds: float | None
    ) -> AsyncGenerator[Any, None]:
        call = self._call(method, request, seconds)
        try:
            async for message in call:
                yield message
        except grpc.RpcError as error:
            raise error_of(cast("FailedCall", error)) from error
        finally:
            call.cancel()  # tells the server if nobody reads on; nothing if the stream is over

    def _call(self, method: str, request: Message, seconds: float | None) -> Any:  # noqa: ANN401 - of the stub
        check_size(request, self._address.connection.max_message_bytes)
        stub = CompressionServiceStub(self._opened())  # type: ignore[no-untyped-call] # generated
        return getattr(stub, method)(
            request,
            timeout=seconds,
            metadata=self._address.metadata(),
            wait_for_ready=self._address.connection.wait_for_ready,
        )

    def _opened(self) -> grpc.aio.Channel:
        loop = asyncio.get_running_loop()
        with self._lock:
            # A loop that is over cannot close its channel any more; to forget it frees it.
            self._channels = {k: v for k, v in self._channels.items() if not k.is_closed()}
            if loop not in self._channels:
                self._channels[loop] = self._address.async_channel()
            return self._channels[loop]


def check_size(request: Message, limit: int) -> None:
    """Raise ``InvalidRequest`` for a message over the limit, which no server would even read."""
    size = request.ByteSize()
    if size > limit:
        raise InvalidRequest("", f"a message of {size} bytes; the limit is {limit}")
