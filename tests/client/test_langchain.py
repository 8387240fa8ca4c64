"""What the LangChain integration promises, against a real server over a real connection."""

from __future__ import annotations

import asyncio
import logging

import grpc
import pytest
from langchain_core.documents import Document

from condensery import CondenseryError, InvalidRequest, Overloaded, Unavailable
from condensery.langchain import CondenseryCompressor
from condensery.v1 import compression_pb2 as pb
from tests.client.servicer import Fault, SentenceService, serving
from tests.client.ways import QUERY, Run, documents, in_a_loop


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


class SummariesByCloseness(SentenceService):
    """Two summaries, that of the last document first."""

    def Compress(  # noqa: N802
        self, request: pb.CompressRequest, context: grpc.ServicerContext
    ) -> pb.CompressResponse:
        response = super().Compress(request, context)
        for text, source in (("Close.", "2"), ("Far.", "1")):
            summary = response.summaries.add(id=text, text=text)
            summary.sources.add(document_id=source, start=0, end=1)
        return response


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
                    "scoring": "model",
                    "spans": [[11, 33]],
                    "tokens_before": 8,
                    "tokens_after": 4,
                    "chain": "default",
                    "insufficient_evidence": False,
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
                    "scoring": "model",
                    "spans": [[0, 19]],
                    "tokens_before": 3,
                    "tokens_after": 3,
                    "chain": "default",
                    "insufficient_evidence": False,
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


def test_says_where_the_evidence_is_insufficient(
    compressor: CondenseryCompressor, run: Run
) -> None:
    (best,) = run(compressor, documents(), "rings")

    assert best.page_content == "Madrid has the Prado."
    assert best.metadata["title"] == "Prado"
    assert best.metadata["condensery"]["insufficient_evidence"]


def test_gives_back_nothing_without_evidence_where_evidence_is_required(
    target: str, run: Run
) -> None:
    strict = CondenseryCompressor(target=target, timeout=20, require_evidence=True)

    assert run(strict, documents(), "rings") == []
    assert len(run(strict, documents(), "pyramid")) == 2


def test_a_failure_is_no_lack_of_evidence(dead: CondenseryCompressor, run: Run) -> None:
    strict = dead.model_copy(update={"require_evidence": True})

    assert run(strict, documents(), QUERY) == documents()


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
        "insufficient_evidence": False,
    }


def test_summaries_keep_their_own_order() -> None:
    with serving(SummariesByCloseness()) as target:
        compressor = CondenseryCompressor(target=target)
        result = compressor.compress_documents(documents(), "pyramid Prado")

    texts = [each.page_content for each in result]
    assert texts.index("Close.") < texts.index("Far.")


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


def test_errors_of_the_client_are_what_is_raised(dead: CondenseryCompressor) -> None:
    strict = dead.model_copy(update={"on_failure": "raise"})

    with pytest.raises(Unavailable) as raised:
        strict.compress_documents(documents(), QUERY)

    assert isinstance(raised.value, CondenseryError)
