"""When to keep what, and when nothing of the documents seems to answer the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors import (
    AtRate,
    Chain,
    Compressor,
    Context,
    Document,
    Exit,
    Llmlingua2,
    ModelFailure,
    Pieces,
    StageOutcome,
)
from compressors.segmentation import RuleSegmenter
from tests.core.words_on_hand import LengthScorer, budget

A, B = "A one. A two is long.", "B one. B two."
LINGUA = Llmlingua2(LengthScorer(), "length", min_words=0)


@dataclass(frozen=True)
class ByName:
    """A ``SentenceScorer`` that knows the probability of each sentence; 0 for all others."""

    probabilities: dict[str, float]

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        return [
            [self.probabilities.get(one.text[start:end].strip(), 0.0) for start, end in one.ranges]
            for one in documents
        ]


@dataclass(frozen=True)
class Fixed:
    """A ``SentenceScorer`` that gives the scores that it was made with, in order."""

    scores: Sequence[float]

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        left = iter(self.scores)
        return [[next(left) for _ in document.ranges] for document in documents]


class Broken:
    """A ``SentenceScorer`` whose model is broken."""

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        raise ModelFailure("broken")


def exits(*, strict: bool = False, threshold: float = 0.5, **scores: float) -> Exit:
    known = {name.replace("_", " ") + ".": score for name, score in scores.items()}
    return Exit(
        ByName(known), RuleSegmenter(), "known", threshold=threshold, strict_threshold=strict
    )


def run(
    *stages: Compressor, limit: int | None = None, allow_empty: bool = False, texts: Sequence[str]
) -> Context:
    documents = [Document(str(number), text) for number, text in enumerate(texts)]
    given_ = Context.of("q", documents, allow_empty=allow_empty)
    return Chain(stages).compress(given_, budget(limit))


@pytest.mark.parametrize("limit", [None, 4])
def test_a_sentence_at_the_threshold_is_evidence(limit: int | None) -> None:
    result = run(exits(A_one=0.5), limit=limit, texts=[A, B])

    assert not result.insufficient_evidence


@pytest.mark.parametrize(("limit", "text"), [(None, "B two."), (4, "B one. B two.")])
def test_without_one_the_best_stays_and_the_evidence_is_insufficient(
    limit: int | None, text: str
) -> None:
    result = run(exits(B_two=0.49, B_one=0.2), limit=limit, texts=[A, B])

    assert result.text == text
    assert result.insufficient_evidence


def test_nothing_stays_where_the_caller_allows_it() -> None:
    result = run(exits(B_two=0.49), allow_empty=True, texts=[A, B])

    assert result.text == ""
    assert result.insufficient_evidence


def test_a_protected_text_is_no_evidence() -> None:
    given_ = Context.of("q", [Document("a", A)], protected=["one"])

    result = exits().compress(given_, budget())

    assert result.text == "A one."
    assert result.insufficient_evidence


def test_documents_without_text_are_no_evidence() -> None:
    assert run(exits(), texts=[" ", ""]).insufficient_evidence


def test_a_later_stage_does_not_lose_it() -> None:
    result = run(exits(A_one=0.4), exits(A_one=0.4, threshold=0.3), LINGUA, texts=[A, B])

    assert [report.outcome for report in result.trace] == [
        StageOutcome.RAN,
        StageOutcome.SKIPPED_INPUT,
        StageOutcome.RAN,
    ]
    assert result.insufficient_evidence


def test_nothing_is_said_where_no_sentence_was_judged() -> None:
    broken = Exit(Broken(), RuleSegmenter(), "broken")

    assert not run(LINGUA, limit=4, texts=[A, B]).insufficient_evidence
    assert not run(broken, limit=4, texts=[A, B]).insufficient_evidence
    assert not run(exits(), limit=99, texts=[A, B]).insufficient_evidence


def test_a_budget_is_filled_beyond_the_threshold_unless_that_is_strict() -> None:
    filled, strict = (exits(A_one=0.6, B_one=0.3, B_two=0.2, strict=s) for s in (False, True))

    assert run(filled, limit=6, texts=[A, B]).text == "A one.\n\nB one. B two."
    assert run(strict, limit=6, texts=[A, B]).text == "A one."


def test_a_strict_threshold_takes_the_best_that_fit() -> None:
    stage = exits(A_one=0.6, A_two_is_long=0.9, B_one=0.8, B_two=0.1, strict=True)

    assert run(stage, limit=6, texts=[A, B]).text == "A two is long.\n\nB one."


def test_a_strict_threshold_holds_where_the_budget_has_room_for_all() -> None:
    result = run(exits(A_one=0.6, strict=True), limit=99, texts=[A, B])

    assert result.text == "A one."
    assert [report.outcome for report in result.trace] == [StageOutcome.RAN]


def test_a_strict_threshold_holds_within_the_rate_of_a_stage() -> None:
    stage = AtRate(exits(A_one=0.6, strict=True), 1.0)

    assert run(stage, limit=99, texts=[A, B]).text == "A one."


@pytest.mark.parametrize(
    ("limit", "allow_empty", "text"),
    [(99, False, "A two is long."), (3, False, "A two is"), (99, True, ""), (3, True, "")],
)
def test_a_strict_threshold_that_nothing_reaches_leaves_the_best_or_nothing(
    limit: int, *, allow_empty: bool, text: str
) -> None:
    stage = exits(A_two_is_long=0.4, B_one=0.3, strict=True)

    result = run(stage, limit=limit, allow_empty=allow_empty, texts=[A, B])

    assert result.text == text
    assert result.insufficient_evidence


SCORES = st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0]), min_size=9, max_size=9)
TEXTS = (
    "One. Two or three. Four.",
    "Five is less than six. Six.",
    "Seven. Eight. Nine. Ten is it.",
)


def judged(
    scores: Sequence[float], *, limit: int | None, strict: bool, allow_empty: bool
) -> Context:
    stage = Exit(Fixed(scores), RuleSegmenter(), "fixed", strict_threshold=strict)
    documents = [Document(str(number), text) for number, text in enumerate(TEXTS)]
    return stage.compress(Context.of("q", documents, allow_empty=allow_empty), budget(limit))


@given(
    scores=SCORES,
    limit=st.one_of(st.none(), st.integers(1, 20)),
    strict=st.booleans(),
    allow_empty=st.booleans(),
)
def test_evidence_depends_on_the_scores_alone(
    scores: list[float], limit: int | None, *, strict: bool, allow_empty: bool
) -> None:
    result = judged(scores, limit=limit, strict=strict, allow_empty=allow_empty)

    assert result.insufficient_evidence == (max(scores) < 0.5)


@given(scores=SCORES, limit=st.integers(1, 20), allow_empty=st.booleans())
def test_both_limits_hold_where_the_threshold_is_strict(
    scores: list[float], limit: int, *, allow_empty: bool
) -> None:
    result = judged(scores, limit=limit, strict=True, allow_empty=allow_empty)

    assert budget(limit).fits(result.text)
    assert result.text or allow_empty
    kept = [span.score for passage in result.passages for span in passage.spans]
    if result.insufficient_evidence:
        assert len(kept) == (0 if allow_empty else 1)
    else:
        assert all(score >= 0.5 for score in kept)


@given(scores=SCORES, allow_empty=st.booleans())
def test_a_strict_threshold_with_room_for_all_is_the_threshold_alone(
    scores: list[float], *, allow_empty: bool
) -> None:
    strict = judged(scores, limit=99, strict=True, allow_empty=allow_empty)
    alone = judged(scores, limit=None, strict=False, allow_empty=allow_empty)

    assert strict.passages == alone.passages


@given(SCORES, st.integers(1, 20))
def test_a_strict_threshold_never_keeps_more(scores: list[float], limit: int) -> None:
    strict, filled = (
        judged(scores, limit=limit, strict=strict, allow_empty=True) for strict in (True, False)
    )

    assert budget().count(strict.text) <= budget().count(filled.text)
