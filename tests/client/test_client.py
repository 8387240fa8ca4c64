"""What the clients promise, against a real server over a real connection."""

from __future__ import annotations

import subprocess
import sys

import pytest

from condensery import (
    Answer,
    AsyncClient,
    Client,
    Compression,
    DocumentResult,
    InvalidRequest,
    Outcome,
    Stage,
    StageOutcome,
)
from condensery.v1 import compression_pb2 as pb
from tests.client.museums import EMPTY, LOUVRE, PRADO, QUERY
from tests.client.servicer import SentenceService


def test_gives_every_document_in_its_order_with_what_became_of_it(client: Client) -> None:
    result = client.compress("Louvre Paris", [PRADO, LOUVRE, EMPTY])

    assert [each.id for each in result.documents] == ["prado", "louvre", "empty"]
    assert [each.outcome for each in result.documents] == [
        Outcome.DROPPED,
        Outcome.COMPRESSED,
        Outcome.BLANK,
    ]
    assert result.text == "The Louvre is in Paris."
    assert result.totals.tokens_saved == 9 + 9 - 5
    assert result.chain == "default"


def test_spans_are_of_the_text_that_was_given_and_the_originals_come_along(client: Client) -> None:
    result = client.compress("Paris", [LOUVRE]).documents[0]

    assert [LOUVRE.text[span.start : span.end] for span in result.spans] == [result.text]
    assert result.document is LOUVRE


def test_reports_say_what_each_stage_did(client: Client) -> None:
    (report,) = client.compress("Paris", [LOUVRE]).stages

    assert (report.stage, report.outcome, report.elapsed) == ("exit", StageOutcome.RAN, 1.5)


async def test_both_clients_give_the_same(target: str) -> None:
    documents = [LOUVRE, PRADO]

    async with AsyncClient(target) as asynchronous:
        theirs = await asynchronous.compress(QUERY, documents, rate=0.5)
        streamed = [each async for each in asynchronous.compress_stream(QUERY, documents, rate=0.5)]
        answered = [each async for each in asynchronous.generate(QUERY, documents)]
        info = await asynchronous.info()
    with Client(target) as client:
        assert client.compress(QUERY, documents, rate=0.5) == theirs
        assert list(client.compress_stream(QUERY, documents, rate=0.5)) == streamed
        assert list(client.generate(QUERY, documents)) == answered
        assert client.info() == info


def test_a_stream_gives_documents_and_at_last_the_same_as_one_answer(client: Client) -> None:
    *documents, result = client.compress_stream(QUERY, [LOUVRE, PRADO])

    assert [type(each) for each in documents] == [DocumentResult, DocumentResult]
    assert isinstance(result, Compression)
    assert result == client.compress(QUERY, [LOUVRE, PRADO])


def test_an_answer_comes_after_what_it_is_made_from_and_ends_with_all_of_it(client: Client) -> None:
    first, *pieces, end = client.generate(QUERY, [LOUVRE], model="red", temperature=0.5)

    assert first == client.compress(QUERY, [LOUVRE])
    assert pieces == ["It ", "is ", "red", "."]
    assert isinstance(end, Answer)
    assert end.text == "It is red."
    assert end.citations[0].document_id == "louvre"
    assert not end.insufficient_evidence


def test_insufficient_evidence_is_said_with_every_kind_of_result(client: Client) -> None:
    once = client.compress("rings", [LOUVRE, PRADO])
    *_, streamed = client.compress_stream("rings", [LOUVRE, PRADO])
    *_, answer = client.generate("rings", [LOUVRE, PRADO])

    assert once.insufficient_evidence
    assert streamed == once
    assert isinstance(answer, Answer)
    assert answer.insufficient_evidence
    assert not client.compress(QUERY, [LOUVRE, PRADO]).insufficient_evidence


def test_texts_and_mappings_are_documents_too(client: Client, service: SentenceService) -> None:
    client.compress(
        QUERY, ["Paris.", {"text": "Rome.", "title": "T", "id": "r"}, {"text": "Oslo."}]
    )

    sent = service.requests[0].documents
    assert [(each.id, each.text, each.title) for each in sent] == [
        ("0", "Paris.", ""),
        ("r", "Rome.", "T"),
        ("2", "Oslo.", ""),
    ]


def test_metadata_stay_here(client: Client, service: SentenceService) -> None:
    result = client.compress(QUERY, [LOUVRE])

    assert not service.requests[0].documents[0].HasField("metadata")
    assert result.documents[0].document.metadata == {"page": 3}


def test_all_options_arrive(client: Client, service: SentenceService) -> None:
    client.compress(
        QUERY,
        [LOUVRE],
        stages=[
            Stage("crag", options={"mode": "paper"}),
            Stage("tcra-semantic", "mini", 0.5, {"min_words": 7, "mode": "FAST"}),
            Stage("llmlingua2", options={"parity": {"force_tokens": ["a", "b"]}}),
            Stage("exit", options={"strict_threshold": True}),
        ],
        max_tokens=99,
        tokenizer="words",
        protected=["Paris"],
        protected_patterns=["P.*s"],
        on_failure="error",
        allow_empty=True,
        with_titles=True,
        priority="bulk",
    )

    sent = service.requests[0]
    names = ["crag", "tcra-semantic", "llmlingua2", "exit"]
    assert [each.name for each in sent.stages.stages] == names
    assert sent.stages.stages[0].crag.mode == pb.CRAG_MODE_PAPER
    assert sent.stages.stages[1].tcra_semantic.mode == pb.TCRA_SEMANTIC_MODE_FAST
    assert list(sent.stages.stages[2].llmlingua2.parity.force_tokens) == ["a", "b"]
    assert sent.stages.stages[1].tcra_semantic.min_words == 7
    assert (sent.stages.stages[1].backend, sent.stages.stages[1].rate) == ("mini", 0.5)
    assert (sent.budget.max_tokens, sent.budget.tokenizer) == (99, "words")
    assert list(sent.protected_texts) == ["Paris"]
    assert list(sent.protected_patterns) == ["P.*s"]
    assert sent.failure_policy == pb.FAILURE_POLICY_ERROR
    assert sent.allow_empty
    assert sent.with_titles
    assert sent.priority == pb.PRIORITY_BULK
    assert sent.stages.stages[3].exit.strict_threshold


