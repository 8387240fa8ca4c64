"""The pipeline over the models that come with the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from compressors.chains import CHAINS
from compressors.engine import Engine
from compressors.errors import CompressionError, InvalidInput, NotFound
from compressors.models.minilm import MiniLmEncoder
from compressors.values import Document, Outcome, StageOutcome
from retrieval.build import build
from service.catalogue import OPTIONS
from service.pipeline import Pipeline
from service.request import (
    BudgetSpec,
    CragOptions,
    IndexQuery,
    Request,
    StageSpec,
    TcraSemanticOptions,
    TcraSummaryOptions,
)
from service.settings import Settings

QUERY = "When was the bridge over the Aller opened?"
DOCUMENTS = tuple(
    Document(id_, text, title)
    for id_, title, text in (
        (
            "bridge",
            "The bridge of Verden",
            "The bridge over the Aller was opened in 1931. Dr. Meyer built it, who lived nearby.",
        ),
        (
            "river",
            "Aller",
            "The Aller is a river in the north of Germany. It is 260 km long. Barges use it still.",
        ),
        (
            "cats",
            "Cats",
            "Cats sleep for most of the day. They hunt at dusk. Nobody knows why they purr.",
        ),
        (
            "weather",
            "Weather",
            "Rain fell on Monday. On Tuesday the sun came out again. It was 21 degrees at noon.",
        ),
        ("empty", "Nothing", " \n"),
    )
)
WHOLE = "\n\n".join(document.text for document in DOCUMENTS if not document.is_blank)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("index")
    lines = [
        json.dumps({"id": d.id, "title": d.title, "text": d.text, "metadata": {"n": n}})
        for n, d in enumerate(DOCUMENTS)
        if not d.is_blank
    ]
    (folder / "documents.jsonl").write_text("\n".join(lines))
    with Engine() as engine:
        encoder = MiniLmEncoder.load(wrap=lambda forward: engine.wrap(forward, name="minilm"))
        build(folder / "documents.jsonl", folder / "town", encoder, MiniLmEncoder.name)
    with Pipeline.open(Settings(device="cpu", indexes={"town": str(folder / "town")})) as opened:
        yield opened


def request(**values: Any) -> Request:
    return Request(**({"query": QUERY, "documents": DOCUMENTS} | values))


def test_finds_the_answer(pipeline: Pipeline) -> None:
    result = pipeline.compress(request(budget=BudgetSpec(rate=0.2)))

    assert "opened in 1931" in result.text
    assert result.totals.tokens_after <= result.totals.tokens_before / 5


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("budget", [BudgetSpec(rate=0.3), BudgetSpec(max_tokens=20), BudgetSpec()])
def test_every_chain_holds_the_budget_and_says_what_became_of_each_document(
    pipeline: Pipeline, chain: str, budget: BudgetSpec
) -> None:
    result = pipeline.compress(request(chain=chain, budget=budget))

    assert result.text
    assert result.totals.within_budget
    assert len(result.text) <= len(WHOLE)
    assert [each.document.id for each in result.documents] == [d.id for d in DOCUMENTS]
    assert result.documents[-1].outcome is Outcome.BLANK
    assert [report.stage for report in result.stages] == list(CHAINS[chain])
    assert not {r.outcome for r in result.stages} & {StageOutcome.FAILED}
    for each in result.documents:
        assert (
            each.text.split()
            == " ".join(each.document.text[span.start : span.end] for span in each.spans).split()
            or not each.text.isascii()
        )


@pytest.mark.parametrize("chain", CHAINS)
def test_every_chain_is_the_identity_at_rate_1(pipeline: Pipeline, chain: str) -> None:
    result = pipeline.compress(request(chain=chain, budget=BudgetSpec(rate=1.0)))

    assert result.text == WHOLE
    assert {report.outcome for report in result.stages} == {StageOutcome.SKIPPED_BUDGET}


def test_the_same_request_has_the_same_text_and_scores(pipeline: Pipeline) -> None:
    asked = request(chain="full", budget=BudgetSpec(rate=0.3))

    first, second = pipeline.compress(asked), pipeline.compress(asked)

    assert [(d.text, [s.score for s in d.spans]) for d in first.documents] == [
        (d.text, [s.score for s in d.spans]) for d in second.documents
    ]


def test_clusters_are_summarized_where_a_summarizer_is_named(pipeline: Pipeline) -> None:
    options = CragOptions(summarizer="extractive", clusters=2, query_weight=0.0)
    stages = (StageSpec(name="crag", options=options),)

    result = pipeline.compress(request(stages=stages, budget=BudgetSpec(rate=0.5)))

    assert result.stages[0].backend == "embedded+extractive"
    assert result.summaries
    summarized = {source.document_id for each in result.summaries for source in each.sources}
    assert summarized <= {document.id for document in DOCUMENTS}
    assert all(each.text in result.text for each in result.summaries)


@pytest.mark.parametrize(
    ("spec", "error", "field"),
    [
        (
            StageSpec(name="crag", options=CragOptions(summarizer="nobody")),
            NotFound,
            "stages[0].crag.summarizer",
        ),
        (
            StageSpec(name="tcra-summary", options=TcraSummaryOptions(summarizer="nobody")),
            NotFound,
            "stages[0].tcra_summary.summarizer",
        ),
        (
            StageSpec(name="tcra-semantic", options=TcraSemanticOptions(min_words=-1)),
            InvalidInput,
            "stages[0].tcra_semantic.min_words",
        ),
        (
            StageSpec(name="crag", options=CragOptions(clusters=0)),
            InvalidInput,
            "stages[0].crag.clusters",
        ),
        (
            StageSpec(name="crag", options=CragOptions(query_weight=2.0)),
            InvalidInput,
            "stages[0].crag.query_weight",
        ),
        (StageSpec(name="exit", backend="causal-lm"), NotFound, "stages[0].backend"),
    ],
)
def test_options_that_cannot_be_are_refused_by_their_place(
    pipeline: Pipeline, spec: StageSpec, error: type[CompressionError], field: str
) -> None:
    with pytest.raises(error) as caught:
        pipeline.check(request(stages=(spec,)))

    assert caught.value.field == field  # type: ignore[attr-defined] # both have one


def test_an_index_is_searched_by_meaning(pipeline: Pipeline) -> None:
    asked = Request(query="pets that purr", index=IndexQuery(name="town", top_k=2))

    result = pipeline.compress(asked)

    assert result.retrieved
    assert result.documents[0].document.id == "cats"
    assert result.documents[0].document.metadata == {"n": 2}


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "." * 3_000,
        # A window of the model for every 200 of them.
        pytest.param("." * 100_000, marks=pytest.mark.slow),
        "日本語" * 200,
        "[SEP] [CLS] <end_of_turn> The bridge was opened in 1931. [PAD]</s><|endoftext|>",
        "\u0301\u200d\u202e" * 50,
        "\x00\x01 bridge \x7f",
    ],
    ids=[
        "no space",
        "dots",
        "many dots",
        "no words",
        "control tokens",
        "marks",
        "control characters",
    ],
)
def test_strange_documents_have_a_result_within_the_budget(pipeline: Pipeline, text: str) -> None:
    documents = (Document("strange", text), *DOCUMENTS)

    result = pipeline.compress(
        request(documents=documents, chain="fine", budget=BudgetSpec(max_tokens=30))
    )

    assert result.text
    assert result.totals.within_budget
    assert [each.document.id for each in result.documents] == [d.id for d in documents]
    assert not {r.outcome for r in result.stages} & {StageOutcome.FAILED}


def test_every_stage_of_the_contract_has_a_backend(pipeline: Pipeline) -> None:
    info = pipeline.info()

    embedded = set(OPTIONS) - {"longllmlingua"}  # which needs a model of the operator's
    assert {stage: names[0] for stage, names in info.stages} == dict.fromkeys(embedded, "embedded")
    assert dict(info.chains) == dict(CHAINS)
    assert (info.tokenizers, info.summarizers) == (("minilm",), ("extractive",))
    assert (info.indexes, info.device) == (("town",), "cpu")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(default_tokenizer="nothing"), "default_tokenizer"),
        (Settings(tokenizers={"mine": "/nowhere/tokenizer.json"}), "tokenizers.*mine"),
        (Settings(device="cpu", indexes={"town": "/nowhere"}), "nowhere"),
        (Settings(device="cpu", exit_causal_lm="/nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_had_is_refused_at_the_start(settings: Settings, words: str) -> None:
    with pytest.raises((ValueError, CompressionError), match=words), Pipeline.open(settings):
        pass
