"""A TCP proxy with faults: it delays, cuts, resets, holds back and dribbles what passes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_SIZE = 65_536


@dataclass
class FaultProxy:
    """Passes bytes on, with the faults that are set. They hold for open connections too."""

    delay: float = 0.0
    """Seconds before every piece."""
    piece: int = _SIZE
    """Bytes that pass at a time, at most."""
    cut_after: int | None = None
    """Bytes of the server after which a connection ends, politely."""
    reset_after: int | None = None
    """Bytes of the server after which a connection breaks."""
    faulty: int | None = None
    """So many connections are cut or reset; ``None``: all of them."""
    port: int = 0
    connections: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: a black hole. Nothing is lost, as with TCP, but nothing passes until it is set."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Break every connection at once."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def passed(
        self, server_port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection from its beginning to its end."""
        self.connections += 1
        is_faulty = self.faulty is None or self.connections <= self.faulty
        ends = {writer}
        try:
            there, back = await asyncio.open_connection("127.0.0.1", server_port)
            ends.add(back)
            self._writers |= ends
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pumped(reader, back, None))
                group.create_task(self._pumped(there, writer, writer if is_faulty else None))
        except* ConnectionError:
            pass  # both sides hear of it below
        finally:
            self._writers -= ends
            for each in ends:
                each.transport.abort()

    async def _pumped(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        faulty: asyncio.StreamWriter | None,
    ) -> None:
        passed = 0
        while data := await source.read(self.piece):
            await asyncio.sleep(self.delay)
            await self.open.wait()
            limit = self.reset_after if self.reset_after is not None else self.cut_after
            if faulty is not None and limit is not None and passed + len(data) >= limit:
                sink.write(data[: max(0, limit - passed)])
                await sink.drain()
                if self.reset_after is None:
                    # The end is said before it comes.
                    sink.write_eof()
                raise ConnectionResetError
            passed += len(data)
            sink.write(data)
            await sink.drain()
        with suppress(OSError):
            sink.write_eof()


@asynccontextmanager
async def faulty(server_port: int, **faults: float | None) -> AsyncIterator[FaultProxy]:
    """A proxy in front of a server, with these faults to begin with."""
    proxy = FaultProxy(**faults)  # type: ignore[arg-type] # fields of it
    loop = asyncio.get_running_loop()
    accepted: dict[socket.socket, asyncio.Task[None]] = {}

    async def passed(connection: socket.socket) -> None:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(sock=connection)
            await proxy.passed(server_port, reader, writer)

    def accept() -> None:
        with suppress(BlockingIOError):
            connection, _ = listener.accept()
            connection.settimeout(0)
            accepted[connection] = asyncio.create_task(passed(connection))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        proxy.port = listener.getsockname()[1]
        # Not ``asyncio.start_server``: it loses a connection that comes in the turn of its end.
        loop.add_reader(listener, accept)
        try:
            yield proxy
        finally:
            loop.remove_reader(listener)
            for task in accepted.values():
                task.cancel()
            await asyncio.gather(*accepted.values(), return_exceptions=True)
            # Aborted transports close their sockets in the next turn of the loop.
            await asyncio.sleep(0)
            # A task that is cancelled before it began closes nothing.
            for connection in accepted:
                connection.close()
