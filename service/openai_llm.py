"""A downstream LLM behind any OpenAI-compatible endpoint."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compressors.errors import (
    CompressionError,
    InvalidInput,
    NotFound,
    Overloaded,
    Unavailable,
)
from service.llm import AnswerEnd, Question, counted, retry_after, timed

if TYPE_CHECKING:
    from openai import APIError, AsyncOpenAI, AsyncStream, Omit
    from openai.types.chat import ChatCompletionChunk

_NOT_FOUND, _TOO_MANY = 404, 429
_REFUSED = frozenset([400, 413, 422])
# What a machine calls an error, and no sentence, which may quote the prompt.
_CODE = re.compile(r"[\w.-]{1,64}")


class OpenAiLlm:
    """A ``DownstreamLlm`` through the ``openai`` SDK."""

    def __init__(
        self, client: AsyncOpenAI, *, model: str, key_file: Path | None, silence: float
    ) -> None:
        self.model = model
        self._client = client
        self._key_file = key_file
        self._silence = silence

    @classmethod
    def load(cls, base_url: str, *, model: str, key_file: Path | None, silence: float) -> OpenAiLlm:
        """``silence`` in seconds. The key is read anew for every request, so it may change."""
        # Importing the SDK takes a second; only those who have an LLM should pay.
        from openai import AsyncOpenAI

        if key_file is not None:
            read_key(key_file)
        # Every request brings its own key. Without this one the SDK would look for a key in the
        # environment, which may be meant for somebody else.
        # The SDK would try again by itself, and sleep up to a minute before it does; whether to
        # wait that long is for the caller to say, who hears of every refusal at once.
        client = AsyncOpenAI(base_url=base_url, api_key="unused", timeout=silence, max_retries=0)
        return cls(client, model=model, key_file=key_file, silence=silence)

    async def stream(self, question: Question) -> AsyncGenerator[str | AnswerEnd, None]:
        from openai import APIError

        events = timed(self._events(question), silence=self._silence, deadline=question.deadline)
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        except APIError as error:
            raise translated(error) from error

    async def close(self) -> None:
        await self._client.close()

    def _authorization(self) -> str | Omit:
        from openai import Omit

        return Omit() if self._key_file is None else f"Bearer {read_key(self._key_file)}"

    async def _opened(self, question: Question) -> AsyncStream[ChatCompletionChunk]:
        from openai import APIConnectionError, APITimeoutError

        try:
            return await self._asked(question)
        except APITimeoutError:
            raise
        except APIConnectionError:
            # Most likely a kept connection that the LLM had closed; a new one says more.
            return await self._asked(question)

    async def _asked(self, question: Question) -> AsyncStream[ChatCompletionChunk]:
        stream: AsyncStream[ChatCompletionChunk] = await self._client.chat.completions.create(
            model=question.model or self.model,
            messages=[{"role": "user", "content": question.prompt}],
            temperature=question.temperature,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers={"Authorization": self._authorization()},
            **_limit(question),
        )
        return stream

    async def _events(self, question: Question) -> AsyncGenerator[str | AnswerEnd, None]:
        model, reason, usage = question.model or self.model, "", None
        async with await self._opened(question) as stream:
            try:
                async for chunk in stream:
                    model = _text(chunk.model) or model
                    usage = chunk.usage or usage
                    for choice in chunk.choices or ():
                        reason = _text(choice.finish_reason) or reason
                        if piece := _text(choice.delta.content):
                            yield piece
            # The SDK checks nothing of what comes: a line that is no JSON, or JSON of another
            # shape, may raise anything here.
            except Exception as error:
                raise _broken_off(type(error).__name__) from error
        if not reason:
            raise _broken_off("it gave no reason to stop")
        yield AnswerEnd(
            model=model,
            finish_reason=reason,
            prompt_tokens=counted(getattr(usage, "prompt_tokens", None)),
            answer_tokens=counted(getattr(usage, "completion_tokens", None)),
        )


def translated(error: APIError) -> CompressionError:
    """The same in our words: status and code, never the message, which may quote the prompt."""
    from openai import APIStatusError

    if not isinstance(error, APIStatusError):
        return Unavailable("the LLM cannot be reached")
    status = error.status_code
    problem = f"the LLM answered with status {status}"
    if isinstance(error.code, str) and _CODE.fullmatch(error.code):
        problem += f" ({error.code})"
    if status == _TOO_MANY:
        return Overloaded(problem, retry_after=retry_after(error.response.headers))
    if status == _NOT_FOUND:
        return NotFound("model", problem)
    if status in _REFUSED:
        return InvalidInput("model", problem)
    return Unavailable(problem)


def _broken_off(why: str) -> Unavailable:
    """What was said of the answer before stands; it is not all of it."""
    return Unavailable(f"the LLM broke off its answer: {why}")


def _text(value: object) -> str:
    """A text, empty where there is none. Raises ``TypeError`` for anything else."""
    if value is None or isinstance(value, str):
        return value or ""
    raise TypeError(f"a {type(value).__name__} for a text")


def _limit(question: Question) -> dict[str, Any]:
    return {} if question.max_tokens is None else {"max_tokens": question.max_tokens}


def read_key(path: Path) -> str:
    """The key in a file. Raises ``ValueError`` naming the setting."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"llm_api_key_file: cannot read {path}") from error
