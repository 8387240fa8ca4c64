"""The calls of the service: from the wire to the pipeline and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from compressors.errors import ModelFailure
from compressors.work import Work
from condensery.v1 import compression_pb2 as pb
from condensery.v1 import compression_pb2_grpc as pb_grpc
from service.border import question_from_pb, request_from_pb
from service.border_options import inside
from service.border_out import (
    answer_to_pb,
    document_to_pb,
    end_to_pb,
    info_to_pb,
    response_to_pb,
    wired,
)
from service.calls import Context
from service.identity import tenant
from service.llm import AnswerEnd, DownstreamLlm
from service.pipeline import Checked, Pipeline
from service.prompt import Template
from service.refusals import NotConfigured
from service.request import DocumentResult, Result
from service.workers import Workers

T = TypeVar("T")

# What is taken off the time of a client, so that a result that the deadline cut short arrives
# before the client gives up: a share, and at most so many seconds.
_MARGIN_SHARE, _MARGIN = 0.1, 0.25
# Bytes of a request from which on it is looked at on a thread: for a smaller one a thread costs
# more than it gains.
_LARGE = 65_536


def _ignore(_: object) -> None:
    pass


class CompressionServicer(pb_grpc.CompressionServiceServicer):
    """Answers for a pipeline, which may come later than the first calls.

    ``pipeline`` raises ``Unavailable`` until then. ``saw`` hears of every result.
    """

    def __init__(
        self,
        pipeline: Callable[[], Pipeline],
        workers: Workers,
        *,
        llm: DownstreamLlm | None,
        template: Template,
        default_deadline: float,
        saw: Callable[[Result], None],
    ) -> None:
        self._pipeline = pipeline
        self._workers = workers
        self._llm = llm
        self._template = template
        self._default_deadline = default_deadline
        self._saw = saw

    async def Compress(  # noqa: N802 - named by the contract
        self, request: pb.CompressRequest, context: Context
    ) -> pb.CompressResponse:
        deadline = self._deadline(context)
        checked = await self._checked(request)
        work = Work(deadline, tenant=tenant(), bulk=checked.request.bulk)
        return await self._compressed(checked, work, response_to_pb)

    async def CompressStream(  # noqa: N802 - named by the contract
        self, request: pb.CompressStreamRequest, context: Context
    ) -> AsyncIterator[pb.CompressStreamResponse]:
        deadline = self._deadline(context)
        with inside("request"):
            checked = await self._checked(request.request)
        work = Work(deadline, tenant=tenant(), bulk=checked.request.bulk)
        stream = _Stream(retrieved=checked.retriever is not None)
        job = asyncio.ensure_future(self._compressed(checked, work, end_to_pb, stream.put))
        job.add_done_callback(stream.end)
        try:
            async for document in stream:
                yield pb.CompressStreamResponse(document=document)
            with inside("request"):
                result = await job
            yield pb.CompressStreamResponse(result=result)
        finally:
            job.cancel()
            # Whatever it ended with, somebody must hear of it.
            await asyncio.gather(job, return_exceptions=True)

    async def Generate(  # noqa: N802 - named by the contract
        self, request: pb.GenerateRequest, context: Context
    ) -> AsyncIterator[pb.GenerateResponse]:
        if self._llm is None:
            raise NotConfigured("this server has no downstream LLM")
        now, deadline = time.monotonic(), self._deadline(context)
        question = question_from_pb(request, deadline=deadline)
        with inside("compress"):
            checked = await self._checked(request.compress)
            # What is compressed too late is of no use: half of the time is for the answer.
            half = now + (deadline - now) / 2
            work = Work(half, tenant=tenant(), bulk=checked.request.bulk)
            response, result, prompt = await self._compressed(
                checked, work, lambda r: (response_to_pb(r), r, self._template.fill(r))
            )
        yield pb.GenerateResponse(compressed=response)
        async with aclosing(self._llm.stream(replace(question, prompt=prompt.text))) as events:
            async for event in events:
                if isinstance(event, AnswerEnd):
                    end = answer_to_pb(event, result, citations=prompt.citations)
                    yield pb.GenerateResponse(end=end)
                    return
                yield pb.GenerateResponse(text=wired(event))
        raise ModelFailure("the LLM's answer has no end")

    async def GetServerInfo(  # noqa: N802 - named by the contract
        self, request: pb.GetServerInfoRequest, context: Context
    ) -> pb.GetServerInfoResponse:
        pipeline = self._pipeline()
        return info_to_pb(pipeline.info(), pipeline.limits)

    async def _checked(self, message: pb.CompressRequest) -> Checked:
        """Look at a request before admission: what can never succeed hears so, whatever waits."""
        pipeline = self._pipeline()

        def checked() -> Checked:
            return pipeline.check(request_from_pb(message))

        # Others wait for the loop meanwhile, and patterns are compiled.
        if message.ByteSize() >= _LARGE or message.protected_patterns:
            return await asyncio.to_thread(checked)
        return checked()

    async def _compressed(
        self,
        checked: Checked,
        work: Work,
        convert: Callable[[Result], T],
        observe: Callable[[DocumentResult], None] = _ignore,
    ) -> T:
        """What ``convert`` makes of the result, on the thread of the work like ``observe``."""
        pipeline = self._pipeline()

        def compress() -> T:
            result = pipeline.compress(checked, work=work, observe=observe)
            self._saw(result)
            return convert(result)

        with pipeline.admitted(checked, work):
            return await self._workers.run(work, compress, tokens=checked.tokens)

    def _deadline(self, context: Context) -> float:
        """Until when to work, as a point of ``time.monotonic``."""
        remaining = context.time_remaining()
        if remaining is None:
            return time.monotonic() + self._default_deadline
        return time.monotonic() + remaining - min(_MARGIN, remaining * _MARGIN_SHARE)


class _Stream:
    """Results of documents on their way from a worker to the loop. Belongs to one call."""

    def __init__(self, *, retrieved: bool) -> None:
        self._retrieved = retrieved
        self._loop = asyncio.get_running_loop()
        # Unbounded, for what it can hold at most, the request held already.
        self._queue: asyncio.Queue[pb.DocumentResult | None] = asyncio.Queue()

    def put(self, result: DocumentResult) -> None:
        """Send a document; from any thread."""
        message = document_to_pb(result, retrieved=self._retrieved)
        self._loop.call_soon_threadsafe(self._queue.put_nowait, message)

    def end(self, _: object) -> None:
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[pb.DocumentResult]:
        while (message := await self._queue.get()) is not None:
            yield message
