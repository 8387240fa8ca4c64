"""Whatever becomes of a request, its texts come back in an answer only."""

from __future__ import annotations

import json
import urllib.request
from asyncio import CancelledError, to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from condensery.v1 import compression_pb2 as pb
from tests.service.collector import collecting
from tests.service.hand import Hand, end_of, request, served, until
from tests.service.test_logs import heard

# No word of any message, and none that a library would change.
MARKER = "xyzzyq"
CODE = grpc.StatusCode


@dataclass
class Seen:
    """Everything but answers that came out of a server, by where it came out."""

    codes: set[grpc.StatusCode] = field(default_factory=set)
    statuses: list[str] = field(default_factory=list)
    metrics: str = ""
    traces: str = ""
    logs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def leaks(self) -> list[str]:
        return [
            text
            for text in (*self.statuses, self.metrics, self.traces, *map(json.dumps, self.logs))
            if MARKER in text.lower()
        ]

    async def end(self, call: Any) -> None:
        """Wait for the end of a call, and keep its status with all that goes with it."""
        with suppress(CancelledError):  # how a call ends that its caller has cancelled
            await end_of(call)
        self.codes.add(await call.code())
        ends = [*(await call.initial_metadata()), *(await call.trailing_metadata())]
        self.statuses.append(f"{await call.details()} {ends} {await call.debug_error_string()}")


@asynccontextmanager
async def watching(seen: Seen, **values: Any) -> AsyncIterator[Hand]:
    """A server, all that it logs and traces, and its metrics when the block is over."""
    with heard() as lines, collecting() as collector:
        async with served(metrics_port=0, otlp_endpoint=collector.target, **values) as hand:
            yield hand
            url = f"http://127.0.0.1:{hand.server.ports.metrics}/metrics"
            page = await to_thread(urllib.request.urlopen, url)
            seen.metrics += str(page.read(), "utf-8")
    seen.logs += lines
    seen.traces += b"".join(collector.raw).decode("latin-1")


def marked(**values: Any) -> pb.CompressRequest:
    """A request with the marker in all texts; names, which may be quoted, are what they are."""
    texts: dict[str, Any] = {"query": f"Where is {MARKER}?"}
    if "documents" not in values and "index" not in values:
        texts["documents"] = [document()]
    return request(**(texts | values))


def document(**values: Any) -> pb.Document:
    usual = {"id": f"{MARKER}-1", "title": MARKER, "text": f"{MARKER} is {MARKER}. Or {MARKER}?"}
    return pb.Document(**(usual | values))


def stage(**values: Any) -> dict[str, Any]:
    return {"stages": pb.StageList(stages=[pb.Stage(**({"name": "exit"} | values))])}


STRICT = {"failure_policy": pb.FAILURE_POLICY_ERROR}
LONG = f"{MARKER} " * 500

ENDINGS: dict[str, tuple[pb.CompressRequest, grpc.StatusCode]] = {
    "good": (marked(), CODE.OK),
    "a failing stage": (marked(**stage(backend="failing")), CODE.OK),
    "a failing stage that counts": (marked(**stage(backend="failing"), **STRICT), CODE.INTERNAL),
    "a broken stage": (marked(**stage(backend="broken")), CODE.OK),
    "a broken stage that counts": (marked(**stage(backend="broken"), **STRICT), CODE.INTERNAL),
    "a broken index": (marked(index=pb.IndexQuery(name="broken")), CODE.INTERNAL),
    "a cancelled index": (marked(index=pb.IndexQuery(name="cancelled")), CODE.UNAVAILABLE),
    "long query": (marked(query=LONG), CODE.INVALID_ARGUMENT),
    "long document": (marked(documents=[document(text=LONG)]), CODE.INVALID_ARGUMENT),
    "blank id": (marked(documents=[document(id="")]), CODE.INVALID_ARGUMENT),
    "the same id twice": (marked(documents=[document()] * 2), CODE.INVALID_ARGUMENT),
    "too many documents": (
        marked(documents=[document(id=f"{MARKER}{number}") for number in range(21)]),
        CODE.INVALID_ARGUMENT,
    ),
    "span": (
        marked(documents=[document(protected_spans=[pb.Range(start=5, end=999)])]),
        CODE.INVALID_ARGUMENT,
    ),
    "pattern": (marked(protected_patterns=[f"{MARKER}("]), CODE.INVALID_ARGUMENT),
    "escape in a pattern": (marked(protected_patterns=[rf"\y{MARKER}"]), CODE.INVALID_ARGUMENT),
    "group in a pattern": (marked(protected_patterns=[f"(?P<{MARKER}"]), CODE.INVALID_ARGUMENT),
    "repeats in a pattern": (
        marked(protected_patterns=[f"{MARKER}{{2000}}"]),
        CODE.INVALID_ARGUMENT,
    ),
    "class in a pattern": (marked(protected_patterns=[f"[[:{MARKER}:]]"]), CODE.INVALID_ARGUMENT),
    "long pattern": (marked(protected_patterns=[LONG]), CODE.INVALID_ARGUMENT),
    "protected text without room": (
        marked(protected_texts=[f"{MARKER} is {MARKER}"], budget=pb.Budget(max_tokens=1)),
        CODE.INVALID_ARGUMENT,
    ),
    "protected pattern without room": (
        marked(protected_patterns=[f"{MARKER}.*{MARKER}"], budget=pb.Budget(max_tokens=1)),
        CODE.INVALID_ARGUMENT,
    ),
    "blank protected text": (marked(protected_texts=[MARKER, " "]), CODE.INVALID_ARGUMENT),
    "rate": (marked(budget=pb.Budget(rate=7.0)), CODE.INVALID_ARGUMENT),
    "option": (marked(**stage(exit=pb.ExitOptions(threshold=9.0))), CODE.INVALID_ARGUMENT),
    "unknown chain": (marked(chain="none such"), CODE.NOT_FOUND),
    "unknown index": (marked(index=pb.IndexQuery(name="none such")), CODE.NOT_FOUND),
    "unknown tokenizer": (marked(budget=pb.Budget(tokenizer="none such")), CODE.NOT_FOUND),
}  # fmt: skip
LIMITS = {
    "max_query_chars": 500,
    "max_document_chars": 1_000,
    "max_documents": 20,
    "max_pattern_chars": 100,
    "max_message_bytes": 100_000,
}


