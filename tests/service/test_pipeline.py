from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from compressors.budget import Budget
from compressors.chain import FailurePolicy
from compressors.errors import (
    Cancelled,
    DeadlineExceeded,
    ModelFailure,
    Overloaded,
)
from compressors.exit import Exit
from compressors.segmentation import RuleSegmenter
from compressors.values import Context, Document, Outcome, StageOutcome
from compressors.work import Work
from service.catalogue import Catalogue
from service.limits import Limits
from service.pipeline import Pipeline
from service.request import (
    BudgetSpec,
    DocumentResult,
    ExitOptions,
    IndexQuery,
    Llmlingua2Options,
    Request,
    Result,
    StageSpec,
)
from service.settings import Settings
from tests.core.words_on_hand import OverlapScorer, WordCounter
from tests.service.hand import CATS, LOUVRE, QUERY, Overlap
from tests.service.hand import pipeline as opened

DOCUMENTS = (Document("louvre", LOUVRE), Document("cats", CATS))


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    with opened(Settings(), Overlap()) as pipeline:
        yield pipeline


def request(**values: Any) -> Request:
    return Request(**({"query": QUERY, "documents": DOCUMENTS} | values))


def outcomes(result: Result) -> list[tuple[str, Outcome]]:
    return [(document.document.id, document.outcome) for document in result.documents]


def timeless(result: Result) -> Result:
    """The result without its clock."""
    stages = tuple(replace(report, seconds=report.seconds.__class__()) for report in result.stages)
    context = replace(result.context, trace=stages)
    totals = replace(result.totals, elapsed=0.0, queued=0.0)
    return replace(result, stages=stages, context=context, totals=totals)


def test_keeps_what_helps_to_answer_and_says_where_it_stood(pipeline: Pipeline) -> None:
    result = pipeline.compress(request(budget=BudgetSpec(max_tokens=6)))

    assert result.text == "The Louvre is in Paris."
    assert outcomes(result) == [("louvre", Outcome.COMPRESSED), ("cats", Outcome.DROPPED)]
    (span,) = result.documents[0].spans
    assert (span.start, span.end) == (0, 23)
    assert [(d.tokens_before, d.tokens_after) for d in result.documents] == [(9, 5), (8, 0)]
    assert (result.totals.tokens_before, result.totals.tokens_after) == (17, 5)
    assert (result.totals.max_tokens, result.totals.within_budget) == (6, True)
    assert (result.totals.tokenizer, result.chain) == ("words", "default")


def test_a_rate_is_a_share_of_the_tokens_given(pipeline: Pipeline) -> None:
    result = pipeline.compress(request(budget=BudgetSpec(rate=0.5)))

    assert result.totals.max_tokens == 8


def test_at_rate_1_nothing_changes_and_the_report_says_why(pipeline: Pipeline) -> None:
    result = pipeline.compress(request(chain="fine", budget=BudgetSpec(rate=1.0)))

    assert result.text == f"{LOUVRE}\n\n{CATS}"
    assert {outcome for _, outcome in outcomes(result)} == {Outcome.KEPT_WHOLE}
    assert [r.outcome for r in result.stages] == [StageOutcome.SKIPPED_BUDGET] * 2


def test_without_a_budget_the_thresholds_decide(pipeline: Pipeline) -> None:
    result = pipeline.compress(request())

    assert result.text == "The Louvre is in Paris."
    assert result.totals.max_tokens is None
    assert result.totals.within_budget


def test_a_request_may_bring_its_own_chain(pipeline: Pipeline) -> None:
    stages = (
        StageSpec(name="exit", options=ExitOptions(threshold=0.0)),
        StageSpec(name="llmlingua2", rate=0.5, options=Llmlingua2Options(min_words=0)),
    )

    result = pipeline.compress(request(stages=stages))

    assert result.chain == "custom"
    assert [(r.stage, r.backend) for r in result.stages] == [
        ("exit", "overlap"),
        ("llmlingua2", "length"),
    ]
    assert result.totals.tokens_after <= 8


def test_the_same_request_has_the_same_result(pipeline: Pipeline) -> None:
    asked = request(chain="fine", budget=BudgetSpec(rate=0.4))

    assert timeless(pipeline.compress(asked)) == timeless(pipeline.compress(asked))


def test_documents_keep_ids_and_order_whatever_becomes_of_them(pipeline: Pipeline) -> None:
    documents = (Document("z", CATS), Document("blank", " \n"), Document("a", LOUVRE))

    result = pipeline.compress(request(documents=documents, budget=BudgetSpec(max_tokens=5)))

    assert outcomes(result) == [
        ("z", Outcome.DROPPED),
        ("blank", Outcome.BLANK),
        ("a", Outcome.COMPRESSED),
    ]


def test_blank_documents_alone_give_an_empty_text_and_say_so(pipeline: Pipeline) -> None:
    result = pipeline.compress(request(documents=(Document("a", ""), Document("b", "\t"))))

    assert result.text == ""
    assert outcomes(result) == [("a", Outcome.BLANK), ("b", Outcome.BLANK)]


