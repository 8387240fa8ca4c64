"""The document transformer: a compressor whose query is known beforehand, or an argument."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentTransformer, Document
from langchain_core.load.serializable import Serializable
from pydantic import ConfigDict, Field

from condensery.langchain.compressor import CondenseryCompressor


class CondenseryTransformer(Serializable, BaseDocumentTransformer):
    """Compresses documents where LangChain transforms them, such as in a compressor pipeline."""

    compressor: CondenseryCompressor = Field(default_factory=CondenseryCompressor)
    """What does the work."""
    query: str | None = None
    """The query for all calls that bring none of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def transform_documents(  # type: ignore[override] # named arguments, so that a typo is an error
        self,
        documents: Sequence[Document],
        *,
        query: str | None = None,
        callbacks: Callbacks | None = None,
    ) -> list[Document]:
        """What is left of the documents. Raises ``ValueError`` if there is no query at all."""
        return self.compressor.compress_documents(documents, self._query(query), callbacks)

    async def atransform_documents(  # type: ignore[override] # as above
        self,
        documents: Sequence[Document],
        *,
        query: str | None = None,
        callbacks: Callbacks | None = None,
    ) -> list[Document]:
        """The same without blocking."""
        return await self.compressor.acompress_documents(documents, self._query(query), callbacks)

    def _query(self, query: str | None) -> str:
        chosen = self.query if query is None else query
        if chosen is None:
            raise ValueError("query: give one to the transformer or to the call")
        return chosen

    @classmethod
    def is_lc_serializable(cls) -> bool:
        return True
