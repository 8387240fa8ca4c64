"""A downstream LLM that is any LangChain chat model."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib import import_module
from typing import TYPE_CHECKING, Any

from compressors.errors import CompressionError, InvalidInput, ModelFailure, Overloaded, Unavailable
from service.llm import AnswerEnd, Question, counted, retry_after, timed

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_TOO_MANY, _SERVER_ERROR = 429, 500


class LangChainLlm:
    """A ``DownstreamLlm`` on a chat model, which reports tokens if it has ``usage_metadata``."""

    def __init__(self, chat: BaseChatModel, *, silence: float) -> None:
        self._chat = chat
        self._silence = silence
        self.model = _name(chat)

    @classmethod
    def load(cls, path: str, *, silence: float) -> LangChainLlm:
        """From ``package.module:attribute``: a chat model, or what makes one without arguments.

        ``silence`` in seconds. Raises ``ValueError`` naming the setting.
        """
        from langchain_core.language_models import BaseChatModel

        module, _, attribute = path.partition(":")
        try:
            found = getattr(import_module(module), attribute)
            chat = found if isinstance(found, BaseChatModel) else found()
        # Importing and calling somebody else's code may raise anything.
        except Exception as error:
            raise ValueError(f"llm_langchain: cannot load {path}: {error}") from error
        if isinstance(chat, BaseChatModel):
            return cls(chat, silence=silence)
        raise ValueError(f"llm_langchain: {path} is a {type(chat).__name__}, not a chat model")

    async def stream(self, question: Question) -> AsyncGenerator[str | AnswerEnd, None]:
        if question.model not in (None, self.model):
            raise InvalidInput("model", f"this server has {self.model} only")
        events = timed(self._events(question), silence=self._silence, deadline=question.deadline)
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        except CompressionError:
            raise
        except Exception as error:  # a chat model raises what its provider's SDK does
            raise translated(error) from error

    async def close(self) -> None:
        """Chat models own their connections; there is nothing to give back."""

    async def _events(self, question: Question) -> AsyncGenerator[str | AnswerEnd, None]:
        total: Any = None
        chunks = self._chat.astream(question.prompt, **_options(question))
        async for chunk in chunks:
            total = chunk if total is None else total + chunk
            if text := str(chunk.text):
                yield text
        usage = getattr(total, "usage_metadata", None) or {}
        about = getattr(total, "response_metadata", None) or {}
        yield AnswerEnd(
            model=str(about.get("model_name") or self.model),
            finish_reason=str(about.get("finish_reason") or about.get("stop_reason") or ""),
            prompt_tokens=counted(usage.get("input_tokens")),
            answer_tokens=counted(usage.get("output_tokens")),
        )


def translated(error: Exception) -> CompressionError:
    """The same in our words, without its message, which may quote the prompt."""
    status = getattr(error, "status_code", None)
    problem = f"the LLM failed with {type(error).__name__}"
    if status == _TOO_MANY:
        headers = getattr(getattr(error, "response", None), "headers", {})
        return Overloaded(problem, retry_after=retry_after(headers))
    if isinstance(status, int):
        return Unavailable(problem) if status >= _SERVER_ERROR else ModelFailure(problem)
    return Unavailable(problem) if _is_of_the_network(error) else ModelFailure(problem)


def _is_of_the_network(error: Exception) -> bool:
    """Whether an error, or what it was raised from, says that the LLM could not be heard."""
    # Two generations of httpx are about, and every SDK wraps the errors of one of them.
    return any(
        isinstance(each, ConnectionError | TimeoutError)
        or any(kind.__name__ == "TransportError" for kind in type(each).__mro__)
        for each in (error, error.__cause__)
    )


def _options(question: Question) -> dict[str, Any]:
    options: dict[str, Any] = {"temperature": question.temperature}
    if question.max_tokens is not None:
        options["max_tokens"] = question.max_tokens
    return options


def _name(chat: BaseChatModel) -> str:
    for attribute in ("model_name", "model", "model_id"):
        if isinstance(name := getattr(chat, attribute, None), str):
            return name
    return type(chat).__name__
