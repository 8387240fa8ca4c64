"""Checks T1, T2, T7 and T8 of spec/cluster_and_summary.md for the summarizing way of TCRA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compressors.budget import Budget, share_of
from compressors.errors import InvalidInput, ModelFailure
from compressors.extractive import ExtractiveSummarizer
from compressors.protocols import Summarizer, Summary
from compressors.segmentation import RuleSegmenter
from compressors.summaries import apportion, objection
from compressors.tcra_summary import TcraSummary
from compressors.values import Context, Document, Outcome, Passage, Source, outcome_of
from tests.core.words_on_hand import budget, context
from tests.retrieval.encoders_on_hand import BagEncoder

TEXTS = (
    "Rivers carry sand. The Rhine carries sand to the sea. It is long. Ships use it daily.",
    "Bread needs flour. Flour and water make bread. Salt helps. Ovens bake bread at 220 degrees.",
    "Cats sleep. Cats sleep most of the day. They hunt at night. Nobody knows why cats purr.",
)


def stage(summarizer: Summarizer | None = None) -> TcraSummary:
    return TcraSummary(ExtractiveSummarizer(BagEncoder(), RuleSegmenter()), "bag", summarizer)


@dataclass(frozen=True)
class Lower:
    """A ``Summarizer``: the first words that fit, in lower case; fails on a text with the word."""

    failing: str = "\0"
    name: str = "lower"

    def summarize(self, query: str, passages: Sequence[Passage], limit: Budget) -> Summary:
        (passage,) = passages
        if self.failing in passage.text:
            raise ModelFailure("the model broke")
        text = " ".join(passage.text.lower().split()[: limit.max_tokens])
        return Summary(text, (Source(passage.document.id, 0, len(passage.document.text)),))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(TEXTS), min_size=1, max_size=5),
    st.lists(st.floats(0.01, 1.0), min_size=2, max_size=2).map(sorted),
    st.sampled_from(["cats", "bread", "?"]),
)
def test_t1_a_higher_rate_keeps_more_and_all_are_within_theirs(
    texts: list[str], rates: list[float], query: str
) -> None:
    given_context = context(query, *texts)
    tokens = budget().count(given_context.text)

    def kept(rate: float) -> int:
        result = stage().compress(given_context, budget(share_of(tokens, rate)))
        return budget().count(result.text)

    low, high = (kept(rate) for rate in rates)
    assert low <= high <= tokens
    # As `share_of` has it, which undoes binary fractions.
    assert low <= max(1, rates[0] * tokens + 1e-9)
    assert kept(1.0) == tokens


def test_keeps_sentences_of_the_documents_as_spans_of_them() -> None:
    given_context = context("why do cats purr", *TEXTS)

    result = stage().compress(given_context, budget(18))

    assert not result.summaries
    assert "Nobody knows why cats purr." in result.text
    for passage in result.passages:
        assert all(0.0 <= span.score <= 1.0 for span in passage.spans)


def test_chooses_over_all_documents_at_once() -> None:
    result = stage().compress(context("bread flour water", *TEXTS), budget(8))

    assert [bool(p.spans) for p in result.passages] == [False, True, False]


def test_protected_text_stays() -> None:
    result = stage().compress(context("cats", *TEXTS, protected=["220"]), budget(12))

    assert "Ovens bake bread at 220 degrees." in result.text


def test_a_summary_takes_the_place_of_each_document() -> None:
    result = stage(Lower()).compress(context("q", *TEXTS), budget(24))

    assert [p.document.id for p in result.passages] == [
        *("1-summary", "1"),
        *("2-summary", "2"),
        *("3-summary", "3"),
    ]
    assert [outcome_of(p) for p in result.originals] == [Outcome.SUMMARIZED] * 3
    assert [p.document.sources[0].document_id for p in result.summaries] == ["1", "2", "3"]
    assert budget().count(result.text) == 24


def test_t2_the_rate_that_summaries_achieve_is_reported() -> None:
    given_context = context("q", *TEXTS)

    result = stage(Lower()).compress(given_context, budget(24))

    total = budget().count(given_context.text)
    assert result.notes == (f"summaries at rate {24 / total:.2f}, asked {24 / total:.2f}",)


def test_t8_where_summarizing_fails_sentences_stay() -> None:
    result = stage(Lower(failing="Bread")).compress(context("q", *TEXTS), budget(24))

    assert [p.document.id for p in result.summaries] == ["1-summary", "3-summary"]
    assert result.originals[1].text == "Bread needs flour. Salt helps."
    assert result.notes == (
        "summary refused (the model broke), sentences instead",
        "summaries at rate 0.47, asked 0.48",
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 80))
def test_summaries_are_within_the_budget_and_no_document_is_lost(n: int, limit: int) -> None:
    given_context = context("q", *(TEXTS * 4)[:n])

    result = stage(Lower()).compress(given_context, budget(limit))

    assert budget(limit).fits(result.text)
    assert result.text
    assert [p.document for p in result.originals] == [p.document for p in given_context.passages]


def test_nothing_to_summarize_is_given_back() -> None:
    blank = Context.of("q", [Document("1", " "), Document("2", "")])

    assert stage().compress(blank, budget(5)) is blank


def test_refuses_a_rate_that_is_none() -> None:
    with pytest.raises(InvalidInput, match=r"tcra-summary\.rate"):
        TcraSummary(ExtractiveSummarizer(BagEncoder(), RuleSegmenter()), "bag", rate=1.1)


@pytest.mark.parametrize(
    ("summary", "problem"),
    [
        ("The Rhine carries sand.", ""),
        ("Sand is carried to the sea by the long Rhine.", ""),
        ("", "blank"),
        ("The Rhine carries 3 tons.", "a number that its source does not hold"),
        ("Sand of the Danube goes to the sea.", "a name that its source does not hold"),
        ("to the sea " * 7, "longer than its source"),
        ("to the sea " * 5, "repeats itself"),
    ],
)
def test_t8_says_what_speaks_against_a_summary(summary: str, problem: str) -> None:
    assert objection(summary, [Passage.whole(Document("1", TEXTS[0]))], budget()) == problem


def test_in_german_capitals_do_not_mark_names() -> None:
    text = "Der Rhein trägt Sand und Kies ins Meer. Die Schiffe nutzen den Fluss an jedem Tag."

    passage = Passage.whole(Document("1", text))

    assert objection("Sand kommt mit dem Wasser ins Meer.", [passage], budget()) == ""


@settings(max_examples=200)
@given(
    st.integers(0, 500),
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 100)), max_size=12),
    st.integers(0, 40),
)
def test_shares_use_all_that_can_be_used(
    total: int, groups: list[tuple[int, int]], floor: int
) -> None:
    weights, limits = [w for w, _ in groups], [limit for _, limit in groups]

    shares = apportion(total, weights, limits, floor=floor)

    assert sum(shares) == min(total, sum(limits))
    least = min(floor, total // max(1, len(groups)))
    assert all(
        min(least, limit) <= share <= limit for share, limit in zip(shares, limits, strict=True)
    )


def test_shares_are_rounded_by_largest_remainder() -> None:
    assert apportion(10, [1, 1, 1], [99, 99, 99]) == [4, 3, 3]
    assert apportion(10, [5, 3, 1], [99, 99, 99]) == [6, 3, 1]
    assert apportion(10, [5, 3, 1], [2, 99, 99]) == [2, 6, 2]
