"""LangChain chat models for settings to name; what they say, they were told to."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import repeat
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

ANSWER = "In Paris [1]."


def made() -> BaseChatModel:
    """Says the same every time, word by word."""
    return GenericFakeChatModel(messages=iter([AIMessage(ANSWER)] * 9))


class HttpError(Exception):
    """What SDKs raise for a status of HTTP."""

    def __init__(self, status_code: int) -> None:
        super().__init__("the prompt was: secret")
        self.status_code = status_code


class Scripted(BaseChatModel):
    """Begins an answer, then fails with a status, or goes on for ever where there is none."""

    status: int | None = None
    closed: asyncio.Event = asyncio.Event()

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        raise NotImplementedError

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        try:
            yield ChatGenerationChunk(message=AIMessageChunk("In "))
            if self.status is not None:
                raise HttpError(self.status)
            await asyncio.Event().wait()
        finally:
            self.closed.set()


overloaded = Scripted(status=429)
down = Scripted(status=503)
refusing = Scripted(status=400)
endless = Scripted()


class Echoing(BaseChatModel):
    """Says what it was asked."""

    @property
    def _llm_type(self) -> str:
        return "echoing"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(
        self, messages: list[BaseMessage], *_: Any, **__: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(messages[-1].text))


echoing = Echoing()


class Patient(GenericFakeChatModel):
    """Says the same to whatever number of askers."""

    messages: Iterator[AIMessage | str] = repeat(AIMessage(ANSWER))


patient = Patient()
