"""A real server whose compressor can be worked out by hand: it drops sentences that share no word
with the query. Faults and gates let a test say when it fails, and when it answers.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status.rpc_status import to_status

from condensery.v1 import compression_pb2 as pb
from condensery.v1.compression_pb2_grpc import (
    CompressionServiceServicer,
    add_CompressionServiceServicer_to_server,
)

_SENTENCE = re.compile(r"\S[^.!?。]*[.!?。]*")
_WORD = re.compile(r"\w+")
PATIENCE = 20.0
"""Seconds after which a test that waits is broken."""


@dataclass(frozen=True)
class Fault:
    """How the next call fails."""

    code: grpc.StatusCode
    message: str = "as the test says"
    retry_after: float | None = None
    field: str = ""


@dataclass
class SentenceService(CompressionServiceServicer):
    """Answers by the contract, unless a fault is due."""

    faults: deque[Fault] = field(default_factory=deque)
    requests: list[pb.CompressRequest] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    """Closed by ``hold``: calls wait before they answer, streams after their first message."""
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when a call is over, however it ended."""

    def __post_init__(self) -> None:
        self.gate.set()

    def hold(self) -> None:
        self.gate.clear()

    def Compress(  # noqa: N802
        self, request: pb.CompressRequest, context: grpc.ServicerContext
    ) -> pb.CompressResponse:
        self._admit(request, context)
        self._wait(context)
        return compressed(request)

    def CompressStream(  # noqa: N802
        self, request: pb.CompressStreamRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.CompressStreamResponse]:
        self._admit(request.request, context)
        response = compressed(request.request)
        documents = list(response.documents)
        del response.documents[:]
        for document in reversed(documents):  # any order is allowed
            yield pb.CompressStreamResponse(document=document)
            self._wait(context)
        yield pb.CompressStreamResponse(result=response)

    def Generate(  # noqa: N802
        self, request: pb.GenerateRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.GenerateResponse]:
        self._admit(request.compress, context)
        response = compressed(request.compress)
        yield pb.GenerateResponse(compressed=response)
        self._wait(context)
        for word in ("It ", "is ", request.model or "so", "."):
            yield pb.GenerateResponse(text=word)
        saved = response.totals.tokens_before - response.totals.tokens_after
        end = pb.GenerateEnd(finish_reason="stop", usage=pb.Usage(saved_tokens=saved))
        end.insufficient_evidence = response.insufficient_evidence
        end.citations.add(mark="[1]", document_id=response.documents[0].id)
        yield pb.GenerateResponse(end=end)

    def GetServerInfo(  # noqa: N802
        self, request: pb.GetServerInfoRequest, context: grpc.ServicerContext
    ) -> pb.GetServerInfoResponse:
        self._fail(context)
        return pb.GetServerInfoResponse(
            version="1.2.3",
            chains=[pb.ChainInfo(name="default", stages=["exit"])],
            stages=[pb.StageInfo(name="exit", backends=["embedded", "causal-lm"])],
            limits=pb.Limits(max_documents=1000),
            tokenizers=["words"],
            device="cpu",
        )

    def _admit(self, request: pb.CompressRequest, context: grpc.ServicerContext) -> None:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        context.add_callback(self.ended.set)
        self.arrived.release()
        self._fail(context)
        if not request.query.strip():
            refuse(
                context, Fault(grpc.StatusCode.INVALID_ARGUMENT, "must not be blank", field="query")
            )
        if request.chain not in ("", "default"):
            refuse(context, Fault(grpc.StatusCode.NOT_FOUND, "no such chain", field="chain"))

    def _fail(self, context: grpc.ServicerContext) -> None:
        if self.faults:
            refuse(context, self.faults.popleft())

    def _wait(self, context: grpc.ServicerContext) -> None:
        while context.is_active() and not self.gate.wait(0.01):
            pass


def refuse(context: grpc.ServicerContext, fault: Fault) -> None:
    status = Status(code=Code.Value(fault.code.name), message=fault.message)
    if fault.field:
        violation = BadRequest.FieldViolation(field=fault.field, description=fault.message)
        status.details.add().Pack(BadRequest(field_violations=[violation]))
    if fault.retry_after is not None:
        delay = Duration()
        delay.FromMilliseconds(round(fault.retry_after * 1000))
        status.details.add().Pack(RetryInfo(retry_delay=delay))
        rich = to_status(status)
        pushback = ("grpc-retry-pushback-ms", str(round(fault.retry_after * 1000)))
        context.set_trailing_metadata((*rich.trailing_metadata, pushback))
        context.abort(rich.code, rich.details)
    context.abort_with_status(to_status(status))


def compressed(request: pb.CompressRequest) -> pb.CompressResponse:
    """The answer: of each document the sentences that share a word with the query."""
    response = pb.CompressResponse(chain=request.chain or "default")
    words = words_of(request.query)
    for document in request.documents:
        spans = [
            (match.start(), match.end())
            for match in _SENTENCE.finditer(document.text)
            if words & words_of(match.group())
        ]
        response.documents.append(result_of(document, spans))
    response.insufficient_evidence = not any(each.text for each in response.documents)
    if response.insufficient_evidence and not request.allow_empty:
        keep_first(request.documents, response.documents)
    response.text = "\n\n".join(each.text for each in response.documents if each.text)
    response.totals.tokens_before = sum(each.tokens_before for each in response.documents)
    response.totals.tokens_after = sum(each.tokens_after for each in response.documents)
    response.totals.tokenizer = "words"
    response.totals.within_budget = True
    response.stages.add(stage="exit", backend="words", outcome=pb.STAGE_OUTCOME_RAN)
    response.stages[0].elapsed.FromMilliseconds(1500)
    return response


def keep_first(documents: Sequence[pb.Document], results: Any) -> None:
    for number, document in enumerate(documents):
        if match := _SENTENCE.search(document.text):
            results[number].CopyFrom(result_of(document, [match.span()]))
            return


def result_of(document: pb.Document, spans: list[tuple[int, int]]) -> pb.DocumentResult:
    text = " ".join(document.text[start:end] for start, end in spans)
    result = pb.DocumentResult(id=document.id, text=text, outcome=outcome_of(document.text, text))
    result.scoring = pb.SCORING_MODEL
    result.tokens_before = len(document.text.split())
    result.tokens_after = len(text.split())
    for start, end in spans:
        result.spans.add(start=start, end=end, score=0.5 + 0.25 * (end - start > 10))
    return result


def outcome_of(given: str, kept: str) -> pb.Outcome:
    if not given.strip():
        return pb.OUTCOME_BLANK
    if not kept:
        return pb.OUTCOME_DROPPED
    return pb.OUTCOME_KEPT_WHOLE if kept == given.strip() else pb.OUTCOME_COMPRESSED


def words_of(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


@contextmanager
def serving(
    service: CompressionServiceServicer,
    *,
    address: str = "127.0.0.1:0",
    credentials: grpc.ServerCredentials | None = None,
) -> Iterator[str]:
    """A server on a free port; gives its target."""
    with ThreadPoolExecutor(16) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        add_CompressionServiceServicer_to_server(service, server)
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            if isinstance(service, SentenceService):
                service.gate.set()
            server.stop(grace=None).wait(PATIENCE)
