"""An HTTP endpoint that answers with the bytes it was given, and then says what it saw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

HANG = b"hang"
"""A piece after which nothing more comes until the client goes away."""
RESET = b"reset"
"""A piece that breaks the connection at once."""
END = (
    '{"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
    '"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
)
"""The event that ends an answer."""


@dataclass
class ScriptedEndpoint:
    base_url: str = ""
    requests: list[bytes] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request is there."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client went away while the answer hung."""


def answer(status: str, body: bytes, *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", "content-type: application/json", *headers]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def events(*data: str) -> bytes:
    """The head of a stream, and its first events."""
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    return (head + "".join(f"data: {each}\n\n" for each in data)).encode()


def chunk(text: str) -> str:
    """An event with a piece of an answer."""
    return (
        '{"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
        f'"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}'
    )


@asynccontextmanager
async def scripted(
    pieces: Sequence[bytes], *, later: Sequence[bytes] | None = None
) -> AsyncIterator[ScriptedEndpoint]:
    """Answers with the pieces, one after the other; all requests but the first with ``later``."""
    endpoint = ScriptedEndpoint()

    handlers: set[asyncio.Task[None]] = set()

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())  # type: ignore[arg-type] # there is one
        endpoint.requests.append(await _request(reader))
        endpoint.came.set()
        first = later is None or len(endpoint.requests) == 1
        with suppress(ConnectionError):
            for piece in pieces if first else later:
                if piece is HANG:
                    await reader.read()
                    endpoint.left.set()
                elif piece is RESET:
                    await writer.drain()
                    writer.transport.abort()
                else:
                    writer.write(piece)
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint.base_url = f"http://127.0.0.1:{port}/v1"
    try:
        yield endpoint
    finally:
        # The handlers first: they end when the clients are gone.
        await asyncio.gather(*handlers)
        server.close()
        await server.wait_closed()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    sizes = [int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")]
    return head + await reader.readexactly(sum(sizes))
