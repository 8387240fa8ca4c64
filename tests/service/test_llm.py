from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage

from compressors.errors import (
    InvalidInput,
    ModelFailure,
)
from service.llm import AnswerEnd, Question, load_llm
from service.settings import Settings
from tests.service.asking import QUESTION, against, opened, said
from tests.service.llm_server import LlmEndpoint
from tests.service.scripted_endpoint import END, HANG, chunk, events


def test_there_is_no_llm_unless_one_is_set() -> None:
    assert load_llm(Settings()) is None


async def test_a_real_endpoint_streams_text_and_says_how_it_ended(
    llm_endpoint: LlmEndpoint,
) -> None:
    async with opened(
        Settings(llm_base_url=llm_endpoint.base_url, llm_model=llm_endpoint.model)
    ) as llm:
        first = await said(llm)
        second = await said(llm)

    *pieces, end = first
    assert "".join(str(piece) for piece in pieces).split()
    assert isinstance(end, AnswerEnd)
    assert (end.finish_reason, end.answer_tokens) == ("length", 8)
    assert end.prompt_tokens
    assert llm_endpoint.model in end.model
    assert second == first


async def test_a_real_endpoint_can_be_left_in_the_middle_of_an_answer(
    llm_endpoint: LlmEndpoint,
) -> None:
    settings = Settings(llm_base_url=llm_endpoint.base_url, llm_model=llm_endpoint.model)
    async with opened(settings) as llm:
        stream = llm.stream(replace(QUESTION, max_tokens=1500))
        async with aclosing(stream):
            assert await anext(stream)

        assert isinstance((await said(llm))[-1], AnswerEnd)


async def test_a_cancelled_answer_closes_the_connection() -> None:
    async with against(events(chunk("yes")), HANG) as (llm, endpoint):
        task = asyncio.ensure_future(said(llm))
        await asyncio.wait_for(endpoint.came.wait(), 5)
        task.cancel()

        await asyncio.wait_for(endpoint.left.wait(), 5)
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_closed_answer_closes_the_connection() -> None:
    async with against(events(chunk("yes")), HANG) as (llm, endpoint):
        stream = llm.stream(QUESTION)
        assert await anext(stream) == "yes"

        await stream.aclose()

        await asyncio.wait_for(endpoint.left.wait(), 5)


async def test_the_key_is_read_anew_for_every_request(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("old\n")
    end = events(chunk("yes"), END, "[DONE]")
    async with against(end, llm_api_key_file=key) as (llm, endpoint):
        await said(llm)
        key.write_text("new\n")
        await said(llm)

    assert [b"Bearer old" in endpoint.requests[0], b"Bearer new" in endpoint.requests[1]] == [
        True,
        True,
    ]


async def test_no_key_is_sent_where_none_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "for-somebody-else")
    async with against(events(chunk("yes"), END, "[DONE]")) as (llm, endpoint):
        assert await said(llm) == ["yes", AnswerEnd(model="m", finish_reason="stop")]

    assert b"authorization" not in endpoint.requests[0].lower()


def test_a_key_that_cannot_be_read_is_refused_at_the_start(tmp_path: Path) -> None:
    settings = Settings(
        llm_base_url="http://localhost:1", llm_model="m", llm_api_key_file=tmp_path / "none"
    )

    with pytest.raises(ValueError, match="llm_api_key_file"):
        load_llm(settings)


@pytest.mark.parametrize(
    ("values", "field"),
    [({"max_tokens": 0}, "max_answer_tokens"), ({"temperature": -1.0}, "temperature")],
)
def test_a_question_refuses_what_no_llm_takes(values: dict[str, int | float], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Question(prompt="x", **values)  # type: ignore[arg-type] # either of the fields

    assert caught.value.field == field


FAKE = FakeListChatModel(responses=["it was sold"])


class BrokenChat(FakeListChatModel):
    """Fails like a provider that quotes the prompt."""

    async def _astream(self, *_: object, **__: object) -> AsyncIterator[object]:  # type: ignore[override] # wider
        raise RuntimeError("secret")
        yield


def counting() -> GenericFakeChatModel:
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    message = AIMessage("it was", usage_metadata=usage, response_metadata={"finish_reason": "stop"})
    return GenericFakeChatModel(messages=iter([message]))


def broken() -> BrokenChat:
    return BrokenChat(responses=["x"])


def langchain(name: str) -> Settings:
    return Settings(llm_langchain=f"{__name__}:{name}")


async def test_a_langchain_model_by_import_path_streams_its_answer() -> None:
    async with opened(langchain("FAKE")) as llm:
        *pieces, end = await said(llm)

    assert "".join(str(piece) for piece in pieces) == "it was sold"
    assert end == AnswerEnd(model="FakeListChatModel")


async def test_what_makes_a_langchain_model_is_called_and_its_usage_reported() -> None:
    async with opened(langchain("counting")) as llm:
        end = (await said(llm))[-1]

    assert isinstance(end, AnswerEnd)
    assert end.model == "GenericFakeChatModel"


async def test_a_langchain_model_that_breaks_is_a_failure_without_its_message() -> None:
    async with opened(langchain("broken")) as llm:
        with pytest.raises(ModelFailure) as caught:
            await said(llm)

    assert "RuntimeError" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_langchain_model_is_the_only_one_that_can_be_asked() -> None:
    async with opened(langchain("FAKE")) as llm:
        with pytest.raises(InvalidInput) as caught:
            await said(llm, replace(QUESTION, model="other"))

    assert caught.value.field == "model"


@pytest.mark.parametrize("path", ["nowhere:x", "json", "json:nothing", "json:dumps", "time:time"])
def test_an_import_path_without_a_chat_model_is_refused_at_the_start(path: str) -> None:
    with pytest.raises(ValueError, match="llm_langchain"):
        load_llm(Settings(llm_langchain=path))
