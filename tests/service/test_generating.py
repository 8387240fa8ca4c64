"""Generate: what is compressed, then the answer as it comes, then the end."""

import asyncio

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from condensery.v1 import compression_pb2 as pb
from tests.service import chats
from tests.service.hand import Hand, request, served
from tests.service.llm_server import LlmEndpoint
from tests.service.scripted_endpoint import HANG, RESET, answer, chunk, events, scripted

CHATS = "tests.service.chats"
UPSTREAM = {b"HTTP/1.1 429": "429", b"HTTP/1.1 500": "500"}
ASKED = pb.GenerateRequest(compress=request(budget=pb.Budget(max_tokens=5)))


async def test_sends_the_compressed_context_then_the_answer_then_the_end() -> None:
    async with served(llm_langchain=f"{CHATS}:made") as hand:
        events = [event async for event in hand.stub.Generate(ASKED, timeout=10)]

    first, *texts, last = events
    assert first.compressed.text == "The Louvre is in Paris."
    assert len(texts) > 1
    assert "".join(event.text for event in texts) == chats.ANSWER
    assert last.end.model == "GenericFakeChatModel"
    assert last.end.usage.saved_tokens == 17 - 5


async def test_the_end_says_what_every_mark_stands_for() -> None:
    async with served(llm_langchain=f"{CHATS}:made") as hand:
        events = [event async for event in hand.stub.Generate(ASKED, timeout=10)]

    (citation,) = events[-1].end.citations
    assert (citation.mark, citation.document_id) == ("[1]", "1")
    assert [(span.start, span.end) for span in citation.spans] == [(0, 23)]


async def test_streams_from_a_real_openai_compatible_server(llm_endpoint: LlmEndpoint) -> None:
    sent = pb.GenerateRequest()
    sent.CopyFrom(ASKED)
    sent.max_answer_tokens = 6

    async with served(llm_base_url=llm_endpoint.base_url, llm_model=llm_endpoint.model) as hand:
        events = [event async for event in hand.stub.Generate(sent, timeout=120)]

    first, *texts, last = events
    assert first.compressed.text == "The Louvre is in Paris."
    assert "".join(event.text for event in texts).strip()
    assert llm_endpoint.model in last.end.model
    assert last.end.finish_reason == "length"
    assert last.end.usage.answer_tokens == 6
    assert last.end.usage.prompt_tokens > 0


async def test_a_server_without_an_llm_says_so_and_is_not_asked_again() -> None:
    async with served() as hand:
        info = await hand.stub.GetServerInfo(pb.GetServerInfoRequest())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await hand.stub.Generate(ASKED).read()

    assert not info.generates
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("chat", "code"),
    [
        ("overloaded", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("down", grpc.StatusCode.UNAVAILABLE),
        ("refusing", grpc.StatusCode.INTERNAL),
    ],
)
async def test_an_llm_that_fails_ends_the_stream_with_its_status(
    chat: str, code: grpc.StatusCode
) -> None:
    async with served(llm_langchain=f"{CHATS}:{chat}") as hand:
        stream = hand.stub.Generate(ASKED, timeout=10)
        seen = [(await stream.read()).WhichOneof("event") for _ in range(2)]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()

    assert seen == ["compressed", "text"]
    assert caught.value.code() is code
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ((answer("429 Too Many Requests", b"{}", "retry-after: 7"),), "RESOURCE_EXHAUSTED"),
        ((answer("500 Internal Server Error", b"secret"),), "UNAVAILABLE"),
        ((events(chunk("In ")), HANG), "UNAVAILABLE"),
        ((events(chunk("In "), "{secret"),), "UNAVAILABLE"),
        ((events(chunk("In ")), RESET), "UNAVAILABLE"),
        ((events(chunk("In ")),), "UNAVAILABLE"),
    ],
    ids=["429", "500", "stalls", "garbage half-way", "reset", "closed early"],
)
async def test_an_endpoint_that_fails_is_told_as_such_and_what_came_before_stands(
    pieces: tuple[bytes, ...], code: str
) -> None:
    seen: list[pb.GenerateResponse] = []

    async def read(hand: Hand) -> None:
        async for event in hand.stub.Generate(ASKED, timeout=60):
            seen.append(event)  # noqa: PERF401 - the error comes in between

    async with (
        scripted(pieces) as endpoint,
        served(llm_base_url=endpoint.base_url, llm_model="m", llm_timeout_seconds=2.0) as hand,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read(hand)

    assert seen[0].compressed.text == "The Louvre is in Paris."
    assert [event.text for event in seen[1:]] == ["In "] * (len(seen) - 1)
    assert len(seen) == 1 + (chunk("In ").encode() in pieces[0])
    assert caught.value.code().name == code
    assert "secret" not in str(caught.value)
    info = ErrorInfo()
    assert rpc_status.from_call(caught.value).details[-1].Unpack(info)
    assert info.metadata.get("upstream_status") == UPSTREAM.get(pieces[0][:12])
    if code == "RESOURCE_EXHAUSTED":
        trailers = dict(caught.value.trailing_metadata() or ())
        assert trailers["grpc-retry-pushback-ms"] == "7000"


async def test_a_silent_llm_is_given_up() -> None:
    async with served(llm_langchain=f"{CHATS}:endless", llm_timeout_seconds=0.05) as hand:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in hand.stub.Generate(ASKED, timeout=10):
                pass

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_the_deadline_holds_for_the_answer_too() -> None:
    async with served(llm_langchain=f"{CHATS}:endless", default_deadline_seconds=0.3) as hand:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in hand.stub.Generate(ASKED):
                pass

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_client_that_goes_away_ends_the_call_to_the_llm() -> None:
    chats.endless.closed = asyncio.Event()

    async with served(llm_langchain=f"{CHATS}:endless") as hand:
        stream = hand.stub.Generate(ASKED)
        await stream.read()
        text = (await stream.read()).text
        stream.cancel()
        async with asyncio.timeout(10):
            await chats.endless.closed.wait()

    assert text == "In "
