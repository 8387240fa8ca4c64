"""Wrap every call of our own service in a list of context managers, outermost first."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from compressors.errors import InvalidInput

Context = grpc.aio.ServicerContext[Any, Any]

REQUEST_ID = "x-request-id"
_SANE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what was called, by which id it is found again in the logs."""

    service: str
    method: str
    kind: str
    """``unary`` or ``server_stream``, as metrics call it."""
    request_id: str
    context: Context

    def metadata(self, key: str) -> str | None:
        """The first value that the client sent under a key."""
        return _first(self.context, key)

    def code(self, error: BaseException | None) -> grpc.StatusCode:
        """How the call ended, given what came out of it."""
        if error is None:
            return grpc.StatusCode.OK
        if isinstance(error, asyncio.CancelledError):
            remaining: float | None = self.context.time_remaining()
            over = remaining is not None and remaining <= 0
            return grpc.StatusCode.DEADLINE_EXCEEDED if over else grpc.StatusCode.CANCELLED
        code: object = self.context.code()
        # Before it is set, grpc gives a number here, whatever the annotation says.
        return code if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN


Around = Callable[[Call], AbstractAsyncContextManager[None]]
"""What happens around a call. It may raise, before or after; the outer ones see that."""


class Wrapping(grpc.aio.ServerInterceptor):
    """Wraps the calls of one service; all others, such as health, pass untouched.

    A request is received and decoded inside: nobody has to take in the bytes of a call that is
    refused, and bytes which are no request are ``InvalidInput`` too.
    """

    def __init__(self, service: str, arounds: Sequence[Around]) -> None:
        self._service = service
        self._arounds = tuple(arounds)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 - a handler of any request and response
        handler = await continuation(handler_call_details)
        service, _, method = handler_call_details.method.lstrip("/").rpartition("/")
        if handler is None or service != self._service:
            return handler
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._streaming(method, handler), response_serializer=handler.response_serializer
            )
        # On the wire one request and a stream of one are the same, but only with a stream it is
        # for us to say when it is received.
        return grpc.stream_unary_rpc_method_handler(
            self._unary(method, handler), response_serializer=handler.response_serializer
        )

    # The annotations of grpc describe synchronous handlers only, hence Any.
    def _unary(self, method: str, handler: Any) -> Any:  # noqa: ANN401
        async def behave(sent: AsyncIterator[bytes], context: Context) -> Any:  # noqa: ANN401
            async with self._around(Call(self._service, method, "unary", id_of(context), context)):
                return await handler.unary_unary(await _received(handler, sent), context)

        return behave

    def _streaming(self, method: str, handler: Any) -> Any:  # noqa: ANN401
        # Not a generator: grpc would leave it suspended when a client goes away while a message
        # is on its way, and what is around the call would not end before the garbage collector.
        async def behave(sent: AsyncIterator[bytes], context: Context) -> None:
            call = Call(self._service, method, "server_stream", id_of(context), context)
            async with self._around(call):
                request = await _received(handler, sent)
                messages: AsyncIterator[Any] = handler.unary_stream(request, context)
                async with aclosing(messages):  # type: ignore[type-var]
                    async for message in messages:
                        await context.write(message)

        return behave

    def _around(self, call: Call) -> AbstractAsyncContextManager[None]:
        return nested(self._arounds, call)


@asynccontextmanager
async def nested(arounds: Sequence[Around], call: Call) -> AsyncIterator[None]:
    """All of the arounds, entered in order. Outer ones see what inner ones refuse."""
    async with AsyncExitStack() as stack:
        for around in arounds:
            await stack.enter_async_context(around(call))
        yield


def id_of(context: Context) -> str:
    """The id that the client gave the call, or a new one."""
    given = _first(context, REQUEST_ID)
    if given is not None and _SANE_ID.fullmatch(given):
        return given
    return secrets.token_hex(8)


def _first(context: Context, key: str) -> str | None:
    for name, value in context.invocation_metadata() or ():
        if name == key:
            return value.decode("ascii", "replace") if isinstance(value, bytes) else value
    return None


async def _received(handler: Any, sent: AsyncIterator[bytes]) -> Any:  # noqa: ANN401 - any request
    raw = await anext(aiter(sent), None)
    if raw is None:
        # Of a message that was too large the client hears from gRPC itself, as RESOURCE_EXHAUSTED.
        raise InvalidInput("", "no message came, or one that is too large")
    try:
        return handler.request_deserializer(raw)
    except DecodeError as error:
        # Protobuf's message may quote the bytes; they are the caller's text.
        raise InvalidInput("", "the bytes are not a message of this method") from error
