from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compressors.budget import Budget
from compressors.chain import FailurePolicy
from compressors.errors import (
    Cancelled,
    DeadlineExceeded,
    InvalidInput,
    ModelFailure,
    NotFound,
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
SMALL = Settings(
    max_documents=3,
    max_query_chars=50,
    max_document_chars=100,
    max_total_chars=150,
    max_stages=2,
    max_protected_texts=1,
)


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    with opened(SMALL, Overlap()) as pipeline:
        yield pipeline


def request(**values: Any) -> Request:
    return Request(**({"query": QUERY, "documents": DOCUMENTS} | values))


def outcomes(result: Result) -> list[tuple[str, Outcome]]:
    return [(document.document.id, document.outcome) for document in result.documents]


def timeless(result: Result) -> Result:
    """The result without its clock."""
    stages = tuple(replace(report, seconds=report.seconds.__class__()) for report in result.stages)
    context = replace(result.context, trace=stages)
    totals = replace(result.totals, elapsed=0.0)
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


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"chain": "nothing"}, "chain"),
        ({"stages": (StageSpec(name="nothing"),)}, "stages[0].name"),
        (
            {"stages": (StageSpec(name="exit"), StageSpec(name="exit", backend="nothing"))},
            "stages[1].backend",
        ),
        ({"budget": BudgetSpec(tokenizer="nothing")}, "budget.tokenizer"),
        ({"documents": (), "index": IndexQuery(name="nothing", top_k=1)}, "index.name"),
    ],
)
def test_names_that_do_not_exist_are_not_found(
    pipeline: Pipeline, values: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(NotFound) as caught:
        pipeline.compress(request(**values))

    assert caught.value.field == field


LONE = "\ud800"
A, B = DOCUMENTS
EXIT = StageSpec(name="exit")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"query": " "}, "query"),
        ({"query": "x" * 51}, "query"),
        ({"query": LONE}, "query"),
        ({"documents": ()}, "documents"),
        ({"documents": (A, replace(A, id="b"), replace(A, id="c"), B)}, "documents"),
        ({"documents": (A, replace(A, id=""))}, "documents[1].id"),
        ({"documents": (A, B, A)}, "documents[2].id"),
        ({"documents": (replace(A, text="x" * 101),)}, "documents[0].text"),
        ({"documents": (replace(A, title=LONE),)}, "documents[0].title"),
        ({"documents": (replace(A, text=LONE),)}, "documents[0].text"),
        (
            {"documents": (Document("a", "x " * 40), Document("b", "x " * 40))},
            "documents",
        ),
        ({"index": IndexQuery(name="shelf")}, "documents"),
        ({"documents": (), "index": IndexQuery(name="shelf", top_k=4)}, "index.top_k"),
        ({"stages": ()}, "stages"),
        ({"stages": (EXIT,) * 3}, "stages"),
        ({"stages": (EXIT,), "chain": "fine"}, "stages"),
        ({"stages": (replace(EXIT, rate=1.5),)}, "stages[0].rate"),
        ({"stages": (replace(EXIT, rate=float("nan")),)}, "stages[0].rate"),
        (
            {"stages": (replace(EXIT, options=ExitOptions(threshold=2.0)),)},
            "stages[0].exit.threshold",
        ),
        (
            {"stages": (EXIT, replace(EXIT, options=Llmlingua2Options(min_words=3)))},
            "stages[1].llmlingua2",
        ),
        ({"protected_texts": ("a", "b")}, "protected_texts"),
        ({"protected_texts": ("",)}, "protected_texts[0]"),
        ({"protected_texts": (LONE,)}, "protected_texts[0]"),
        ({"protected_texts": (LOUVRE,), "budget": BudgetSpec(max_tokens=1)}, "protected_texts"),
    ],
)
def test_a_request_that_can_never_succeed_is_refused_by_its_field(
    pipeline: Pipeline, values: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        pipeline.compress(request(**values))

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"max_tokens": 0}, "budget.max_tokens"),
        ({"rate": 0.0}, "budget.rate"),
        ({"rate": 1.1}, "budget.rate"),
        ({"rate": float("nan")}, "budget.rate"),
        ({"rate": 0.5, "max_tokens": 5}, "budget"),
    ],
)
def test_a_budget_that_means_nothing_never_exists(values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        BudgetSpec(**values)

    assert caught.value.field == field


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
        refused = pipeline.admitted(request(), second)
        with pipeline.admitted(request(), first), pytest.raises(Overloaded) as caught, refused:
            pass

        with pipeline.admitted(request(), second):
            assert pipeline.compress(request(), work=second).text

    assert caught.value.retry_after > 0


def test_says_what_it_offers(pipeline: Pipeline) -> None:
    info = pipeline.info()

    assert dict(info.chains) == {"default": ("exit",), "fine": ("exit", "llmlingua2")}
    assert dict(info.stages)["exit"][0] == "overlap"
    assert (info.tokenizers, info.indexes[0], info.generates) == (("words",), "shelf", False)


TEXT = st.text(st.sampled_from("ab. \n?Ã—日本\u0301\U0001f600[]"), max_size=60)


@given(
    query=st.text(min_size=1, max_size=20).filter(str.strip),
    texts=st.lists(TEXT, min_size=1, max_size=3),
    budget=st.one_of(
        st.just(BudgetSpec()),
        st.integers(1, 40).map(lambda n: BudgetSpec(max_tokens=n)),
        st.floats(0.01, 1.0).map(lambda r: BudgetSpec(rate=r)),
    ),
    chain=st.sampled_from(["default", "fine"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_promised_of_every_result(
    pipeline: Pipeline, query: str, texts: list[str], budget: BudgetSpec, chain: str
) -> None:
    documents = tuple(Document(str(number), text) for number, text in enumerate(texts))
    whole = Context.of(query, documents).text

    result = pipeline.compress(
        request(query=query, documents=documents, budget=budget, chain=chain)
    )

    assert [each.document for each in result.documents] == list(documents)
    for each in result.documents:
        assert all(span.end <= len(each.document.text) for span in each.spans)
        assert each.text.split() == "".join(_slices(each)).split()
    assert len(result.text) <= len(whole)
    assert result.totals.within_budget
    assert result.text.strip() or not whole.strip()


def _slices(result: DocumentResult) -> Iterator[str]:
    end = 0
    for span in result.spans:
        gap = result.document.text[end : span.start]
        yield " " if any(character.isspace() for character in gap) else ""
        yield result.document.text[span.start : span.end]
        end = span.end
