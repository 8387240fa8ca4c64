"""What a retriever found, and all the ways to compress it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from condensery.langchain import CondenseryCompressor, CondenseryRetriever, CondenseryTransformer

QUERY = "Where is the pyramid?"


def documents() -> list[Document]:
    return [
        Document("Madrid has the Prado.", id="a", metadata={"title": "Prado", "tags": ["museum"]}),
        Document("Rain fell. A pyramid stands here. Birds sang.", metadata={"n": {"deep": [1]}}),
        Document("Nothing of use.", id="c"),
        Document("The pyramid, again.", id="c", metadata={"relevance_score": 0.1}),
    ]


class Fixed(BaseRetriever):
    """Finds the same documents for any query."""

    found: list[Document]

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return self.found


Run = Callable[[CondenseryCompressor, Sequence[Document], str], Sequence[Document]]


def in_a_thread(
    compressor: CondenseryCompressor, given: Sequence[Document], query: str
) -> Sequence[Document]:
    return compressor.compress_documents(given, query)


def in_a_loop(
    compressor: CondenseryCompressor, given: Sequence[Document], query: str
) -> Sequence[Document]:
    return asyncio.run(compressor.acompress_documents(given, query))


def as_a_runnable(
    compressor: CondenseryCompressor, given: Sequence[Document], query: str
) -> Sequence[Document]:
    return compressor.as_runnable().invoke({"query": query, "documents": given})


def as_an_asynchronous_runnable(
    compressor: CondenseryCompressor, given: Sequence[Document], query: str
) -> Sequence[Document]:
    return asyncio.run(compressor.as_runnable().ainvoke({"query": query, "documents": given}))


def as_a_transformer(
    compressor: CondenseryCompressor, given: Sequence[Document], query: str
) -> Sequence[Document]:
    return CondenseryTransformer(compressor=compressor).transform_documents(given, query=query)


def as_an_asynchronous_transformer(
    compressor: CondenseryCompressor, given: Sequence[Document], query: str
) -> Sequence[Document]:
    transformer = CondenseryTransformer(compressor=compressor, query=query)
    return asyncio.run(transformer.atransform_documents(given))


def as_a_retriever(
    compressor: CondenseryCompressor, given: Sequence[Document], query: str
) -> Sequence[Document]:
    retriever = CondenseryRetriever(retriever=Fixed(found=given), compressor=compressor)
    return retriever.invoke(query)


def as_an_asynchronous_retriever(
    compressor: CondenseryCompressor, given: Sequence[Document], query: str
) -> Sequence[Document]:
    retriever = CondenseryRetriever(retriever=Fixed(found=given), compressor=compressor)
    return asyncio.run(retriever.ainvoke(query))


WAYS = [
    in_a_thread,
    in_a_loop,
    as_a_runnable,
    as_an_asynchronous_runnable,
    as_a_transformer,
    as_an_asynchronous_transformer,
    as_a_retriever,
    as_an_asynchronous_retriever,
]
