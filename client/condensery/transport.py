"""The seam between what the clients say and who does the work: messages there and back.

``seconds`` is what a call may take, ``None`` for no limit. All raise ``CondenseryError`` alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Protocol

from condensery.v1 import compression_pb2 as pb


class Transport(Protocol):
    """Carries requests to a server. Safe to use from many threads; opens itself when needed.

    A stream that is closed early is given up on the other side too.
    """

    def compress(self, request: pb.CompressRequest, seconds: float | None) -> pb.CompressResponse:
        """Answer once."""

    def compress_stream(
        self, request: pb.CompressStreamRequest, seconds: float | None
    ) -> Generator[pb.CompressStreamResponse, None, None]:
        """Answer document by document."""

    def generate(
        self, request: pb.GenerateRequest, seconds: float | None
    ) -> Generator[pb.GenerateResponse, None, None]:
        """Answer piece by piece."""

    def server_info(self, seconds: float | None) -> pb.GetServerInfoResponse:
        """Say what the server is."""

    def close(self) -> None:
        """Let go of what was opened; calls in flight end with ``Cancelled``."""


class AsyncTransport(Protocol):
    """The same without blocking. Safe to use from several event loops."""

    async def compress(
        self,
        request: pb.CompressRequest,
        seconds: float | None,
    ) -> pb.CompressResponse:
        """Answer once."""

    def compress_stream(
        self, request: pb.CompressStreamRequest, seconds: float | None
    ) -> AsyncGenerator[pb.CompressStreamResponse, None]:
        """Answer document by document."""

    def generate(
        self, request: pb.GenerateRequest, seconds: float | None
    ) -> AsyncGenerator[pb.GenerateResponse, None]:
        """Answer piece by piece."""

    async def server_info(
        self,
        seconds: float | None,
    ) -> pb.GetServerInfoResponse:
        """Say what the server is."""

    async def close(self) -> None:
        """Let go of what this event loop opened."""


class Endpoint(Protocol):
    """Where the work is done, before anything is opened: a value that can be pickled."""

    def transport(self) -> Transport:
        """For threads."""

    def async_transport(self) -> AsyncTransport:
        """For event loops."""
