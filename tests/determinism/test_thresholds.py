"""Where a score is next to a threshold, or to another score, everybody still decides alike."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from compressors.exit import Exit
from compressors.llmlingua2 import Llmlingua2
from compressors.models.batches import steady
from compressors.protocols import Pieces, SentenceScorer, TokenScorer
from compressors.segmentation import RuleSegmenter
from service.request import ExitOptions, Request, StageSpec
from tests.core.words_on_hand import LengthScorer, OverlapScorer, budget, context
from tests.determinism import served

NOISE = 4e-6
"""More than what is in a batch changes in float32, and less than half a step of a score."""
EDGES = (-1e-6, -1e-7, 0.0, 1e-7, 1e-6)
"""How far thresholds are from a score."""


@dataclass(frozen=True)
class NoisySentences:
    """A ``SentenceScorer``: another, as a device gives its scores that is not quite exact."""

    scorer: SentenceScorer
    dice: random.Random

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        return [_noisy(row, self.dice) for row in self.scorer.score(query, documents)]


@dataclass(frozen=True)
class NoisyWords:
    """The same for a ``TokenScorer``."""

    scorer: TokenScorer
    dice: random.Random

    def score(self, texts: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        return [_noisy(row, self.dice) for row in self.scorer.score(texts)]


def _noisy(scores: Sequence[float], dice: random.Random) -> list[float]:
    return [min(1.0, max(0.0, score + dice.uniform(-NOISE, NOISE))) for score in scores]


def near(request: Request) -> list[Request]:
    """The request with thresholds next to each score that its sentences have."""
    scorer = served.sentence_scorer(steady(served.two_heads(served.bert()), "cpu"))
    pieces = [
        Pieces(document.text, tuple(RuleSegmenter().spans(document.text)))
        for document in request.documents
    ]
    rows = scorer.score(request.query, pieces)
    stages = [
        StageSpec(name="exit", options=ExitOptions(threshold=score + edge))
        for row in rows
        for score in row
        for edge in EDGES
    ]
    return [replace(request, chain=None, stages=(stage,)) for stage in stages]


def test_a_threshold_next_to_a_score_decides_alike_whatever_else_is_computed() -> None:
    asked = [one for request in served.requests(4, chains=(None,)) for one in near(request)]
    others = served.requests(len(asked), chains=(None, "llmlingua2"), sentences=6, seed=2)
    mixed = [one for pair in zip(asked, others, strict=True) for one in pair]
    with served.pipeline() as pipeline, ThreadPoolExecutor(6) as pool:
        alone = [served.bytes_of(pipeline.compress(request)) for request in asked]

        together = [served.bytes_of(result) for result in pool.map(pipeline.compress, mixed)]

    assert together[::2] == alone
    # Otherwise the thresholds were next to nothing: the same request was decided both ways.
    assert len(set(alone)) > 2 * 4


@pytest.mark.parametrize("limit", [None, 9])
def test_what_a_device_adds_to_sentences_decides_nothing(limit: int | None) -> None:
    given = context(
        "red blue green gold", "red blue here. gold green there. nothing.", "blue red too. gold."
    )
    exact = Exit(OverlapScorer(), RuleSegmenter(), "overlap", threshold=0.5)
    wanted = exact.compress(given, budget(limit))
    dice = random.Random(5)  # noqa: S311 - a test

    for _ in range(50):
        noisy = replace(exact, scorer=NoisySentences(exact.scorer, dice))
        assert noisy.compress(given, budget(limit)) == wanted


@pytest.mark.parametrize("limit", [None, 5])
def test_what_a_device_adds_to_words_decides_nothing(limit: int | None) -> None:
    given = context("", "harbour keepers repaired old stone", "bridges and harbour markets closed")
    exact = Llmlingua2(LengthScorer(), "length", threshold=0.35, min_words=0)
    wanted = exact.compress(given, budget(limit))
    dice = random.Random(5)  # noqa: S311 - a test

    for _ in range(50):
        noisy = replace(exact, scorer=NoisyWords(exact.scorer, dice))
        assert noisy.compress(given, budget(limit)) == wanted