def test_an_index_needs_no_documents(client: Client, service: SentenceService) -> None:
    client.compress(QUERY, index="wiki", top_k=3)

    assert (service.requests[0].index.name, service.requests[0].index.top_k) == ("wiki", 3)


def test_what_must_stay_of_a_document_arrives(client: Client, service: SentenceService) -> None:
    client.compress(QUERY, [{"id": "a", "text": "xyz", "protected": [(0, 1), (2, 3)]}])

    (document,) = service.requests[0].documents
    assert [(each.start, each.end) for each in document.protected_spans] == [(0, 1), (2, 3)]


def test_empty_options_of_parity_still_ask_for_it(client: Client, service: SentenceService) -> None:
    client.compress(QUERY, [LOUVRE], stages=[Stage("llmlingua2", options={"parity": {}})])

    assert service.requests[0].stages.stages[0].llmlingua2.HasField("parity")


def test_an_unset_option_is_not_sent(client: Client, service: SentenceService) -> None:
    client.compress(QUERY, [LOUVRE])

    sent = {field.name for field, _ in service.requests[0].ListFields()}
    assert sent == {"query", "documents", "failure_policy"}


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("stages", {"stages": ["exit"], "chain": "full"}),
        ("stages", {"stages": "exit"}),
        ("budget", {"max_tokens": 3, "rate": 0.5}),
        ("budget.max_tokens", {"max_tokens": 2**40}),
        ("budget.rate", {"rate": "half"}),
        ("index.top_k", {"top_k": 3}),
        ("protected_texts", {"protected": "Paris"}),
        ("protected_texts[1]", {"protected": ["Paris", "\ud800"]}),
        ("protected_patterns", {"protected_patterns": "Paris"}),
        ("protected_patterns[0]", {"protected_patterns": ["\ud800"]}),
        ("stages.stages[0].crag.mode", {"stages": [Stage("crag", options={"mode": "new"})]}),
        (
            "stages.stages[0].llmlingua2.parity.force_tokens",
            {"stages": [Stage("llmlingua2", options={"parity": {"force_tokens": "ab"}})]},
        ),
        (
            "stages.stages[0].llmlingua2.parity.question",
            {"stages": [Stage("llmlingua2", options={"parity": {"question": 1}})]},
        ),
        ("failure_policy", {"on_failure": "shrug"}),
        ("priority", {"priority": "urgent"}),
        ("stages.stages[0].options", {"stages": [Stage("new", options={"a": 1})]}),
        ("stages.stages[0].exit.min_words", {"stages": [Stage("exit", options={"min_words": 1})]}),
        (
            "stages.stages[0].exit.threshold",
            {"stages": [Stage("exit", options={"threshold": "low"})]},
        ),
    ],
)
def test_what_does_not_fit_on_the_wire_is_refused_by_its_field(
    client: Client, service: SentenceService, field: str, options: dict[str, object]
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        client.compress(QUERY, [LOUVRE], **options)

    assert raised.value.field == field
    assert service.requests == []


@pytest.mark.parametrize(
    ("field", "documents"),
    [
        ("documents", "a text"),
        ("documents", {"text": "one"}),
        ("documents[1]", ["a", 7]),
        ("documents[0]", [{"text": "a", "txt": "b"}]),
        ("documents[0].text", [{"id": "a"}]),
        ("documents[0].text", ["a secret \ud800"]),
        ("documents[0].id", [{"id": 7, "text": "a secret"}]),
        ("documents[0].protected_spans[0]", [{"text": "a secret", "protected": [7]}]),
        ("documents[0].protected_spans[0].end", [{"text": "a secret", "protected": [(0, "b")]}]),
    ],
)
def test_documents_that_are_none_are_refused_by_their_place_and_never_quoted(
    client: Client, field: str, documents: object
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        client.compress(QUERY, documents)  # type: ignore[arg-type]

    assert raised.value.field == field
    assert "secret" not in str(raised.value)


def test_an_option_that_does_not_exist_is_an_error(client: Client) -> None:
    with pytest.raises(TypeError, match="max_token"):
        client.compress(QUERY, [LOUVRE], max_token=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("text", ["Paris 🗼. Rome 🏛.", "パリ Paris。東京。", "é́ Paris. \x00 x."])
def test_any_text_comes_back_as_slices_of_what_was_given(client: Client, text: str) -> None:
    result = client.compress("Paris", [text]).documents[0]

    assert len(result.text) <= len(text)
    assert " ".join(text[span.start : span.end] for span in result.spans) == result.text
    assert "Paris" in result.text


def test_importing_the_client_imports_neither_models_nor_langchain() -> None:
    heavy = "{'torch', 'transformers', 'langchain_core', 'pydantic', 'service', 'numpy'}"
    code = f"import sys, condensery; sys.exit(', '.join({heavy} & set(sys.modules)) or None)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
