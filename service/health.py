"""Standard health: what is said of which name, and when."""

from __future__ import annotations

import asyncio
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as grpc_health

SERVICE: Final = "condensery.v1.CompressionService"
LIVENESS: Final = "liveness"
"""Serves as long as the process makes sense, so also while it warms up and while it drains."""
_READINESS: Final = ("", SERVICE)


class Health:
    """The state of the server for everybody who asks or watches. Not serving to begin with."""

    def __init__(self) -> None:
        self._servicer = grpc_health.HealthServicer()
        # Telling those who watch takes a moment, and the last word must be the one that stays.
        self._lock = asyncio.Lock()

    async def begin(self) -> None:
        """Say that the process lives and does not serve yet; before the first call."""
        await self.ready(serving=False)
        await self.alive(serving=True)

    async def ready(self, *, serving: bool) -> None:
        await self._set(_READINESS, serving=serving)

    async def alive(self, *, serving: bool) -> None:
        await self._set((LIVENESS,), serving=serving)

    def add_to(self, server: grpc.aio.Server) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def _set(self, names: tuple[str, ...], *, serving: bool) -> None:
        async with self._lock:
            for name in names:
                await self._servicer.set(name, _status(serving=serving))


def _status(*, serving: bool) -> int:
    response = health_pb2.HealthCheckResponse
    return int(response.SERVING if serving else response.NOT_SERVING)
