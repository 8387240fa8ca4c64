"""A downstream LLM that stalls, refuses, breaks off or talks nonsense half-way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from compressors.errors import (
    CompressionError,
    DeadlineExceeded,
    InvalidInput,
    ModelFailure,
    NotFound,
    Overloaded,
    Unavailable,
)
from service.langchain_llm import LangChainLlm
from service.llm import AnswerEnd, DownstreamLlm, retry_after
from service.settings import Settings
from tests.service.asking import QUESTION, against, opened, said
from tests.service.scripted_endpoint import (
    END,
    HANG,
    RESET,
    answer,
    chunk,
    events,
    scripted,
)

BEGUN = chunk("yes")
_EVENT = f"data: {BEGUN}\n\n".encode()
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"%x\r\n%b\r\n" % (len(_EVENT), _EVENT)
)


async def heard(llm: DownstreamLlm) -> tuple[list[str | AnswerEnd], CompressionError]:
    """What came before the error, and the error."""
    pieces = []

    async def hear() -> None:
        async with aclosing(llm.stream(QUESTION)) as stream:
            async for piece in stream:
                pieces.append(piece)  # noqa: PERF401 - the error comes in between

    with pytest.raises(CompressionError) as caught:
        await hear()
    return pieces, caught.value


async def test_an_answer_ends_at_the_deadline() -> None:
    async with against(events(BEGUN), HANG) as (llm, _):
        start = time.monotonic()

        with pytest.raises(DeadlineExceeded):
            await said(llm, replace(QUESTION, deadline=start + 0.2))

        assert time.monotonic() - start < 20  # and not the 60 of its silence


@pytest.mark.parametrize(
    "pieces", [(HANG,), (events(BEGUN), HANG)], ids=["before its answer", "half-way"]
)
async def test_an_llm_that_stalls_is_unavailable(pieces: tuple[bytes, ...]) -> None:
    async with against(*pieces, llm_timeout_seconds=1.0) as (llm, endpoint):
        said_before, error = await heard(llm)
        await asyncio.wait_for(endpoint.left.wait(), 5)

    assert said_before == ["yes"] * (len(pieces) - 1)
    assert type(error) is Unavailable


@pytest.mark.parametrize(
    "rest",
    [
        b"data: {not json secret}\n\n",
        b"data: \xff\xfe\xfa\n\n",
        b"data: [1, 2]\n\n",
        b'data: "secret"\n\n',
        b"data: 7\n\n",
        b'data: {"choices": 7}\n\n',
        b'data: {"choices": ["secret"]}\n\n',
        b'data: {"choices": [{"delta": "secret"}]}\n\n',
        b'data: {"choices": [{"delta": {"content": {"secret": 1}}}]}\n\n',
        b'data: {"model": ["secret"], "choices": []}\n\n',
        b'data: {"error": {"message": "secret"}}\n\n',
        b"data: <html>502 Bad Gateway</html>\n\n",
        b"<html>502 Bad Gateway</html>",
        b"\0" * 1000,
        b"data: " + BEGUN[:40].encode(),
    ],
)
async def test_garbage_half_way_is_a_broken_off_answer(rest: bytes) -> None:
    async with against(events(BEGUN), rest) as (llm, _):
        before, error = await heard(llm)

    assert before == ["yes"]
    assert type(error) is Unavailable
    assert "broke off" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("usage", "expected"), [('"many"', None), ("-1", None), ("1e400", None), ("true", None)]
)
async def test_a_count_that_is_none_is_no_count(usage: str, expected: int | None) -> None:
    counts = (
        f'{{"model":"m","choices":[],"usage":{{"prompt_tokens":{usage},"completion_tokens":3}}}}'
    )
    async with against(events(BEGUN, END, counts, "[DONE]")) as (llm, _):
        end = (await said(llm))[-1]

    assert end == AnswerEnd(
        model="m", finish_reason="stop", prompt_tokens=expected, answer_tokens=3
    )


@pytest.mark.parametrize(
    "pieces",
    [
        (events(BEGUN),),
        (events(BEGUN, "[DONE]"),),
        (events(BEGUN), RESET),
        (CHUNKED,),
        (CHUNKED, b"nonsense\r\n"),
    ],
    ids=["closed", "done without a reason", "reset", "chunk missing", "chunk broken"],
)
async def test_an_answer_that_is_closed_early_is_not_a_whole_one(pieces: tuple[bytes, ...]) -> None:
    async with against(*pieces) as (llm, _):
        before, error = await heard(llm)

    assert before == ["yes"]
    assert type(error) is Unavailable


async def test_an_answer_with_a_reason_is_whole_whatever_comes_of_the_connection() -> None:
    async with against(events(BEGUN, END)) as (llm, _):
        pieces = await said(llm)

    assert pieces == ["yes", AnswerEnd(model="m", finish_reason="stop")]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("400 Bad Request", InvalidInput),
        ("401 Unauthorized", Unavailable),
        ("404 Not Found", NotFound),
        ("422 Unprocessable", InvalidInput),
        ("429 Too Many Requests", Overloaded),
        ("500 Internal Server Error", Unavailable),
        ("502 Bad Gateway", Unavailable),
        ("503 Service Unavailable", Unavailable),
    ],
)
@pytest.mark.parametrize("code", ['"some_code"', '"the prompt: secret"', "7"])
async def test_a_refusal_becomes_an_error_of_ours_without_its_message(
    status: str, code: str, expected: type[CompressionError]
) -> None:
    body = b'{"error": {"message": "the prompt was: secret", "code": %b}}' % code.encode()
    async with against(answer(status, body, "connection: close")) as (llm, endpoint):
        with pytest.raises(expected) as caught:
            await said(llm)

    assert type(caught.value) is expected
    assert status[:3] in str(caught.value)
    assert ("some_code" in str(caught.value)) == ("some_code" in code)
    assert "secret" not in str(caught.value)
    assert len(endpoint.requests) == 1


async def test_overload_says_at_once_when_to_try_again() -> None:
    refusal = answer("429 Too Many Requests", b"{}", "retry-after: 30", "connection: close")
    async with against(refusal) as (llm, _):
        async with asyncio.timeout(5):
            _, error = await heard(llm)

    assert isinstance(error, Overloaded)
    assert error.retry_after == 30


def test_when_to_try_again_is_a_number_or_a_date_and_else_a_second() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    naive = (datetime.now(UTC) + timedelta(seconds=40)).strftime("%a, %d %b %Y %H:%M:%S -0000")
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    given = ["0.5", later, naive, past, "-3", "nan", "inf", "soon", "Wed, 99 Oct 2015", None]

    seconds = [retry_after({} if each is None else {"retry-after": each}) for each in given]

    assert seconds == [
        0.5,
        pytest.approx(39.5, abs=1),
        pytest.approx(39.5, abs=1),
        0,
        0,
        *[1] * 5,
    ]


async def test_an_endpoint_that_is_not_there_is_unavailable() -> None:
    async with scripted([]) as endpoint:
        url = endpoint.base_url
    async with opened(Settings(llm_base_url=url, llm_model="m")) as llm:
        with pytest.raises(Unavailable):
            await said(llm)


async def test_a_connection_that_breaks_before_the_answer_is_made_once_more() -> None:
    async with (
        scripted([RESET], later=[events(BEGUN, END)]) as endpoint,
        opened(Settings(llm_base_url=endpoint.base_url, llm_model="m")) as llm,
    ):
        pieces = await said(llm)

    assert pieces[0] == "yes"
    assert len(endpoint.requests) == 2


async def test_an_endpoint_that_breaks_every_connection_is_unavailable() -> None:
    async with against(RESET) as (llm, endpoint):
        _, error = await heard(llm)

    assert type(error) is Unavailable
    assert len(endpoint.requests) == 2


class Refusal(Exception):
    """What the SDKs behind chat models raise for a status."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        super().__init__("secret")
        self.status_code = status
        self.response = httpx.Response(status, headers=headers)


