"""Whether LexRank would choose better than the centroid does: ``python -m benchmarks.lexrank``.

The stage ``tcra-summary`` ranks sentences by their cosine to the centroid of their document, to
the query, and by what they add. Here LexRank takes the centroid's place and nothing else changes:
continuous LexRank (Erkan and Radev, JAIR 2004, section 3.3) over the same embeddings, damping .85,
cosines below 0 as 0, the best sentence of a document at 1. Gold passages alone, and with
distractors up to ten documents; with the query, and without it. Figures are the share of requests
of which an answer is kept, and the mean difference with half a 95 % interval.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Final

import click

from benchmarks.deletion import SETS, Request, requests
from benchmarks.hotels import Remembering
from benchmarks.pairs import machine
from compressors.budget import Budget, share_of
from compressors.extractive import ExtractiveSummarizer
from compressors.models.batches import SmallBatches
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.representatives import Representatives
from compressors.segmentation import RuleSegmenter
from compressors.tcra_summary import TcraSummary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compressors.protocols import Encoder

DOCUMENTS: Final = 10
RATES: Final = {"gold": (0.3, 0.5, 0.7), "all": (0.1, 0.3)}
_DAMPING: Final = 0.85
_STEPS: Final = 60


@dataclass(frozen=True, slots=True)
class LexRank(Representatives):
    """``Representatives`` with centrality in the place of the cosine to the centroid."""

    def _worth(
        self,
        sentences: Sequence[Any],
        vectors: NDArray[np.float32],
        wanted: NDArray[np.float32] | None,
    ) -> NDArray[np.float64]:
        import numpy as np

        worth = centrality(vectors)
        if wanted is not None:
            worth = (1 - self.query_weight) * worth + self.query_weight * (vectors @ wanted)
        early = 1.0 - np.array([sentence.place for sentence in sentences])
        return np.asarray(np.round(np.minimum(1.0, worth + self.position_weight * early), 5))


@dataclass(frozen=True, slots=True)
class ByLexRank(ExtractiveSummarizer):
    """The summarizer with that ranking."""

    @property
    def representatives(self) -> Representatives:
        return LexRank(
            self.encoder,
            self.segmenter,
            self.query_weight,
            self.position_weight,
            self.diversity,
        )


def centrality(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The stationary probabilities of a walk among sentences, ``[n]``, the highest at 1."""
    import numpy as np

    nearness = np.clip(vectors @ vectors.T, 0.0, None).astype(np.float64)
    steps = nearness / nearness.sum(axis=1, keepdims=True)
    found = np.full(len(vectors), 1 / len(vectors))
    for _ in range(_STEPS):
        found = (1 - _DAMPING) / len(vectors) + _DAMPING * (found @ steps)
    ranked: NDArray[np.float64] = found / found.max()
    return ranked


def table(encoder: Encoder, limit: int) -> Iterator[str]:
    yield (
        f"{'documents':10}{'query':>6}  {'set':9}{'rate':>5}{'centroid':>10}{'LexRank':>9}"
        f"{'LexRank gains':>17}"
    )
    segmenter, differences = RuleSegmenter(), []
    for documents, rates in RATES.items():
        asked = requests(limit, others=DOCUMENTS if documents == "all" else 0)
        for weight in (0.5, 0.0):
            ours = ExtractiveSummarizer(encoder, segmenter, query_weight=weight)
            theirs = ByLexRank(encoder, segmenter, query_weight=weight)
            for name in SETS:
                for rate in rates:
                    a = answered(ours, asked[name], rate)
                    b = answered(theirs, asked[name], rate)
                    gains = [y - x for x, y in zip(a, b, strict=True)]
                    differences += gains
                    yield (
                        f"{documents:10}{'yes' if weight else 'no':>6}  {name:9}{rate:5}"
                        f"{fmean(a):10.3f}{fmean(b):9.3f}{interval(gains):>17}"
                    )
    yield f"all {len(differences)} comparisons: {interval(differences)}"


def answered(
    summarizer: ExtractiveSummarizer, asked: Sequence[Request], rate: float
) -> list[float]:
    stage, budget = TcraSummary(summarizer, "minilm"), Budget(MiniLmCounter())
    kept: list[float] = []
    for request in asked:
        limited = budget.limited_to(share_of(budget.count(request.context.text), rate))
        kept.append(float(request.holds(stage.compress(request.context, limited).text)))
    return kept


def interval(gains: Sequence[float]) -> str:
    half = 1.96 * stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
    return f"{fmean(gains):+.3f} ± {half:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--requests", type=int, default=40, help="of each set")
    options = parser.parse_args()
    click.echo(machine())
    for line in table(Remembering(MiniLmEncoder.load(wrap=SmallBatches)), options.requests):
        click.echo(line)


if __name__ == "__main__":
    main()