def test_the_result_is_empty_only_if_that_is_allowed(pipeline: Pipeline) -> None:
    strict = (StageSpec(name="exit", options=ExitOptions(threshold=1.0)),)

    kept = pipeline.compress(request(stages=strict))
    empty = pipeline.compress(request(stages=strict, allow_empty=True))

    assert kept.text == "The Louvre is in Paris."
    assert empty.text == ""


def test_protected_texts_stay(pipeline: Pipeline) -> None:
    asked = request(protected_texts=("Birds",), budget=BudgetSpec(max_tokens=6))

    assert pipeline.compress(asked).text == "Birds sing at dawn."


def test_documents_come_from_an_index_where_one_is_named(pipeline: Pipeline) -> None:
    asked = Request(query=QUERY, index=IndexQuery(name="shelf", top_k=1))

    result = pipeline.compress(asked)

    assert result.retrieved
    assert [d.document.title for d in result.documents] == ["Museums"]


def test_every_document_is_handed_on_once_and_dropped_ones_before_the_last_stage(
    pipeline: Pipeline,
) -> None:
    seen: list[DocumentResult] = []
    first_end = threading.Event()

    class Watching:
        """Says that the second stage has begun."""

        name, backend = "watching", "test"

        def compress(self, context: Context, budget: Budget) -> Context:
            assert [result.document.id for result in seen] == ["cats"]
            first_end.set()
            return context

    exit_ = Exit(OverlapScorer(), RuleSegmenter(), "overlap")
    catalogue = Catalogue(
        backends={"exit": {"overlap": lambda _: exit_}, "watching": {"test": lambda _: Watching()}},
        counters={"words": WordCounter()},
        summarizers=(),
        retrievers={},
        chains={"default": ("exit", "watching")},
    )
    watched = Pipeline(catalogue, engine=pipeline.engine, limits=Limits.of(Settings()))

    result = watched.compress(request(), observe=seen.append)

    assert first_end.is_set()
    assert sorted(seen, key=lambda each: each.document.id) == sorted(
        result.documents, key=lambda each: each.document.id
    )


def broken(scorer: object, pipeline: Pipeline) -> Pipeline:
    stage = Exit(scorer, RuleSegmenter(), "broken")  # type: ignore[arg-type] # breaks on purpose
    catalogue = replace(pipeline.catalogue, backends={"exit": {"broken": lambda _: stage}})
    return Pipeline(catalogue, engine=pipeline.engine, limits=pipeline.limits)


class Mistaken:
    """A ``SentenceScorer`` with a mistake of ours in it."""

    def score(self, query: str, documents: object) -> object:
        raise KeyError(query)


def test_a_mistake_of_ours_hands_on_the_text_and_is_logged_without_it(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    result = broken(Mistaken(), pipeline).compress(request(budget=BudgetSpec(max_tokens=6)))

    assert result.text == f"{LOUVRE}\n\n{CATS}"
    assert {o for _, o in outcomes(result)} == {Outcome.PASSED_THROUGH_ERROR}
    assert not result.totals.within_budget
    assert [r.outcome for r in result.stages] == [StageOutcome.FAILED]
    assert "KeyError" in caplog.text
    assert "Louvre" not in caplog.text


def test_a_failure_is_an_error_where_the_request_says_so(pipeline: Pipeline) -> None:
    with pytest.raises(ModelFailure):
        broken(Mistaken(), pipeline).compress(request(failure_policy=FailurePolicy.ERROR))


def test_after_the_deadline_the_text_is_handed_on(pipeline: Pipeline) -> None:
    late = Work(deadline=time.monotonic() - 1)

    result = pipeline.compress(request(budget=BudgetSpec(max_tokens=6)), work=late)

    assert result.text == f"{LOUVRE}\n\n{CATS}"
    assert {o for _, o in outcomes(result)} == {Outcome.PASSED_THROUGH_DEADLINE}


def test_after_the_deadline_there_is_an_error_where_the_request_says_so(
    pipeline: Pipeline,
) -> None:
    late = Work(deadline=time.monotonic() - 1)

    with pytest.raises(DeadlineExceeded):
        pipeline.compress(request(failure_policy=FailurePolicy.ERROR), work=late)


def test_a_request_is_cancelled_from_another_thread() -> None:
    model, work = Overlap(), Work()
    model.gate.clear()

    def cancel() -> None:
        model.busy.wait()
        work.cancel()

    with opened(Settings(), model) as pipeline:
        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(Cancelled):
            pipeline.compress(request(), work=work)
        thread.join()
        model.gate.set()


def test_a_request_for_which_there_is_no_room_is_refused_at_once() -> None:
    model = Overlap()
    with opened(Settings(max_queued_tokens=40), model) as pipeline:
        first, second = Work(), Work()
        checked = pipeline.check(request())
        refused = pipeline.admitted(checked, second)
        with pipeline.admitted(checked, first), pytest.raises(Overloaded) as caught, refused:
            pass

        with pipeline.admitted(checked, second):
            assert pipeline.compress(checked, work=second).text

    assert caught.value.retry_after > 0


def test_says_what_it_offers(pipeline: Pipeline) -> None:
    info = pipeline.info()

    assert dict(info.chains) == {"default": ("exit",), "fine": ("exit", "llmlingua2")}
    assert dict(info.stages)["exit"][0] == "overlap"
    assert (info.tokenizers, info.indexes[0], info.generates) == (("words",), "shelf", False)