class Failing(FakeListChatModel):
    """Begins its answer, then raises."""

    error: Exception

    async def _astream(self, *_: object, **__: object) -> AsyncIterator[ChatGenerationChunk]:  # type: ignore[override] # wider
        yield ChatGenerationChunk(message=AIMessageChunk("yes"))
        raise self.error


def wrapped(error: Exception) -> Exception:
    outer = RuntimeError("secret")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Refusal(500, {}), Unavailable),
        (Refusal(503, {}), Unavailable),
        (Refusal(400, {}), ModelFailure),
        (ConnectionResetError("secret"), Unavailable),
        (httpx.RemoteProtocolError("secret"), Unavailable),
        (wrapped(httpx.ReadTimeout("secret")), Unavailable),
        (ValueError("secret"), ModelFailure),
    ],
    ids=repr,
)
async def test_a_langchain_model_that_fails_half_way_does_so_in_our_words(
    error: Exception, expected: type[CompressionError]
) -> None:
    llm = LangChainLlm(Failing(responses=["x"], error=error), silence=5)

    before, ours = await heard(llm)

    assert before == ["yes"]
    assert type(ours) is expected
    assert "secret" not in str(ours)


async def test_a_langchain_model_says_when_to_try_again() -> None:
    chat: BaseChatModel = Failing(responses=["x"], error=Refusal(429, {"Retry-After": "7"}))

    _, error = await heard(LangChainLlm(chat, silence=5))

    assert isinstance(error, Overloaded)
    assert error.retry_after == 7
