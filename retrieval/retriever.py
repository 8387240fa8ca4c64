"""From a query to documents."""

from __future__ import annotations

from dataclasses import dataclass

from compressors.errors import InvalidInput
from compressors.protocols import Encoder
from compressors.values import Document
from compressors.vectors import encoded
from retrieval.index import Hit, Index


@dataclass(frozen=True, slots=True)
class Retriever:
    """Finds documents in an index, with the encoder that the index was built with."""

    index: Index
    encoder: Encoder

    def retrieve(self, query: str, k: int = 10) -> list[Document]:
        """The ``k`` nearest documents, best first; all, if there are fewer."""
        return [hit.document for hit in self.hits(query, k)]

    def hits(self, query: str, k: int = 10) -> list[Hit]:
        """The same with their scores. Raises ``InvalidInput`` for a blank query or k below 1."""
        if not query.strip():
            raise InvalidInput("query", "is blank")
        (found,) = self.index.search(encoded(self.encoder, [query]), k)
        return found
