"""LangChain's own tests for retrievers, and its own retrievers and pipelines around ours.

``langchain-tests`` brings five pytest plugins and ``langchain-classic`` a database, so that both
are used where they are installed, and nobody has to have them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.context import collect_runs

from condensery.langchain import CondenseryCompressor, CondenseryRetriever, CondenseryTransformer

if TYPE_CHECKING:
    from langchain_tests.integration_tests import RetrieversIntegrationTests
else:
    try:
        from langchain_tests.integration_tests import RetrieversIntegrationTests
    except ImportError:
        RetrieversIntegrationTests = object

FOUND = [
    Document("A pyramid. Rain.", id="a", metadata={"n": 1}),
    Document("Snow.", id="b"),
    *(Document(f"The pyramid {number}. Wind.", id=str(number)) for number in range(4)),
]


@pytest.mark.skipif(RetrieversIntegrationTests is object, reason="needs langchain-tests")
class TestStandard(RetrieversIntegrationTests):
    """What LangChain asks of every retriever."""

    @pytest.fixture(autouse=True)
    def _serve(self, target: str) -> None:
        self.target = target

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return CondenseryRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        compressor = CondenseryCompressor(target=self.target)
        return {"retriever": RunnableLambda(lambda _: FOUND), "compressor": compressor}

    @property
    def retriever_query_example(self) -> str:
        return "pyramid"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_works_in_the_retriever_and_the_pipeline_of_classic(target: str, kind: str) -> None:
    pytest.importorskip("langchain_classic", reason="needs langchain-classic")
    from langchain_classic.retrievers import ContextualCompressionRetriever
    from langchain_classic.retrievers.document_compressors import DocumentCompressorPipeline

    compressor = CondenseryCompressor(target=target)
    pipeline = DocumentCompressorPipeline(
        transformers=[CondenseryTransformer(compressor=compressor, query="pyramid"), compressor]
    )
    retriever = ContextualCompressionRetriever(
        base_compressor=pipeline, base_retriever=RunnableLambda(lambda _: FOUND)
    )

    with collect_runs() as collected:
        invoked = retriever.invoke("rain pyramid 2")
        awaited = asyncio.run(retriever.ainvoke("rain pyramid 2"))
    result = invoked if kind == "sync" else awaited

    assert [each.id for each in result] == ["a", "0", "1", "2", "3"]
    assert [each.page_content for each in result][:2] == ["A pyramid.", "The pyramid 0."]
    assert result[0].metadata["n"] == 1
    # A pipeline gives its callbacks to compressors alone, so the transformer's run is its own.
    roots = [run for run in collected.traced_runs if run.name != "CondenseryCompressor"]
    assert [run.child_runs[-1].name for run in roots] == ["CondenseryCompressor"] * 2
