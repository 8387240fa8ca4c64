"""The downstream LLM: what it is asked, what it streams, and how either kind is had."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar

from compressors.errors import DeadlineExceeded, InvalidInput, Unavailable
from service.settings import Settings

T = TypeVar("T")

_RETRY_AFTER = 1.0
"""Seconds, where an LLM that is overloaded does not say."""
# What the wire holds.
_MOST_TOKENS = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the LLM is asked. ``deadline`` is a point of ``time.monotonic``."""

    prompt: str
    model: str | None = None
    """``None``: the LLM's default."""
    max_tokens: int | None = None
    """Upper limit of the answer; ``None``: the LLM's own."""
    temperature: float = 0.0
    deadline: float | None = None

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise InvalidInput("max_answer_tokens", f"must be at least 1, is {self.max_tokens}")
        # Written so that NaN, which compares false, is refused too.
        if not self.temperature >= 0.0:
            raise InvalidInput("temperature", f"must not be negative, is {self.temperature}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerEnd:
    """What the LLM said when it was done; ``None`` where it did not count."""

    model: str
    finish_reason: str = ""
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


class DownstreamLlm(Protocol):
    """Answers prompts."""

    @property
    def model(self) -> str:
        """The default model."""
        ...

    def stream(self, question: Question) -> AsyncGenerator[str | AnswerEnd, None]:
        """Pieces of the answer, none empty, then one end.

        Closing the generator ends the request to the LLM. Raises ``CompressionError``:
        ``DeadlineExceeded``, ``Overloaded``, ``Unavailable``, ``InvalidInput``, ``NotFound``
        or ``ModelFailure``; after the first pieces too, which are then not the whole answer.
        """
        ...

    async def close(self) -> None:
        """Give back its connections."""
        ...


def load_llm(settings: Settings) -> DownstreamLlm | None:
    """The LLM that the settings name, if any. Raises ``ValueError`` naming the setting."""
    if settings.llm_langchain:
        from service.langchain_llm import LangChainLlm

        return LangChainLlm.load(settings.llm_langchain, silence=settings.llm_timeout_seconds)
    if settings.llm_base_url:
        from service.openai_llm import OpenAiLlm

        return OpenAiLlm.load(
            settings.llm_base_url,
            model=settings.llm_model or "",
            key_file=settings.llm_api_key_file,
            silence=settings.llm_timeout_seconds,
        )
    return None


async def timed(
    stream: AsyncGenerator[T, None], *, silence: float, deadline: float | None
) -> AsyncGenerator[T, None]:
    """The items of a stream, as long as none takes longer than ``silence`` seconds.

    Raises ``Unavailable`` after that, ``DeadlineExceeded`` at the deadline, and closes the
    stream in any case.
    """
    async with aclosing(stream):
        while True:
            left = silence if deadline is None else min(silence, deadline - time.monotonic())
            try:
                async with asyncio.timeout(left):
                    item = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                if deadline is not None and time.monotonic() >= deadline:
                    raise DeadlineExceeded("the LLM did not finish in time") from error
                raise Unavailable(f"the LLM said nothing for {silence:g} s") from error
            yield item


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds to wait by the header of that name, which has a number or a date."""
    given = headers.get("retry-after", "")
    try:
        seconds = float(given)
    except ValueError:
        try:
            at = parsedate_to_datetime(given)
        except ValueError:
            return _RETRY_AFTER
        # A date without a zone is one of Greenwich.
        zoned = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (zoned - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else _RETRY_AFTER


def counted(value: object) -> int | None:
    """A number of tokens, ``None`` where an LLM gave something that is none."""
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None
