"""Check C6 of spec/cluster_and_summary.md on real reviews: what the CRAG paper says of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.hotels import REVIEWS, Hotel, Remembering, hotels, subset
from compressors import Budget, Compressor
from compressors.crag import Crag, PaperCrag
from compressors.extractive import ExtractiveSummarizer
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.protocols import Encoder
from compressors.segmentation import RuleSegmenter
from retrieval.clustering import EuclideanKMeans, SphericalKMeans
from tests.retrieval.encoders_on_hand import BagEncoder

pytestmark = pytest.mark.skipif(not REVIEWS.exists(), reason="the shared data is not here")

LIMIT = 200
"""The largest multiple of 50 at which all subsets of four lose 46 %: ``benchmarks.clustering``."""


@dataclass(frozen=True)
class OneByOne:
    """An ``Encoder`` that never reads two texts in one batch."""

    encoder: Encoder

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.concatenate([self.encoder.encode([text]) for text in texts])


def stages(encoder: Encoder) -> list[Compressor]:
    segmenter = RuleSegmenter()
    extractive = ExtractiveSummarizer(encoder, segmenter, query_weight=0.0)
    ours = Crag(encoder, SphericalKMeans(), segmenter, "x", clusters=4, query_weight=0.0)
    written = Crag(encoder, SphericalKMeans(), segmenter, "x", extractive, 4, query_weight=0.0)
    return [ours, written, PaperCrag(encoder, EuclideanKMeans(), segmenter, "x", extractive)]


def check_growth(stage: Compressor, hotel: Hotel, seed: int) -> None:
    budget = Budget(MiniLmCounter(), LIMIT)

    def tokens(n: int) -> tuple[int, int]:
        context = subset(hotel, n, seed)
        return budget.count(context.text), budget.count(stage.compress(context, budget).text)

    (few, few_kept), (many, many_kept) = tokens(4), tokens(75)

    assert many >= 8 * few
    assert many_kept <= 1.6 * few_kept
    assert few_kept <= (1 - 0.46) * few
    assert many_kept <= (1 - 0.90) * many


@pytest.mark.parametrize("way", [0, 1, 2], ids=["spans", "summaries", "paper"])
def test_c6_tokens_of_real_reviews_hardly_grow(way: int) -> None:
    """By word counts instead of MiniLM, which takes longer to read so many reviews."""
    stage = stages(Remembering(BagEncoder()))[way]

    for hotel in hotels(2):
        check_growth(stage, hotel, seed=0)


@pytest.mark.slow
def test_c6_tokens_of_real_reviews_hardly_grow_with_the_real_encoder() -> None:
    for stage in stages(Remembering(MiniLmEncoder.load())):
        for hotel in hotels(2):
            check_growth(stage, hotel, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("way", [0, 1, 2], ids=["spans", "summaries", "paper"])
def test_c3_real_reviews_are_kept_alike_however_they_are_batched(way: int) -> None:
    context = subset(hotels(1)[0], 20, 0)
    budget = Budget(MiniLmCounter(), LIMIT)
    encoder = MiniLmEncoder.load()

    together, alone = (
        stages(reader)[way].compress(context, budget) for reader in (encoder, OneByOne(encoder))
    )

    assert [p.text for p in together.passages] == [p.text for p in alone.passages]
