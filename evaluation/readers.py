"""Readers: they answer a query from the documents that a method left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from compressors.errors import ModelFailure, Unavailable
from compressors.models.reader import ExtractiveReader
from evaluation.values import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openai import OpenAI

Asked = tuple[str, "Sequence[tuple[str, str]]"]
"""A query, and its documents as title and text."""

_AT_ONCE: Final = 4
_RETRIES: Final = 4
_NO_KEY: Final = "none"
_PROMPT: Final = (
    "Context information is below.\n---------------------\n{context}\n---------------------\n"
    "Given the context information and not prior knowledge, answer the query. Do not provide any "
    "explanation.\nQuery: {query}\nAnswer:"
)
"""EXIT, arXiv 2412.12559, Table 7."""


def extractive(*, device: str = "cpu") -> Reader:
    """The reader that ships with the project. Raises ``Unavailable``."""
    return _Extractive(ExtractiveReader.load(device=device))


def openai(*, base_url: str, model: str, key: str | None = None, timeout: float = 60.0) -> Reader:
    """A chat model behind an endpoint; ``timeout`` is in seconds, for one answer.

    The documents leave this host. Raises ``Unavailable``; ``read`` raises ``ModelFailure``.
    """
    from openai import OpenAI, OpenAIError

    try:
        client = OpenAI(
            base_url=base_url, api_key=key or _NO_KEY, timeout=timeout, max_retries=_RETRIES
        )
    except OpenAIError as error:
        raise Unavailable("the reader's endpoint or key is not acceptable") from error
    return _Chat(client, model)


def prompt(query: str, documents: Sequence[tuple[str, str]]) -> str:
    """What a chat model is asked: each document under its title, a blank line between two."""
    context = "\n\n".join("\n".join(part for part in one if part) for one in documents)
    return _PROMPT.format(context=context, query=query)


@dataclass(frozen=True, slots=True)
class _Extractive:
    reader: ExtractiveReader

    @property
    def name(self) -> str:
        return f"minilm-reader {self.reader.version}"

    def read(self, asked: Sequence[Asked]) -> Sequence[str]:
        return ["" if one is None else one.answer for one in self.reader.read(asked)]


@dataclass(frozen=True, slots=True)
class _Chat:
    client: OpenAI
    model: str

    @property
    def name(self) -> str:
        return f"openai:{self.model}"

    def read(self, asked: Sequence[Asked]) -> Sequence[str]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(self._answer, asked))

    def _answer(self, asked: Asked) -> str:
        import openai

        messages: Any = [{"role": "user", "content": prompt(*asked)}]
        try:
            completion = self.client.chat.completions.create(
                model=self.model, messages=messages, temperature=0
            )
            text = completion.choices[0].message.content
        except openai.APIStatusError as error:
            # Without the cause: an endpoint may quote texts and keys in its message.
            raise ModelFailure(f"{self.name} answered with status {error.status_code}") from None
        except openai.OpenAIError as error:
            raise ModelFailure(f"{self.name} failed with {type(error).__name__}") from None
        except (LookupError, TypeError, AttributeError):
            raise ModelFailure(f"{self.name} answered with no chat completion") from None
        if not isinstance(text, str):
            raise ModelFailure(f"{self.name} answered without a text")
        # Reasoning models behind servers that do not part it off write it in front.
        return text.rpartition("</think>")[2].strip()
