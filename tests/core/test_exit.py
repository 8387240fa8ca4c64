"""EXIT's numbered checks (spec/exit.md 1.7) that need no causal LM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from compressors import Context, Document, Exit, InvalidInput, ModelFailure, Pieces
from compressors.segmentation import RuleSegmenter
from tests.core.words_on_hand import OverlapScorer, budget, context


@dataclass(frozen=True)
class Fixed:
    """A ``SentenceScorer`` that gives the scores that it was made with, in order."""

    scores: Sequence[float]

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        left = iter(self.scores)
        return [[next(left) for _ in document.ranges] for document in documents]


@dataclass(frozen=True)
class Recording:
    """A ``SentenceScorer`` that remembers what it was asked."""

    asked: list[Pieces]

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        self.asked.extend(documents)
        return [[1.0] * len(document.ranges) for document in documents]


def kept(scores: Sequence[float], *texts: str, allow_empty: bool = False) -> str:
    documents = [Document(str(number), text) for number, text in enumerate(texts)]
    given = Context.of("q", documents, allow_empty=allow_empty)
    return Exit(Fixed(scores), RuleSegmenter(), "fixed").compress(given, budget()).text


def test_e1_reads_every_sentence_in_its_own_document() -> None:
    asked: list[Pieces] = []

    Exit(Recording(asked), RuleSegmenter(), "r").compress(
        Context.of("q", [Document("a", "A1. A2.", "A"), Document("b", "B1. B2.", "B")]), budget()
    )

    assert [(piece.title, piece.text, len(piece.ranges)) for piece in asked] == [
        ("A", "A1. A2.", 2),
        ("B", "B1. B2.", 2),
    ]


def test_e2_keeps_sentences_at_the_threshold_and_joins_documents_by_a_blank_line() -> None:
    assert kept([0.8, 0.1, 0.5, 0.9], "A1. A2.", "B1. B2.") == "A1.\n\nB1. B2."


def test_e3_may_keep_nothing_where_that_is_allowed() -> None:
    assert kept([0.1], "A1.", allow_empty=True) == ""
    assert kept([0.1], "A1.") == "A1."


@pytest.mark.parametrize("score", [1.1, -0.1, float("nan")])
def test_e3_refuses_scores_that_are_no_probabilities(score: float) -> None:
    with pytest.raises(ModelFailure, match=r"not in \[0, 1\]"):
        kept([score], "A1.")


def test_e3_refuses_a_threshold_that_is_no_probability() -> None:
    with pytest.raises(InvalidInput, match="threshold"):
        Exit(OverlapScorer(), RuleSegmenter(), "overlap", threshold=1.5)


def test_e13_gives_spans_that_are_the_sentences_with_their_scores() -> None:
    text = "One.  Two.\nThree."
    given = Context.of("q", [Document("1", text)])

    result = Exit(Fixed([0.9, 0.2, 0.7]), RuleSegmenter(), "f").compress(given, budget())

    spans = result.passages[0].spans
    assert [(text[s.start : s.end], s.score) for s in spans] == [("One.", 0.9), ("Three.", 0.7)]
    assert result.text == "One.\nThree."


def test_keeps_the_sentence_that_holds_a_protected_text() -> None:
    given = context("q", "One. Two X-1. Three.", protected=["X-1"])

    assert Exit(Fixed([0.9, 0.0, 0.1]), RuleSegmenter(), "f").compress(given, budget()).text == (
        "One. Two X-1."
    )


def test_reads_only_what_earlier_stages_left() -> None:
    first = Exit(Fixed([0.9, 0.1, 0.8]), RuleSegmenter(), "f").compress(
        context("q", "One. Two. Three."), budget()
    )

    second = Exit(Fixed([0.1, 0.9]), RuleSegmenter(), "f").compress(first, budget())

    assert second.text == "Three."
