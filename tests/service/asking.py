"""Ask a downstream LLM that the settings name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from service.llm import AnswerEnd, DownstreamLlm, Question, load_llm
from service.settings import Settings
from tests.service.scripted_endpoint import ScriptedEndpoint, scripted

QUESTION = Question(prompt="who sold the house", max_tokens=8)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[DownstreamLlm]:
    llm = load_llm(settings)
    assert llm is not None
    try:
        yield llm
    finally:
        await llm.close()


@asynccontextmanager
async def against(
    *pieces: bytes, **more: object
) -> AsyncIterator[tuple[DownstreamLlm, ScriptedEndpoint]]:
    async with scripted(pieces) as endpoint:
        settings = Settings(llm_base_url=endpoint.base_url, llm_model="m")
        async with opened(replace(settings, **more)) as llm:  # type: ignore[arg-type] # any field
            yield llm, endpoint


async def said(llm: DownstreamLlm, question: Question = QUESTION) -> list[str | AnswerEnd]:
    async with aclosing(llm.stream(question)) as pieces:
        return [piece async for piece in pieces]
