"""Servers as processes of their own, whose calls are counted by what they log."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tests.service.processes import ServerProcess, running

QUICK = ("tests.service.by_hand", "quick")
"""The models of the hand: an answer takes no time and can be worked out."""
EMBEDDED = ("service.cli", "serve")


@dataclass(frozen=True)
class Member:
    """One of several servers."""

    server: ServerProcess
    port: int
    end: asyncio.Task[int]
    """Its exit status, once it has ended. Its log is read meanwhile, or it would block."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def send(self, number: signal.Signals) -> None:
        self.server.process.send_signal(number)


@asynccontextmanager
async def member(command: tuple[str, ...] = QUICK, **settings: str) -> AsyncIterator[Member]:
    """One that serves; killed at the end if it still runs."""
    async with running(*command, **settings) as server:
        port = (await server.log("serving"))["grpc"]
        end = asyncio.create_task(server.ended())
        try:
            yield Member(server, port, end)
        finally:
            if server.process.returncode is None:
                # One that was stopped is killed too.
                server.process.kill()
            await end


@asynccontextmanager
async def members(
    count: int, command: tuple[str, ...] = QUICK, **settings: str
) -> AsyncIterator[list[Member]]:
    """Several; they start one after the other."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(member(command, **settings)) for _ in range(count)]


def target(addresses: list[str]) -> str:
    """All of them for one client, which goes round them as it does with a headless service."""
    return f"ipv4:{','.join(addresses)}"
