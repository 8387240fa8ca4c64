"""Compression that would be slower or dearer than it saves does not happen, and says so."""

from __future__ import annotations

from typing import Any

import pytest

from compressors.values import Document, Outcome, StageOutcome
from condensery.border import compression_from_pb
from condensery.v1 import compression_pb2 as pb
from service.break_even import BreakEven, most_saved
from service.pipeline import Pipeline
from service.request import BudgetSpec, ExitOptions, Request, Result, StageSpec
from tests.service.hand import CATS, LOUVRE, QUERY, Overlap, request, served
from tests.service.hand import pipeline as opened
from tests.service.hand import settings as settings_of

WHOLE = f"{LOUVRE}\n\n{CATS}"
FAST: dict[str, Any] = {"downstream_tokens_per_second": 1e12}
SLOW: dict[str, Any] = {"downstream_tokens_per_second": 1.0}
CHEAP = {"downstream_price_per_million_tokens": 1e-9, "price_per_hour": 1e9}
DEAR = {"downstream_price_per_million_tokens": 1e9, "price_per_hour": 1e-9}


def asked(**values: Any) -> Request:
    documents = (Document("louvre", LOUVRE), Document("cats", CATS))
    return Request(**({"query": QUERY, "documents": documents} | values))


def measured(pipeline: Pipeline) -> None:
    """Let the engine find out how fast its model is."""
    hard = asked(budget=BudgetSpec(max_tokens=6))
    while not any(model.tokens_per_second for model in pipeline.engine.stats().models):
        pipeline.compress(hard)


def result_of(request: Request, **settings: Any) -> Result:
    with opened(settings_of(**settings), Overlap()) as pipeline:
        measured(pipeline)
        return pipeline.compress(request)


@pytest.mark.parametrize(("settings", "reason"), [(FAST, "slower: "), (CHEAP, "dearer: ")])
@pytest.mark.parametrize("budget", [BudgetSpec(), BudgetSpec(rate=0.5)])
def test_what_does_not_pay_passes_through_and_is_marked(
    settings: dict[str, float], reason: str, budget: BudgetSpec
) -> None:
    result = result_of(asked(chain="fine", budget=budget), **settings)

    assert result.text == WHOLE
    assert {d.outcome for d in result.documents} == {Outcome.PASSED_THROUGH_BREAK_EVEN}
    assert [r.stage for r in result.stages] == ["exit", "llmlingua2"]
    assert {r.outcome for r in result.stages} == {StageOutcome.SKIPPED_BREAK_EVEN}
    assert all(r.detail.startswith(reason) for r in result.stages)
    assert result.totals.within_budget == (budget.rate is None)


@pytest.mark.parametrize("settings", [{}, SLOW, DEAR, SLOW | DEAR])
def test_what_pays_is_compressed(settings: dict[str, float]) -> None:
    result = result_of(asked(), **settings)

    assert result.text == "The Louvre is in Paris."
    assert result.stages[0].outcome is StageOutcome.RAN


def test_it_has_to_be_both_fast_and_cheap() -> None:
    assert result_of(asked(), **SLOW, **CHEAP).text == WHOLE
    assert result_of(asked(), **FAST, **DEAR).text == WHOLE


@pytest.mark.parametrize("settings", [FAST, CHEAP])
def test_a_hard_budget_is_kept_whatever_it_costs(settings: dict[str, float]) -> None:
    result = result_of(asked(budget=BudgetSpec(max_tokens=6)), **settings)

    assert result.text == "The Louvre is in Paris."
    assert result.totals.within_budget


def test_what_has_room_enough_is_within_the_budget_and_nothing_else() -> None:
    strict = StageSpec(name="exit", options=ExitOptions(threshold=0.9, strict_threshold=True))
    room = BudgetSpec(max_tokens=100)

    assert result_of(asked(budget=room), **FAST).stages[0].outcome is StageOutcome.SKIPPED_BUDGET
    assert result_of(asked(budget=BudgetSpec(rate=1.0)), **FAST).documents[0].outcome is (
        Outcome.KEPT_WHOLE
    )
    ran = result_of(asked(budget=room, stages=(strict,)), **FAST)
    assert ran.stages[0].outcome is StageOutcome.RAN


def test_as_long_as_nothing_is_measured_everything_is_compressed() -> None:
    with opened(settings_of(**FAST), Overlap()) as pipeline:
        assert pipeline.compress(asked()).text == "The Louvre is in Paris."


def test_blank_documents_stay_blank() -> None:
    result = result_of(asked(documents=(Document("a", LOUVRE), Document("b", " "))), **FAST)

    assert [d.outcome for d in result.documents] == [
        Outcome.PASSED_THROUGH_BREAK_EVEN,
        Outcome.BLANK,
    ]


@pytest.mark.parametrize(
    ("own", "waiting", "objects"),
    [(0.9, 0.0, False), (1.1, 0.0, True), (0.6, 0.6, True), (0.5, 0.5, False)],
)
def test_time_is_what_it_takes_with_what_it_waits(
    own: float, waiting: float, *, objects: bool
) -> None:
    downstream = BreakEven(tokens_per_second=1_000)

    assert bool(downstream.objection(own=own, waiting=waiting, saved=1_000)) == objects


@pytest.mark.parametrize(("own", "objects"), [(3.5, False), (3.7, True)])
def test_money_is_what_the_device_costs_without_what_it_waits(own: float, *, objects: bool) -> None:
    # A thousand tokens for .001, and 3.6 seconds of an hour that costs 1.
    downstream = BreakEven(price_per_million_tokens=1.0, price_per_hour=1.0)

    assert bool(downstream.objection(own=own, waiting=99.0, saved=1_000)) == objects


@pytest.mark.parametrize(
    ("budget", "limit", "saved"),
    [
        (BudgetSpec(), None, 100),
        (BudgetSpec(rate=0.3), 30, 70),
        (BudgetSpec(rate=1.0), 100, None),
        (BudgetSpec(max_tokens=30), 30, None),
        (BudgetSpec(max_tokens=200), 200, None),
    ],
)
def test_what_can_be_saved_is_at_most_what_the_request_says(
    budget: BudgetSpec, limit: int | None, saved: int | None
) -> None:
    assert most_saved(budget, 100, limit) == saved


async def test_it_is_said_on_the_wire_and_in_the_client() -> None:
    async with served(**FAST) as hand:
        while not any(model.tokens_per_second for model in hand.engine.stats().models):
            await hand.compress(budget=pb.Budget(max_tokens=6))
        sent = request(budget=pb.Budget(rate=0.5))
        answer = await hand.stub.Compress(sent)
        streamed = [
            event
            async for event in hand.stub.CompressStream(pb.CompressStreamRequest(request=sent))
        ]

    assert answer.text == WHOLE
    assert {d.outcome for d in answer.documents} == {pb.OUTCOME_PASSED_THROUGH_BREAK_EVEN}
    assert answer.stages[0].outcome == pb.STAGE_OUTCOME_SKIPPED_BREAK_EVEN
    assert answer.stages[0].detail.startswith("slower: ")
    assert [event.document.outcome for event in streamed[:-1]] == [
        pb.OUTCOME_PASSED_THROUGH_BREAK_EVEN
    ] * 2
    received = compression_from_pb(answer, ())
    assert {d.outcome.value for d in received.documents} == {"passed_through_break_even"}
    assert received.stages[0].outcome.value == "skipped_break_even"
