"""A server that tells whose work it did."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import grpc

from compressors.values import Document
from compressors.work import current
from condensery.v1 import compression_pb2 as pb
from condensery.v1 import compression_pb2_grpc as pb_grpc
from service.pipeline import Pipeline
from service.server import serving
from service.settings import Settings
from tests.service.hand import LOUVRE, Overlap, end_of, pipeline, request, settings


@dataclass
class Witness:
    """An index of one document, and every tenant whose work has searched it."""

    tenants: list[str] = field(default_factory=list)

    def retrieve(self, query: str, top_k: int) -> tuple[Document, ...]:
        self.tenants.append(current().tenant)
        return (Document("louvre", LOUVRE),)


@dataclass(frozen=True)
class Watched:
    """A server whose index ``witness`` is one."""

    port: int
    witness: Witness

    @asynccontextmanager
    async def channel(
        self, credentials: grpc.ChannelCredentials | None = None
    ) -> AsyncIterator[grpc.aio.Channel]:
        """A connection of its own, which never tries again."""
        options = [
            ("grpc.enable_retries", 0),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_send_message_length", -1),
        ]
        target = f"localhost:{self.port}"
        channel = (
            grpc.aio.insecure_channel(target, options=options)
            if credentials is None
            else grpc.aio.secure_channel(target, credentials, options=options)
        )
        async with channel:
            yield channel

    async def code(
        self, channel: grpc.aio.Channel, token: str | None = None, **headers: str
    ) -> grpc.StatusCode:
        """How a request for the index ends."""
        given = headers if token is None else {"authorization": f"Bearer {token}", **headers}
        metadata = tuple((name.replace("_", "-"), value) for name, value in given.items())
        stub = pb_grpc.CompressionServiceStub(channel)  # type: ignore[no-untyped-call]
        sent = request(index=pb.IndexQuery(name="witness"))
        return await end_of(stub.Compress(sent, metadata=metadata, timeout=10))


@asynccontextmanager
async def watched(**values: Any) -> AsyncIterator[Watched]:
    witness = Witness()

    @contextmanager
    def opening(given: Settings) -> Iterator[Pipeline]:
        with pipeline(given, Overlap()) as made:
            known = {**made.catalogue.retrievers, "witness": witness}
            catalogue = replace(made.catalogue, retrievers=known)
            yield Pipeline(catalogue, engine=made.engine, limits=made.limits)

    async with serving(settings(**values), open_pipeline=opening) as server:
        yield Watched(server.ports.grpc, witness)
