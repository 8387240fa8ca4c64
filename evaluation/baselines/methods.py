"""The methods by name, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Final

from compressors.budget import Counter
from compressors.errors import Unavailable
from evaluation.baselines import plain
from evaluation.values import Method

if TYPE_CHECKING:
    from evaluation.baselines.dense import Remembering

EXTRA: Final = "condensery-server[peers]"


class Tools:
    """A counter, and MiniLM, which is loaded once it is needed."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter

    @cached_property
    def encoder(self) -> Remembering:
        from evaluation.baselines.dense import Remembering

        return Remembering.load()


@contextmanager
def peer(package: str) -> Iterator[None]:
    """Turn a failed import into an error that says what to install."""
    try:
        yield
    except ImportError as error:
        raise Unavailable(f"{package} cannot be imported; install {EXTRA}: {error}") from error


def _cosine(tools: Tools) -> Method:
    from evaluation.baselines.dense import cosine_sentences

    return cosine_sentences(tools.encoder, tools.counter)


def _documents(tools: Tools) -> Method:
    from evaluation.baselines.dense import whole_documents

    return whole_documents(tools.encoder, tools.counter)


def _embeddings_filter(tools: Tools) -> Method:
    with peer("LangChain"):
        from evaluation.baselines.langchain_peer import FilteredChunks

        return FilteredChunks.load(tools.encoder, tools.counter)


def _optimizer(tools: Tools) -> Method:
    with peer("LlamaIndex"):
        from evaluation.baselines.llamaindex_peer import OptimizedNodes

        return OptimizedNodes.load(tools.encoder, tools.counter)


def _llmlingua(tools: Tools) -> Method:
    with peer("llmlingua"):
        from evaluation.baselines.llmlingua_peer import PackageWords

        return PackageWords.load(tools.counter)


METHODS: Final[dict[str, Callable[[Tools], Method]]] = {
    "lead": lambda tools: plain.lead(tools.counter),
    "lead-sentences": lambda tools: plain.lead_sentences(tools.counter),
    "random": lambda tools: plain.random_sentences(tools.counter),
    "random-words": lambda tools: plain.random_words(tools.counter),
    "bm25": lambda tools: plain.bm25_sentences(tools.counter),
    "cosine": _cosine,
    "documents": _documents,
    "embeddings-filter": _embeddings_filter,
    "sentence-embedding-optimizer": _optimizer,
    "llmlingua": _llmlingua,
}
