"""The retriever: any other one, with compression after it."""

from __future__ import annotations

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, RetrieverLike
from pydantic import ConfigDict, Field

from condensery.langchain.compressor import CondenseryCompressor
from condensery.langchain.documents import SCORE


class CondenseryRetriever(BaseRetriever):
    """Retrieves with another retriever, and compresses what it found."""

    retriever: RetrieverLike
    """What finds the documents; it says how many."""
    compressor: CondenseryCompressor = Field(default_factory=CondenseryCompressor)
    """What makes them short."""
    k: int | None = Field(default=None, ge=1)
    """At most so many documents come back: those with the best scores, in their order."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        callbacks = run_manager.get_child()
        found = self.retriever.invoke(query, {"callbacks": callbacks})
        compressed = self.compressor.compress_documents(found, query, callbacks)
        return self._best(compressed, k)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        callbacks = run_manager.get_child()
        found = await self.retriever.ainvoke(query, {"callbacks": callbacks})
        compressed = await self.compressor.acompress_documents(found, query, callbacks)
        return self._best(compressed, k)

    def _best(self, documents: list[Document], k: int | None) -> list[Document]:
        limit = self.k if k is None else k
        if limit is None or len(documents) <= limit:
            return documents
        # Stable, so that the earlier one is kept of two that score the same, or not at all.
        by_score = sorted(documents, key=_score, reverse=True)
        kept = {id(document) for document in by_score[:limit]}
        return [document for document in documents if id(document) in kept]

    @classmethod
    def is_lc_serializable(cls) -> bool:
        return True


def _score(document: Document) -> float:
    score = document.metadata.get(SCORE)
    return float(score) if isinstance(score, int | float) else 0.0
