"""LangChain's own ``EmbeddingsFilter``, used as its documentation shows. Importing it is slow."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from langchain_classic.retrievers.document_compressors import (
    DocumentCompressorPipeline,
    EmbeddingsFilter,
)
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_text_splitters import CharacterTextSplitter

from compressors.budget import Counter
from compressors.values import join_ranges
from evaluation.baselines.pieces import beginning, size
from evaluation.values import Example, Kept, Shortened

if TYPE_CHECKING:
    from compressors.protocols import Encoder

_ALL: Final = 1_000_000
"""More chunks than any example has."""
_PLACE, _START = "document", "start_index"


class MiniLmEmbeddings(Embeddings):
    """LangChain's view of an ``Encoder``."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self._encoder.encode(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


@dataclass(frozen=True, slots=True)
class FilteredChunks:
    """``DocumentCompressorPipeline`` of a ``CharacterTextSplitter`` and an ``EmbeddingsFilter``.

    The pattern of LangChain's guide to contextual compression: chunks of 300 characters without
    overlap, cut at ". ", then those that are most similar to the query. The filter's ``k`` is the
    largest whose chunks fit into the budget; since the filter keeps the first ``k`` of one ranking,
    the pipeline runs once for all budgets. So what its users set by hand for all queries is set
    best for each. Where not even the best chunk fits, it is cut between two words. The guide's
    filter for redundant chunks is left out: the documents of a query repeat little. What is
    embedded is the chunk alone, as the class has it; ``cosine`` does it with the title.
    """

    pipeline: DocumentCompressorPipeline
    counter: Counter
    name: str = "embeddings-filter"

    @classmethod
    def load(cls, encoder: Encoder, counter: Counter) -> FilteredChunks:
        """Raises ``ImportError`` where langchain-community is missing, which the filter needs."""
        return cls(pipeline(encoder, _ALL), counter)

    def shorten(self, example: Example, budgets: Sequence[int]) -> list[Shortened]:
        ranked = self.pipeline.compress_documents(documents(example), example.query)
        return [self._within(example, ranked, budget) for budget in budgets]

    def _within(self, example: Example, ranked: Sequence[Document], budget: int) -> Shortened:
        def over(k: int) -> bool:
            return size(kept(example, ranked[: k + 1]), self.counter) > budget

        k = bisect_left(range(len(ranked)), x=True, key=over)
        if k or not ranked:
            return kept(example, ranked[:k])
        best = kept(example, ranked[:1])[0]
        return beginning(example, best, self.counter, budget)


def pipeline(encoder: Encoder, k: int) -> DocumentCompressorPipeline:
    """What LangChain's guide shows, with this ``k``."""
    splitter = CharacterTextSplitter(
        chunk_size=300, chunk_overlap=0, separator=". ", add_start_index=True
    )
    similar = EmbeddingsFilter(embeddings=MiniLmEmbeddings(encoder), k=k)
    return DocumentCompressorPipeline(transformers=[splitter, similar])


def documents(example: Example) -> list[Document]:
    """The example's documents as LangChain has them; ``metadata`` says which is which."""
    return [
        Document(page_content=source.text, metadata={_PLACE: index, "title": source.title})
        for index, source in enumerate(example.documents)
    ]


def kept(example: Example, chunks: Sequence[Document]) -> Shortened:
    """The chunks in the order of the text.

    The splitter loses the place of a chunk in which it dropped an empty part, as between two
    separators in a row; then the document is given as nothing but text, a chunk a line.
    """
    ranges: dict[int, list[tuple[int, int, str]]] = {}
    for chunk in chunks:
        start = chunk.metadata[_START]
        own = ranges.setdefault(chunk.metadata[_PLACE], [])
        own.append((start, start + len(chunk.page_content), chunk.page_content))
    return tuple(_of_document(example, index, sorted(own)) for index, own in sorted(ranges.items()))


def _of_document(example: Example, index: int, chunks: Sequence[tuple[int, int, str]]) -> Kept:
    spans = tuple((start, end) for start, end, _ in chunks)
    if spans[0][0] < 0 or any(end > start for (_, end), (start, _) in pairwise(spans)):
        return Kept(index, "\n".join(text for _, _, text in chunks), None)
    return Kept(index, join_ranges(example.documents[index].text, spans), spans)
