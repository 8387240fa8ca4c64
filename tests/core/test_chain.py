from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors import (
    AtRate,
    Budget,
    Cancelled,
    Chain,
    Compressor,
    Context,
    Exit,
    FailurePolicy,
    InvalidInput,
    Llmlingua2,
    ModelFailure,
    Outcome,
    StageOutcome,
    final_outcome,
    share_of,
)
from compressors.errors import DeadlineExceeded
from compressors.segmentation import RuleSegmenter
from compressors.work import Work
from tests.core.words_on_hand import LengthScorer, OverlapScorer, budget, context

EXIT = Exit(OverlapScorer(), RuleSegmenter(), "overlap", threshold=0.5)
LINGUA = Llmlingua2(LengthScorer(), "length", min_words=0)
PARIS = (
    "Paris is in France. It has many museums. The Louvre is one of them.",
    "Berlin is in Germany. The Louvre is not there.",
)
QUERY = "Where is the Louvre?"


@dataclass(frozen=True)
class Broken:
    """A compressor that raises what it was given."""

    error: Exception
    name: str = "broken"
    backend: str = "none"

    def compress(self, context: Context, budget: Budget) -> Context:
        raise self.error


def run(*stages: Compressor, limit: int | None, policy: str = "pass_through") -> Context:
    chain = Chain(stages, on_failure=FailurePolicy(policy))
    return chain.compress(context(QUERY, *PARIS), budget(limit))


def test_a_list_of_compressors_is_a_compressor() -> None:
    result = run(EXIT, LINGUA, limit=8)

    assert [report.stage for report in result.trace] == ["exit", "llmlingua2"]
    assert budget(8).fits(result.text)
    assert [passage.document.id for passage in result.passages] == ["1", "2"]


def test_approaches_the_limit_in_equal_ratios() -> None:
    first, second = run(EXIT, LINGUA, limit=5).trace

    assert first.tokens_in == 23
    assert 5 < first.tokens_out <= round((23 * 5) ** 0.5)
    assert second.tokens_in == first.tokens_out
    assert second.tokens_out <= 5


def test_skips_a_stage_that_the_budget_does_not_need() -> None:
    result = run(AtRate(EXIT, 0.2), LINGUA, limit=10)

    assert [report.outcome for report in result.trace] == [
        StageOutcome.RAN,
        StageOutcome.SKIPPED_BUDGET,
    ]
    assert result.trace[1].detail == "already within the budget"


def test_rate_one_is_the_identity() -> None:
    result = run(EXIT, LINGUA, limit=share_of(23, 1.0))

    assert result.passages == context(QUERY, *PARIS).passages
    assert {final_outcome(result, passage) for passage in result.passages} == {Outcome.KEPT_WHOLE}


def test_a_failing_stage_hands_on_what_it_was_given() -> None:
    result = run(Broken(ModelFailure("no")), limit=8)

    assert result.text == "\n\n".join(PARIS)
    assert result.trace[0].outcome is StageOutcome.FAILED
    assert result.trace[0].detail == "ModelFailure"
    assert final_outcome(result, result.passages[0]) is Outcome.PASSED_THROUGH_ERROR


def test_the_next_stage_makes_up_for_a_failed_one() -> None:
    result = run(Broken(ModelFailure("no")), EXIT, limit=8)

    assert budget(8).fits(result.text)
    assert final_outcome(result, result.passages[0]) is Outcome.COMPRESSED


def test_a_failure_is_an_error_where_the_caller_asks_for_that() -> None:
    with pytest.raises(ModelFailure, match="no"):
        run(Broken(ModelFailure("no")), limit=8, policy="error")


def test_never_passes_over_what_the_caller_must_fix_or_has_cancelled() -> None:
    with pytest.raises(InvalidInput):
        run(Broken(InvalidInput("query", "no")), limit=8)
    with pytest.raises(Cancelled):
        run(Broken(Cancelled("gone")), limit=8)


def test_gives_the_best_so_far_at_the_deadline() -> None:
    late = Broken(DeadlineExceeded("late"))

    result = run(AtRate(EXIT, 0.5), late, limit=3)

    assert result.trace[1].outcome is StageOutcome.SKIPPED_DEADLINE
    assert result.text == run(AtRate(EXIT, 0.5), limit=None).text
    kept = [passage for passage in result.passages if passage.spans]
    assert final_outcome(result, kept[0]) is Outcome.PASSED_THROUGH_DEADLINE


def test_starts_no_stage_after_the_deadline() -> None:
    with Work(deadline=time.monotonic() - 1).active():
        result = run(EXIT, limit=8)

    assert result.trace[0].outcome is StageOutcome.SKIPPED_DEADLINE
    assert result.text == "\n\n".join(PARIS)


def test_stops_when_the_request_is_cancelled() -> None:
    work = Work()
    work.cancel()

    with work.active(), pytest.raises(Cancelled):
        run(EXIT, limit=8)


def test_shows_the_context_after_every_stage() -> None:
    seen: list[str] = []
    chain = Chain((EXIT, LINGUA), observe=lambda state: seen.append(state.text))

    chain.compress(context(QUERY, *PARIS), budget(5))

    assert len(seen) == 2
    assert len(seen[1]) < len(seen[0])


@pytest.mark.parametrize("rate", [0.0, -0.5, 1.1, float("nan")])
def test_refuses_a_rate_that_is_no_share(rate: float) -> None:
    with pytest.raises(InvalidInput, match="rate"):
        share_of(10, rate)


@pytest.mark.parametrize(("rate", "expected"), [(0.7, 7), (0.01, 1), (1.0, 10), (0.29, 2)])
def test_rounds_shares_down_to_at_least_one(rate: float, expected: int) -> None:
    assert share_of(10, rate) == expected


WORDS = st.sampled_from(
    ["Louvre", "is", "the", "Where", "not", "1,234", "cat.", "dog!", "\n\n", "茶"]
)
TEXT = st.lists(WORDS, max_size=25).map(" ".join)


@given(st.lists(TEXT, min_size=1, max_size=4), st.integers(1, 40), st.permutations([EXIT, LINGUA]))
def test_laws_of_every_chain(texts: list[str], limit: int, stages: list[Compressor]) -> None:
    given_ = context(QUERY, *texts)

    result = Chain(tuple(stages)).compress(given_, budget(limit))

    assert [p.document for p in result.passages] == [p.document for p in given_.passages]
    assert budget(limit).fits(result.text)
    assert len(result.text) <= len(given_.text)
    assert bool(result.text) == bool(given_.text)
    for passage in result.passages:
        slices = [passage.document.text[span.start : span.end] for span in passage.spans]
        position = 0
        for piece in slices:
            position = passage.text.index(piece, position) + len(piece)
    again = Chain(tuple(stages)).compress(replace_trace(result), budget(limit))
    assert again.text == result.text


def replace_trace(result: Context) -> Context:
    return Context(result.query, result.passages)