async def test_however_compression_ends() -> None:
    seen = Seen()

    async with watching(seen, **LIMITS) as hand:
        for sent, code in ENDINGS.values():
            calls = [
                hand.stub.Compress(sent, timeout=10),
                hand.stub.CompressStream(pb.CompressStreamRequest(request=sent), timeout=10),
            ]
            for call in calls:
                await seen.end(call)
                assert await call.code() is code
        raw: Any = hand.channel.unary_unary("/condensery.v1.CompressionService/Compress")
        for sent_bytes in (f"\x0a\x06{MARKER}".encode() + b"\xff", MARKER.encode() * 20_000):
            await seen.end(raw(sent_bytes, timeout=10))
        await seen.end(hand.stub.Generate(pb.GenerateRequest(compress=marked())))

    assert seen.codes == {
        CODE.OK,
        CODE.INTERNAL,
        CODE.INVALID_ARGUMENT,
        CODE.NOT_FOUND,
        CODE.UNAVAILABLE,
        CODE.RESOURCE_EXHAUSTED,
        CODE.FAILED_PRECONDITION,
    }
    assert len([line for line in seen.logs if line["message"] == "call"]) == len(seen.statuses)
    assert "CompressionService/Compress" in seen.traces
    assert "grpc_server_handled_total" in seen.metrics
    assert seen.leaks == []


@pytest.mark.parametrize(
    ("chat", "code"),
    [
        ("patient", CODE.OK),
        ("overloaded", CODE.RESOURCE_EXHAUSTED),
        ("down", CODE.UNAVAILABLE),
        ("refusing", CODE.INTERNAL),
        ("endless", CODE.DEADLINE_EXCEEDED),
    ],
)
async def test_however_the_llm_ends(chat: str, code: grpc.StatusCode) -> None:
    seen = Seen()

    async with watching(seen, llm_langchain=f"tests.service.chats:{chat}") as hand:
        sent = pb.GenerateRequest(compress=marked())
        await seen.end(hand.stub.Generate(sent, timeout=1 if chat == "endless" else 20))

    assert seen.codes == {code}
    assert seen.leaks == []


async def test_when_there_is_no_room_no_time_or_nobody_to_wait() -> None:
    seen = Seen()

    async with watching(seen, max_queued_tokens=1) as hand:
        hand.model.gate.clear()
        first = hand.stub.Compress(marked())
        await until(hand.model.busy.is_set)
        await seen.end(hand.stub.Compress(marked()))
        first.cancel()
        await seen.end(first)
        hand.model.gate.set()
    async with watching(seen) as hand:
        hand.model.gate.clear()
        await seen.end(hand.stub.Compress(marked(**STRICT), timeout=0.5))
        hand.model.gate.set()

    assert seen.codes == {CODE.RESOURCE_EXHAUSTED, CODE.CANCELLED, CODE.DEADLINE_EXCEEDED}
    assert seen.leaks == []


async def test_when_the_caller_is_not_let_in(tmp_path: Path) -> None:
    seen, tokens = Seen(), tmp_path / "tokens"
    tokens.write_text(f"{MARKER}-good\n")

    async with watching(seen, auth_tokens_file=tokens) as hand:
        for header in (f"Bearer {MARKER}", f"Basic {MARKER}", MARKER, f"Bearer {MARKER}-good"):
            metadata: Any = (
                ("authorization", header),
                ("x-other", MARKER),
                ("x-bin", MARKER.encode()),
            )
            await seen.end(hand.stub.Compress(marked(), metadata=metadata, timeout=10))
        tokens.write_text(f"{MARKER} {MARKER} {MARKER}\n")
        metadata = (("authorization", f"Bearer {MARKER}-good"),)
        await seen.end(hand.stub.Compress(marked(), metadata=metadata, timeout=10))

    assert seen.codes == {CODE.OK, CODE.UNAUTHENTICATED}
    assert seen.leaks == []


async def test_a_name_that_is_not_known_is_quoted_to_the_caller_and_to_nobody_else() -> None:
    seen = Seen()

    async with watching(seen) as hand:
        await seen.end(hand.stub.Compress(marked(chain=MARKER)))

    assert seen.leaks == seen.statuses
