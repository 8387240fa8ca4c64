"""A downstream LLM behind any OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compressors.errors import (
    CompressionError,
    InvalidInput,
    ModelFailure,
    NotFound,
    Overloaded,
    Unavailable,
)
from service.llm import AnswerEnd, Question, timed

if TYPE_CHECKING:
    from openai import APIError, APIStatusError, AsyncOpenAI, Omit

_RETRY_AFTER = 1.0
_NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 404, 429, 500
_REFUSED = frozenset([400, 413, 422])


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
        client = AsyncOpenAI(base_url=base_url, api_key="unused", timeout=silence)
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

    async def _events(self, question: Question) -> AsyncGenerator[str | AnswerEnd, None]:
        model, reason = question.model or self.model, ""
        prompt_tokens = answer_tokens = None
        stream = await self._client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": question.prompt}],
            temperature=question.temperature,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers={"Authorization": self._authorization()},
            **_limit(question),
        )
        async with stream:
            async for chunk in stream:
                model = chunk.model or model
                if chunk.usage:
                    prompt_tokens = chunk.usage.prompt_tokens
                    answer_tokens = chunk.usage.completion_tokens
                for choice in chunk.choices:
                    reason = choice.finish_reason or reason
                    if choice.delta.content:
                        yield choice.delta.content
        yield AnswerEnd(
            model=model,
            finish_reason=reason,
            prompt_tokens=prompt_tokens,
            answer_tokens=answer_tokens,
        )


def translated(error: APIError) -> CompressionError:
    """The same in our words: status and code, never the message, which may quote the prompt."""
    from openai import APIConnectionError, APIStatusError

    if isinstance(error, APIConnectionError):
        return Unavailable("the LLM cannot be reached")
    if not isinstance(error, APIStatusError):
        return ModelFailure("the LLM broke off its answer")
    status = error.status_code
    problem = f"the LLM answered with status {status}"
    if isinstance(error.code, str):
        problem += f" ({error.code[:64]})"
    if status == _TOO_MANY:
        return Overloaded(problem, retry_after=_retry_after(error))
    if status == _NOT_FOUND:
        return NotFound("model", problem)
    if status in _REFUSED:
        return InvalidInput("model", problem)
    return ModelFailure(problem) if status == _SERVER_ERROR else Unavailable(problem)


def _limit(question: Question) -> dict[str, Any]:
    return {} if question.max_tokens is None else {"max_tokens": question.max_tokens}


def _retry_after(error: APIStatusError) -> float:
    try:
        return float(error.response.headers.get("retry-after", _RETRY_AFTER))
    except ValueError:
        return _RETRY_AFTER


def read_key(path: Path) -> str:
    """The key in a file. Raises ``ValueError`` naming the setting."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"llm_api_key_file: cannot read {path}") from error
