"""LangChain's documents to ours and back."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from langchain_core.documents import Document

from condensery import values

KEY = "condensery"
"""Where everything that compression has to say stands in the metadata of a document."""
SCORE = "relevance_score"
"""Where rerankers leave their score, and readers look for it."""


def documents_of(documents: Sequence[Document], title_key: str | None) -> list[values.Document]:
    """Ours, named by position: LangChain's ids may be missing, or the same twice."""
    return [
        values.Document(str(number), document.page_content, _title(document, title_key))
        for number, document in enumerate(documents)
    ]


def _title(document: Document, key: str | None) -> str:
    title = document.metadata.get(key) if key else None
    return title if isinstance(title, str) else ""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """Turns a result into documents for LangChain, without touching those that it is of."""

    originals: Sequence[Document]
    keep_empty: bool
    keep_original: bool

    def documents(self, compression: values.Compression) -> list[Document]:
        """What is left, in the given order; summaries, in theirs, before what they stand for.

        Where their order is not that of the documents, as with the nearest to the query first,
        it goes before that of the places.
        """
        firsts = (
            min((int(each.document_id) for each in summary.sources), default=0)
            for summary in compression.summaries
        )
        summaries: dict[int, list[Document]] = {}
        for place, summary in zip(sorted(firsts), compression.summaries, strict=True):
            summaries.setdefault(place, []).append(self._summary(summary, compression))
        documents: list[Document] = []
        for number, result in enumerate(compression.documents):
            documents += summaries.get(number, [])
            if result.text or self.keep_empty:
                documents.append(self._document(number, result, compression))
        return documents

    def _document(
        self, number: int, result: values.DocumentResult, compression: values.Compression
    ) -> Document:
        original = self.originals[number]
        facts: dict[str, Any] = {
            "outcome": result.outcome.value,
            "scoring": result.scoring.value if result.scoring else None,
            "spans": [[span.start, span.end] for span in result.spans],
            "tokens_before": result.tokens_before,
            "tokens_after": result.tokens_after,
            "chain": compression.chain,
            "insufficient_evidence": compression.insufficient_evidence,
        }
        if self.keep_original:
            facts["original"] = original.page_content
        metadata = deepcopy(original.metadata)
        metadata |= {SCORE: max((span.score for span in result.spans), default=0.0), KEY: facts}
        return Document(result.text, id=original.id, metadata=metadata)

    def _summary(self, summary: values.Summary, compression: values.Compression) -> Document:
        sources = [
            {
                "document_id": self.originals[int(source.document_id)].id,
                "position": int(source.document_id),
                "start": source.start,
                "end": source.end,
            }
            for source in summary.sources
        ]
        facts = {
            "outcome": "summary",
            "id": summary.id,
            "sources": sources,
            "tokens_after": summary.tokens,
            "chain": compression.chain,
            "insufficient_evidence": compression.insufficient_evidence,
        }
        return Document(summary.text, metadata={SCORE: 1.0, KEY: facts})
