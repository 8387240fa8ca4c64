"""A real server and a real pipeline on models whose answers can be worked out by hand."""

from __future__ import annotations

import asyncio
import re
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from compressors.engine import Engine, EngineSettings
from compressors.errors import ModelFailure
from compressors.exit import Exit
from compressors.llmlingua2 import Llmlingua2
from compressors.protocols import Encoded, Forward, Pieces
from compressors.segmentation import RuleSegmenter
from compressors.values import Document
from condensery.v1 import compression_pb2 as pb
from condensery.v1 import compression_pb2_grpc as pb_grpc
from service.break_even import BreakEven
from service.catalogue import Catalogue
from service.limits import Limits
from service.pipeline import Pipeline
from service.server import Server, serving
from service.settings import Settings
from tests.core.words_on_hand import LengthScorer, WordCounter

QUERY = "Where is the Louvre?"
LOUVRE = "The Louvre is in Paris. Cats sleep a lot."
CATS = "Dogs bark all day. Birds sing at dawn."

CHAINS: Mapping[str, tuple[str, ...]] = {"default": ("exit",), "fine": ("exit", "llmlingua2")}


@dataclass
class Overlap:
    """A ``Forward``: the share of the words before the 0 of a row that come after it, too.

    ``gate`` holds up every batch while it is closed; ``begun`` counts rows that came here, ``seen``
    those that were computed.
    """

    gate: threading.Event = field(default_factory=threading.Event)
    busy: threading.Event = field(default_factory=threading.Event)
    begun: int = 0
    seen: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[float]:
        self.begun += len(batch)
        self.busy.set()
        self.gate.wait()
        self.seen += len(batch)
        return [_overlap(row.ids) for row in batch]


def _overlap(ids: tuple[int, ...]) -> float:
    cut = ids.index(0)
    wanted = set(ids[:cut])
    return len(wanted & set(ids[cut + 1 :])) / max(1, len(wanted))


@dataclass(frozen=True)
class RowScorer:
    """A ``SentenceScorer`` that asks a ``Forward`` for one row a sentence."""

    forward: Forward

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        wanted = _ids(query)
        rows = [
            Encoded((*wanted, 0, *_ids(document.text[start:end])))
            for document in documents
            for start, end in document.ranges
        ]
        scores = iter(self.forward(rows))
        return [[next(scores) for _ in document.ranges] for document in documents]


def _ids(text: str) -> tuple[int, ...]:
    return tuple(zlib.crc32(word.encode()) | 1 for word in re.findall(r"\w+", text.lower()))


class FailingScorer:
    """A ``SentenceScorer`` whose model is broken."""

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        raise ModelFailure("the model broke on secret words")


class BrokenScorer:
    """No ``SentenceScorer``: it raises what it must not, and quotes the text."""

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        raise ValueError(documents[0].text)


class BrokenShelf:
    """No ``Retriever``: it raises what it must not, and quotes the query."""

    def retrieve(self, query: str, top_k: int) -> tuple[Document, ...]:
        raise ValueError(query)


class CancelledShelf:
    """No ``Retriever``: what it waits for is cancelled, though nobody cancelled the request."""

    def retrieve(self, query: str, top_k: int) -> tuple[Document, ...]:
        raise CancelledError


@dataclass(frozen=True)
class Shelf:
    """An index of two documents."""

    def retrieve(self, query: str, top_k: int) -> tuple[Document, ...]:
        found = (
            Document("louvre", LOUVRE, "Museums", {"year": 1793, "tags": ["art", None]}),
            Document("cats", CATS, "Animals"),
        )
        return found[:top_k]


@dataclass(frozen=True)
class Hand:
    """A server in this process, and what the tests may touch of it."""

    server: Server
    channel: grpc.aio.Channel
    model: Overlap
    engine: Engine

    @property
    def stub(self) -> pb_grpc.CompressionServiceStub:
        return pb_grpc.CompressionServiceStub(self.channel)  # type: ignore[no-untyped-call]

    async def compress(self, **values: Any) -> pb.CompressResponse:
        answer: pb.CompressResponse = await self.stub.Compress(request(**values), timeout=10)
        return answer


@contextmanager
def pipeline(settings: Settings, model: Overlap) -> Iterator[Pipeline]:
    """The real one, over models of the hand."""
    sizes = EngineSettings(max_queued_tokens=settings.max_queued_tokens or 262_144)
    with Engine(sizes, stall_seconds=settings.stall_seconds) as engine:
        scorer = RowScorer(engine.wrap(model, name="overlap"))
        catalogue = Catalogue(
            backends={
                "exit": {
                    "overlap": lambda o: Exit(scorer, RuleSegmenter(), "overlap", **o),
                    "failing": lambda o: Exit(FailingScorer(), RuleSegmenter(), "failing", **o),
                    "broken": lambda o: Exit(BrokenScorer(), RuleSegmenter(), "broken", **o),
                },
                "llmlingua2": {"length": lambda o: Llmlingua2(LengthScorer(), "length", **o)},
            },
            counters={"words": WordCounter()},
            summarizers=(),
            retrievers={
                "shelf": Shelf(),
                "broken": BrokenShelf(),
                "cancelled": CancelledShelf(),
            },
            chains=CHAINS,
        )
        try:
            yield Pipeline(
                catalogue,
                engine=engine,
                limits=Limits.of(settings),
                break_even=BreakEven.of(settings),
            )
        finally:
            model.gate.set()


def settings(**values: Any) -> Settings:
    ports: dict[str, Any] = {"port": 0, "health_port": None, "metrics_port": None}
    return Settings(**(ports | {"drain_seconds": 5.0} | values))


@asynccontextmanager
async def served(
    credentials: grpc.ChannelCredentials | None = None,
    *,
    model: Overlap | None = None,
    **values: Any,
) -> AsyncIterator[Hand]:
    """A server with these settings, and a channel to it that never tries again."""
    model = model or Overlap()
    opened: list[Pipeline] = []

    @contextmanager
    def opening(given: Settings) -> Iterator[Pipeline]:
        with pipeline(given, model) as made:
            opened.append(made)
            yield made

    options = [("grpc.enable_retries", 0), ("grpc.max_receive_message_length", -1)]
    async with serving(settings(**values), open_pipeline=opening) as server:
        made = (
            grpc.aio.insecure_channel(server.target, options=options)
            if credentials is None
            else grpc.aio.secure_channel(
                f"localhost:{server.ports.grpc}", credentials, options=options
            )
        )
        async with made as channel:
            yield Hand(server, channel, model, opened[0].engine)
            model.gate.set()


def documents(*texts: str) -> list[pb.Document]:
    return [pb.Document(id=str(number), text=text) for number, text in enumerate(texts, 1)]


def request(**values: Any) -> pb.CompressRequest:
    """A request that keeps the sentence about the Louvre, unless it is told otherwise."""
    usual: dict[str, Any] = {"query": QUERY}
    if "documents" not in values and "index" not in values:
        usual["documents"] = documents(LOUVRE, CATS)
    return pb.CompressRequest(**(usual | values))


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that only a thread of the server can bring about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells when a condition has come true
            await asyncio.sleep(0.005)


async def end_of(call: Any) -> grpc.StatusCode:
    """How a call ends. What a stream sent has to be read first, or its status never comes."""
    try:
        if isinstance(call, grpc.aio.UnaryStreamCall):
            async for _ in call:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK
