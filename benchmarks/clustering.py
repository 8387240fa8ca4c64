"""What clustering is good for, on hotel reviews: ``python -m benchmarks.clustering``.

Three tables, all without a query, on subsets of 4 to 75 reviews (SPACE, in the shared data):

growth     tokens in and out at one budget and the paper's four clusters (C6), and the time;
coverage   at that budget, how much of what people wrote in summaries by aspect is kept: share of
           their content words, and the cosine of each of their sentences to the nearest kept one;
           and how often a planted review about something else is still heard of (C9);
silhouette what the number of clusters is decided by: reviews of one hotel against reviews of
           several. This is how ``SphericalKMeans.min_silhouette`` was set.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, quantiles
from typing import TYPE_CHECKING, Final

import click

from compressors.budget import Budget
from compressors.crag import Crag
from compressors.extractive import ExtractiveSummarizer
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.protocols import Encoder
from compressors.segmentation import RuleSegmenter
from compressors.selection import Candidate, select
from compressors.tcra_summary import TcraSummary
from compressors.values import Context, Document, Passage
from compressors.vectors import encoded, passage_vectors, sentences_of, slices
from retrieval.clustering import SphericalKMeans, canonical_order, centred, k_means, silhouette

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIZES: Final = (4, 10, 20, 40, 75)
SUBSETS: Final = 3
PLANTED: Final = (
    "The battery of this phone died after two days.",
    "My divorce lawyer never answered a single call.",
    "The second novel has a weak ending.",
    "This lawn mower starts on the first pull.",
)
_STOP: Final = frozenset(
    re.findall(
        r"\w+",
        "a about all also an and are as at be been but by can for from had has have i in is it its"
        " many most of on or our so some that the their them there they this to very was we were"
        " which who with you your",
    )
)

Method = Callable[[Context, Budget], Context]


@dataclass(frozen=True, slots=True)
class Hotel:
    """Its reviews, and what people wrote about each of its aspects when they had read them."""

    reviews: tuple[str, ...]
    aspects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remembering:
    """An ``Encoder`` that reads no text twice, so that methods can be compared in little time."""

    encoder: Encoder
    known: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        new = sorted({text for text in texts if text not in self.known}, key=len)
        for start in range(0, len(new), 32):
            batch = new[start : start + 32]
            self.known.update(zip(batch, self.encoder.encode(batch), strict=True))
        return np.stack([self.known[text] for text in texts])


def hotels(limit: int) -> list[Hotel]:
    """The hotels of the shared data."""
    root = Path(os.environ.get("CONDENSERY_DATA", Path(__file__).parents[2] / "shared/data"))
    with gzip.open(root / "nc-reviews/space_leval.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][:limit]
    return [
        Hotel(tuple(row["reviews"]), tuple(a["summary"] for a in row["aspect_summaries"]))
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Bench:
    """The methods and what they share."""

    encoder: Encoder
    counter: MiniLmCounter
    segmenter: RuleSegmenter

    def crag(self, clusters: int | None) -> Crag:
        means = SphericalKMeans()
        return Crag(
            self.encoder, means, self.segmenter, "minilm", clusters=clusters, query_weight=0.0
        )

    def methods(self) -> dict[str, Method]:
        """By the name that the table shows."""
        extractive = ExtractiveSummarizer(self.encoder, self.segmenter, query_weight=0.0)
        return {
            "crag": self.crag(None).compress,
            "crag k=4": self.crag(4).compress,
            "no clusters": self.crag(1).compress,
            "tcra-summary": TcraSummary(extractive, "minilm").compress,
            "random": self._ranked_by(lambda _, rng: rng.random()),
            "lead": self._ranked_by(lambda place, _: 1 - place / 1000),
        }

    def _ranked_by(self, score: Callable[[int, random.Random], float]) -> Method:
        def keep(context: Context, budget: Budget) -> Context:
            rng = random.Random(0)  # noqa: S311 - not for secrets
            candidates = [
                Candidate(index, parts[0][0], parts[-1][1], score(place, rng))
                for index, passage in enumerate(context.passages)
                for place, parts in enumerate(sentences_of(passage, self.segmenter))
            ]
            return select(context, candidates, budget, threshold=0.0)

        return keep

    def sentences(self, passages: Sequence[Passage]) -> list[str]:
        return [
            slices(passage.document.text, parts).strip()
            for passage in passages
            for parts in sentences_of(passage, self.segmenter)
        ]


def subset(hotel: Hotel, n: int, seed: int, planted: str = "") -> Context:
    """``n`` reviews of a hotel in an order of their own; one more if a text is planted."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    texts = rng.sample(hotel.reviews, n)
    if planted:
        texts.insert(rng.randrange(n + 1), planted)
    return Context.of("", [Document(str(i), text) for i, text in enumerate(texts)])


def growth(bench: Bench, found: Sequence[Hotel], limit: int) -> Iterator[str]:
    yield f"{'reviews':>8} {'tokens in':>10} {'out':>6} {'kept':>6} {'cluster ms':>11}"
    stage = bench.crag(4)
    means: list[tuple[float, float]] = []
    for n in SIZES:
        before: list[int] = []
        after: list[int] = []
        seconds: list[float] = []
        for context in (subset(h, n, seed) for h in found for seed in range(SUBSETS)):
            budget = Budget(bench.counter, limit)
            before.append(budget.count(context.text))
            after.append(budget.count(stage.compress(context, budget).text))
            vectors = passage_vectors(bench.encoder, bench.segmenter, context.passages)
            start = time.thread_time()
            SphericalKMeans().labels(vectors, None)
            seconds.append(time.thread_time() - start)
        given, kept = fmean(before), fmean(after)
        means.append((given, kept))
        cost = 1000 * fmean(seconds)
        yield f"{n:>8} {given:>10.0f} {kept:>6.0f} {kept / given:>6.1%} {cost:>11.1f}"
    (given, kept), (many_given, many_kept) = means[0], means[-1]
    yield f"growth: {many_given / given:.1f}x in, {many_kept / kept:.2f}x out"


def coverage(bench: Bench, found: Sequence[Hotel], limit: int) -> Iterator[str]:
    yield f"{'method':>14} {'reviews':>8} {'tokens':>7} {'words':>7} {'cosine':>7} {'planted':>8}"
    for n in (20, 75):
        for name, method in bench.methods().items():
            rows = [
                _covered(bench, hotel, method, n, seed, limit)
                for hotel in found
                for seed in range(SUBSETS)
            ]
            tokens, words, cosine, planted = (fmean(column) for column in zip(*rows, strict=True))
            yield f"{name:>14} {n:>8} {tokens:>7.0f} {words:>7.1%} {cosine:>7.3f} {planted:>8.0%}"


def _covered(
    bench: Bench, hotel: Hotel, method: Method, n: int, seed: int, limit: int
) -> tuple[float, float, float, float]:
    budget = Budget(bench.counter, limit)
    kept = method(subset(hotel, n, seed), budget)
    wanted = bench.sentences([Passage.whole(Document("", text)) for text in hotel.aspects])
    given = encoded(bench.encoder, bench.sentences(kept.passages))
    cosine = float((encoded(bench.encoder, wanted) @ given.T).max(axis=1).mean())
    words = [_words(text) for text in hotel.aspects]
    shares = [len(own & _words(kept.text)) / len(own) for own in words]
    planted = PLANTED[seed % len(PLANTED)]
    heard = planted in method(subset(hotel, n, seed, planted), budget).text
    return budget.count(kept.text), fmean(shares), cosine, float(heard)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - _STOP


def silhouettes(bench: Bench, found: Sequence[Hotel]) -> Iterator[str]:
    yield f"{'hotels':>7} {'each':>5} {'q10':>6} {'median':>7} {'q90':>6}"
    for mixed, each in ((1, 10), (1, 20), (1, 40), (1, 75), (2, 5), (2, 20), (4, 5), (4, 20)):
        values = []
        for seed in range(max(len(found), 8)):
            chosen = random.Random(seed).sample(range(len(found)), min(mixed, len(found)))  # noqa: S311
            passages = [p for i in chosen for p in subset(found[i], each, seed).passages]
            vectors = passage_vectors(bench.encoder, bench.segmenter, passages)
            points = centred(vectors[canonical_order(vectors)])
            distances = 1 - points @ points.T
            most = min(10, len(points) - 1)
            values.append(
                max(silhouette(distances, k_means(points, k)) for k in range(2, most + 1))
            )
        low, *_, high = quantiles(values, n=10)
        middle = quantiles(values, n=2)[0]
        yield f"{mixed:>7} {each:>5} {low:>6.3f} {middle:>7.3f} {high:>6.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--hotels", type=int, default=11)
    parser.add_argument("--tokens", type=int, default=300, help="the budget")
    options = parser.parse_args()
    bench = Bench(Remembering(MiniLmEncoder.load()), MiniLmCounter(), RuleSegmenter())
    found = hotels(options.hotels)
    for table in (
        growth(bench, found, options.tokens),
        coverage(bench, found, options.tokens),
        silhouettes(bench, found),
    ):
        for line in table:
            click.echo(line)
        click.echo()


if __name__ == "__main__":
    main()
