"""What the LangChain integration promises, against a real server over a real connection."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import pytest
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.load import dumpd, dumps, load
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.context import collect_runs
from pydantic import SecretStr, ValidationError

from condensery import Client, CondenseryError, InvalidRequest, Overloaded, Stage, Unavailable
from condensery.langchain import CondenseryCompressor, CondenseryRetriever, CondenseryTransformer
from condensery.v1 import compression_pb2 as pb
from tests.client.servicer import Fault, SentenceService, serving

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


class ManySummaries(SentenceService):
    """Replaces the second and the third document by a summary."""

    def Compress(  # noqa: N802
        self, request: pb.CompressRequest, context: grpc.ServicerContext
    ) -> pb.CompressResponse:
        response = super().Compress(request, context)
        for number in (1, 2):
            result = response.documents[number]
            result.CopyFrom(
                pb.DocumentResult(id=result.id, outcome=pb.OUTCOME_SUMMARIZED, tokens_before=3)
            )
        summary = response.summaries.add(id="summary-1", text="A pyramid.", tokens=2)
        summary.sources.add(document_id="2", start=0, end=7)
        summary.sources.add(document_id="1", start=11, end=33)
        return response


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


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def run(request: pytest.FixtureRequest) -> Run:
    way: Run = request.param
    return way


@pytest.fixture
def compressor(target: str) -> CondenseryCompressor:
    return CondenseryCompressor(target=target, timeout=20)


@pytest.fixture
def dead() -> CondenseryCompressor:
    with serving(SentenceService()) as target:
        pass
    return CondenseryCompressor(target=target)


def test_keeps_ids_order_and_metadata_and_says_what_it_did(
    compressor: CondenseryCompressor, run: Run
) -> None:
    result = run(compressor, documents(), "pyramid")

    assert result == [
        Document(
            "A pyramid stands here.",
            metadata={
                "n": {"deep": [1]},
                "relevance_score": 0.75,
                "condensery": {
                    "outcome": "compressed",
                    "spans": [[11, 33]],
                    "tokens_before": 8,
                    "tokens_after": 4,
                    "chain": "default",
                },
            },
        ),
        Document(
            "The pyramid, again.",
            id="c",
            metadata={
                "relevance_score": 0.75,
                "condensery": {
                    "outcome": "kept_whole",
                    "spans": [[0, 19]],
                    "tokens_before": 3,
                    "tokens_after": 3,
                    "chain": "default",
                },
            },
        ),
    ]


def test_never_changes_what_it_was_given(compressor: CondenseryCompressor, run: Run) -> None:
    given = documents()

    result = run(compressor, given, "pyramid")
    result[0].metadata["n"]["deep"].append(2)

    assert given == documents()


def test_no_documents_make_no_call(
    compressor: CondenseryCompressor, run: Run, service: SentenceService
) -> None:
    assert run(compressor, [], QUERY) == []
    assert service.requests == []


@pytest.mark.parametrize("text", ["Paris 🗼 pyramid. Rome 🏛.", "pyramid。東京。", "é́ pyramid.\x00"])
def test_texts_are_slices_of_what_was_given_and_never_longer(
    compressor: CondenseryCompressor, run: Run, text: str
) -> None:
    (result,) = run(compressor, [Document(text)], "pyramid")

    spans = result.metadata["condensery"]["spans"]
    assert " ".join(text[start:end] for start, end in spans) == result.page_content
    assert "pyramid" in result.page_content
    assert len(result.page_content) <= len(text)


def test_a_server_that_is_not_there_costs_nothing_but_the_compression(
    dead: CondenseryCompressor, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "condensery.langchain"):
        result = run(dead, documents(), QUERY)

    assert result == documents()
    assert [record.getMessage() for record in caplog.records] == [
        "compression failed, 4 documents are as they were: Unavailable"
    ]


def test_a_late_server_costs_no_more_than_the_deadline(
    target: str, run: Run, service: SentenceService
) -> None:
    service.hold()

    result = run(CondenseryCompressor(target=target, timeout=0.2), documents(), QUERY)

    assert result == documents()


def test_a_request_that_is_refused_gives_the_documents_back(
    compressor: CondenseryCompressor, run: Run
) -> None:
    assert run(compressor, documents(), " ") == documents()


def test_texts_that_no_message_can_hold_are_given_back(
    compressor: CondenseryCompressor, run: Run
) -> None:
    given = [Document("a lone \ud800 pyramid")]

    assert run(compressor, given, "pyramid") == given


def test_failures_are_raised_where_they_are_wanted(
    target: str, run: Run, service: SentenceService
) -> None:
    service.faults.extend([Fault(grpc.StatusCode.RESOURCE_EXHAUSTED)] * 4)
    strict = CondenseryCompressor(target=target, on_failure="raise")

    with pytest.raises(Overloaded):
        run(strict, documents(), QUERY)
    with pytest.raises(InvalidRequest):
        run(strict, documents(), " ")
    assert service.requests[0].failure_policy == pb.FAILURE_POLICY_ERROR


def test_documents_without_anything_left_stay_if_wanted(target: str, run: Run) -> None:
    compressor = CondenseryCompressor(target=target, keep_empty=True)

    result = run(compressor, documents(), "pyramid")

    assert [each.id for each in result] == ["a", None, "c", "c"]
    assert [each.metadata["condensery"]["outcome"] for each in result] == [
        "dropped",
        "compressed",
        "dropped",
        "kept_whole",
    ]
    assert result[0].page_content == ""
    assert result[0].metadata["relevance_score"] == 0.0


def test_is_never_empty_unless_allowed(target: str, run: Run) -> None:
    blank = [Document("  ", id="a")]

    assert run(CondenseryCompressor(target=target), blank, QUERY) == blank
    assert run(CondenseryCompressor(target=target, allow_empty=True), blank, QUERY) == []


def test_the_original_comes_along_if_wanted(target: str) -> None:
    compressor = CondenseryCompressor(target=target, keep_original=True)

    result = compressor.compress_documents(documents(), "pyramid")

    assert result[0].metadata["condensery"]["original"] == documents()[1].page_content


def test_titles_help_the_models(target: str, service: SentenceService) -> None:
    CondenseryCompressor(target=target).compress_documents(documents(), QUERY)
    CondenseryCompressor(target=target, title_key=None).compress_documents(documents(), QUERY)

    assert [request.documents[0].title for request in service.requests] == ["Prado", ""]


def test_a_summary_stands_before_the_first_document_that_it_stands_for() -> None:
    with serving(ManySummaries()) as target:
        compressor = CondenseryCompressor(target=target)
        result = compressor.compress_documents(documents(), "pyramid Prado")

    assert [each.page_content for each in result] == [
        "Madrid has the Prado.",
        "A pyramid.",
        "The pyramid, again.",
    ]
    assert result[1].id is None
    assert result[1].metadata["condensery"] == {
        "outcome": "summary",
        "id": "summary-1",
        "sources": [
            {"document_id": "c", "position": 2, "start": 0, "end": 7},
            {"document_id": None, "position": 1, "start": 11, "end": 33},
        ],
        "tokens_after": 2,
        "chain": "default",
    }


def test_all_settings_arrive(target: str, service: SentenceService) -> None:
    compressor = CondenseryCompressor(
        target=target,
        token=SecretStr("s3cret"),
        stages=("exit", Stage("llmlingua2", rate=0.5)),
        rate=0.25,
        tokenizer="words",
        protected=("Prado",),
        allow_empty=True,
    )

    compressor.compress_documents(documents(), QUERY)

    sent = service.requests[0]
    assert [each.name for each in sent.stages.stages] == ["exit", "llmlingua2"]
    assert (sent.budget.rate, sent.budget.tokenizer) == (0.25, "words")
    assert list(sent.protected_texts) == ["Prado"]
    assert sent.allow_empty
    assert sent.failure_policy == pb.FAILURE_POLICY_PASS_THROUGH
    assert service.metadata[0]["authorization"] == "Bearer s3cret"


def test_the_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSERY_TOKEN", "s3cret")

    compressor = CondenseryCompressor()

    assert compressor.token == SecretStr("s3cret")
    assert "s3cret" not in repr(compressor)


@pytest.mark.parametrize("kind", [CondenseryCompressor, CondenseryTransformer, CondenseryRetriever])
def test_a_setting_that_does_not_exist_is_an_error(kind: type[Any]) -> None:
    with pytest.raises(ValidationError, match="max_token\n"):
        kind(max_token=3)


def test_an_injected_client_does_the_work(target: str, service: SentenceService) -> None:
    with Client(target, token="theirs") as client:  # noqa: S106
        compressor = CondenseryCompressor(client=client)
        ours = compressor.compress_documents(documents(), QUERY)
        theirs = asyncio.run(compressor.acompress_documents(documents(), QUERY))

    assert ours == theirs
    assert [each["authorization"] for each in service.metadata] == ["Bearer theirs"] * 2


def test_a_pickle_works_as_before(compressor: CondenseryCompressor) -> None:
    before = compressor.compress_documents(documents(), QUERY)

    again = pickle.loads(pickle.dumps(compressor))  # noqa: S301 - our own

    assert again == compressor
    assert again.compress_documents(documents(), QUERY) == before
    assert copy.deepcopy(compressor).compress_documents(documents(), QUERY) == before


def test_one_compressor_serves_one_event_loop_after_another(
    compressor: CondenseryCompressor,
) -> None:
    results = [in_a_loop(compressor, documents(), QUERY) for _ in range(3)]

    assert results == [compressor.compress_documents(documents(), QUERY)] * 3


async def test_many_compressions_run_at_a_time(
    compressor: CondenseryCompressor, service: SentenceService
) -> None:
    service.hold()
    given = [[Document(f"pyramid {number}. Rain.", id=str(number))] for number in range(8)]
    tasks = [asyncio.create_task(compressor.acompress_documents(each, QUERY)) for each in given]

    for _ in given:
        assert await asyncio.to_thread(service.arrived.acquire, timeout=20)
    service.gate.set()
    results = await asyncio.gather(*tasks)

    assert [each[0].page_content for each in results] == [f"pyramid {n}." for n in range(8)]


async def test_a_cancelled_task_is_no_failure_to_recover_from(
    compressor: CondenseryCompressor, service: SentenceService
) -> None:
    service.hold()
    task = asyncio.create_task(compressor.acompress_documents(documents(), QUERY))
    assert await asyncio.to_thread(service.arrived.acquire, timeout=20)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(service.ended.wait, 20)


LOADING = {
    "valid_namespaces": ["condensery"],
    "allowed_objects": [CondenseryCompressor, CondenseryTransformer],
    "secrets_map": {"CONDENSERY_TOKEN": "s3cret"},
}


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_what_is_dumped_and_loaded_is_the_same_and_holds_no_secret() -> None:
    compressor = CondenseryCompressor(
        target="dns:///compressor:50051",
        token=SecretStr("s3cret"),
        stages=("exit", Stage("crag", options={"clusters": 3})),
        max_tokens=500,
        on_failure="raise",
    )
    transformer = CondenseryTransformer(compressor=compressor, query=QUERY)

    assert load(dumpd(transformer), **LOADING) == transformer
    assert "s3cret" not in dumps(transformer)


def test_what_cannot_come_back_the_same_says_so_in_the_dump() -> None:
    with Client() as client:
        dumped = dumpd(CondenseryCompressor(client=client))

    assert dumped["type"] == "not_implemented"


def test_a_trace_shows_what_was_saved(compressor: CondenseryCompressor) -> None:
    retriever = CondenseryRetriever(retriever=Fixed(found=documents()), compressor=compressor)

    with collect_runs() as collected:
        retriever.invoke("pyramid")

    (root,) = collected.traced_runs
    found, compressed = root.child_runs
    assert (found.name, compressed.name) == ("Fixed", "CondenseryCompressor")
    assert compressed.outputs is not None
    assert compressed.outputs["tokens_before"] == 4 + 8 + 3 + 3
    assert compressed.outputs["tokens_saved"] == 11
    assert compressed.outputs["error"] is None


async def test_an_asynchronous_trace_shows_why_nothing_was_saved(
    dead: CondenseryCompressor,
) -> None:
    retriever = CondenseryRetriever(retriever=Fixed(found=documents()), compressor=dead)

    with collect_runs() as collected:
        await retriever.ainvoke("pyramid")

    (root,) = collected.traced_runs
    outputs = root.child_runs[-1].outputs
    assert outputs is not None
    assert outputs["tokens_saved"] is None
    assert outputs["error"].startswith("Unavailable: ")


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


def test_roots_without_encryption_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="needs tls"):
        CondenseryCompressor(root_certificates="PEM")


def test_errors_of_the_client_are_what_is_raised(dead: CondenseryCompressor) -> None:
    strict = dead.model_copy(update={"on_failure": "raise"})

    with pytest.raises(Unavailable) as raised:
        strict.compress_documents(documents(), QUERY)

    assert isinstance(raised.value, CondenseryError)
