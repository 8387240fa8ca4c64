"""What the retriever and the transformer add to the compressor."""

from __future__ import annotations

import asyncio

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda

from condensery.langchain import CondenseryCompressor, CondenseryRetriever, CondenseryTransformer
from tests.client.ways import Fixed, documents


def test_a_transformer_without_a_query_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="query"):
        CondenseryTransformer().transform_documents(documents())


def test_the_query_of_a_call_is_stronger_than_that_of_the_transformer(
    compressor: CondenseryCompressor,
) -> None:
    transformer = CondenseryTransformer(compressor=compressor, query="Prado")

    assert [each.id for each in transformer.transform_documents(documents())] == ["a"]
    assert [each.id for each in transformer.transform_documents(documents(), query="Nothing")] == [
        "c"
    ]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_retriever_gives_at_most_k_and_the_best(
    compressor: CondenseryCompressor, kind: str
) -> None:
    found = [Document("pyramid", id="short"), *documents()]
    retriever = CondenseryRetriever(retriever=Fixed(found=found), compressor=compressor, k=2)

    def invoke(**arguments: int) -> list[Document]:
        if kind == "async":
            return asyncio.run(retriever.ainvoke("pyramid", **arguments))
        return retriever.invoke("pyramid", **arguments)

    assert [each.id for each in invoke()] == [None, "c"]
    assert [each.id for each in invoke(k=1)] == [None]
    assert [each.id for each in invoke(k=9)] == ["short", None, "c"]


def test_a_retriever_cuts_what_could_not_be_compressed_too(dead: CondenseryCompressor) -> None:
    retriever = CondenseryRetriever(retriever=Fixed(found=documents()), compressor=dead)

    assert retriever.invoke("pyramid", k=2) == [documents()[0], documents()[3]]


def test_a_retriever_takes_any_runnable_that_finds_documents(
    compressor: CondenseryCompressor,
) -> None:
    retriever = CondenseryRetriever(
        retriever=RunnableLambda(lambda _: documents()), compressor=compressor
    )

    assert [each.id for each in retriever.invoke("Prado")] == ["a"]


def test_failures_of_the_wrapped_retriever_are_its_own(compressor: CondenseryCompressor) -> None:
    def find(query: str) -> list[Document]:
        raise LookupError(query)

    with pytest.raises(LookupError):
        CondenseryRetriever(retriever=RunnableLambda(find), compressor=compressor).invoke("a")
