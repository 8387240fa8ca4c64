"""What clustering is good for, on hotel reviews: ``python -m benchmarks.clustering``.

All without a query, on subsets of 4 to 75 reviews of one hotel (SPACE, in the shared data):

growth     tokens in and out at one budget and the paper's four clusters (C6), what the worst subset
           saves, and how long the clustering takes (C14). The budget is by default the largest
           multiple of 50 at which each of the subsets of four loses the 46 % that the paper names;
coverage   at that budget and at the 468 tokens of the paper's 75 reviews, how much of what people
           wrote in summaries by aspect is kept: share of their content words, and the cosine of
           each of their sentences to the nearest kept one; and how often a planted review about
           something else is still heard of (C9). ``everything`` is the most that can be had;
memory     a request with summaries that were written before against one that writes them (C13);
silhouette with ``--silhouettes``: what the number of clusters is decided by, reviews of one hotel
           against reviews of several, better with all 11 hotels. This is how
           ``SphericalKMeans.min_silhouette`` was set.

``paper`` is ``PaperCrag``: plain k-means, k = 4, an extractive summary of each cluster that does
not read the query, in equal shares. The paper has summaries written by LLMs; none is at hand here,
so this is its clustering and assembly, not its prose. ``crag`` is the product without a query.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import fmean, median, quantiles
from typing import Final

import click

from benchmarks.hotels import PLANTED, Hotel, Remembering, hotels, subset
from benchmarks.pairs import machine, paired
from compressors.budget import Budget
from compressors.crag import Crag, PaperCrag
from compressors.extractive import ExtractiveSummarizer
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.protocols import Clusterer, Encoder, Summarizer
from compressors.segmentation import RuleSegmenter
from compressors.selection import Candidate, select
from compressors.summary_cache import CachedSummarizer, SummaryCache
from compressors.tcra_summary import TcraSummary
from compressors.values import Context, Document, Passage
from compressors.vectors import encoded, passage_vectors, sentences_of, slices
from retrieval.clustering import (
    EuclideanKMeans,
    SphericalKMeans,
    canonical_order,
    centred,
    k_means,
    silhouette,
)

SIZES: Final = (4, 10, 20, 40, 75)
SUBSETS: Final = 3
PAPERS: Final = 468
"""Tokens that the paper makes of 75 reviews."""
LEAST: Final = 0.46
"""What the paper saves at the least."""
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
class Bench:
    """The methods and what they share."""

    encoder: Encoder
    counter: MiniLmCounter
    segmenter: RuleSegmenter

    def crag(self, clusters: int | None, summarizer: Summarizer | None = None) -> Crag:
        return Crag(
            self.encoder,
            SphericalKMeans(),
            self.segmenter,
            "minilm",
            summarizer,
            clusters=clusters,
            query_weight=0.0,
        )

    def extractive(self) -> ExtractiveSummarizer:
        return ExtractiveSummarizer(self.encoder, self.segmenter, query_weight=0.0)

    def paper(self) -> PaperCrag:
        return PaperCrag(
            self.encoder, EuclideanKMeans(), self.segmenter, "minilm", self.extractive()
        )

    def growing(self) -> dict[str, Method]:
        """The ways of one number of clusters."""
        return {
            "paper": self.paper().compress,
            "crag k=4": self.crag(4).compress,
            "crag k=4, summaries": self.crag(4, self.extractive()).compress,
        }

    def methods(self) -> dict[str, Method]:
        """By the name that the table shows."""
        return {
            "crag": self.crag(None).compress,
            "crag, summaries": self.crag(None, self.extractive()).compress,
            **self.growing(),
            "no clusters": self.crag(1).compress,
            "tcra-summary": TcraSummary(self.extractive(), "minilm").compress,
            "random": self._ranked_by(lambda _, rng: rng.random()),
            "lead": self._ranked_by(lambda place, _: 1 - place / 1000),
            "everything": lambda context, _: context,
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


def budget_for(bench: Bench, found: Sequence[Hotel]) -> int:
    """The largest multiple of 50 at which every subset of four reviews loses what it should."""
    counter = Budget(bench.counter)
    least = min(counter.count(subset(h, 4, seed).text) for h in found for seed in range(SUBSETS))
    return max(50, int(least * (1 - LEAST)) // 50 * 50)


def growth(bench: Bench, found: Sequence[Hotel], limit: int) -> Iterator[str]:
    yield f"growth at {limit} tokens, {len(found)} hotels, {SUBSETS} subsets of each"
    yield (
        f"{'method':>20} {'reviews':>8} {'tokens in':>10} {'out':>6} {'saved':>7} {'at worst':>9}"
    )
    budget = Budget(bench.counter, limit)
    for name, method in bench.growing().items():
        means: list[tuple[float, float]] = []
        for n in SIZES:
            given = [subset(hotel, n, seed) for hotel in found for seed in range(SUBSETS)]
            before = [budget.count(context.text) for context in given]
            after = [budget.count(method(context, budget).text) for context in given]
            means.append((fmean(before), fmean(after)))
            worst = min(1 - b / a for a, b in zip(before, after, strict=True))
            raw, kept = means[-1]
            saved = 1 - kept / raw
            yield f"{name:>20} {n:>8} {raw:>10.0f} {kept:>6.0f} {saved:>7.1%} {worst:>9.1%}"
        (few, few_kept), (many, many_kept) = means[0], means[-1]
        grown = many_kept / few_kept
        yield f"{name:>20} grows {grown:.2f}x where the reviews grow {many / few:.1f}x"
    # A summarizer that writes has to read everything first; from the second request on, the cache.
    once = many + many_kept
    yield (
        f"ledger of a summarizer that reads the 75 once ({once:.0f} tokens): net"
        f" {many - many_kept - once:+.0f} after 1 request, {10 * (many - many_kept) - once:+.0f}"
        " after 10 with a warm cache"
    )


def times(bench: Bench, found: Sequence[Hotel]) -> Iterator[str]:
    yield f"{'clustering':>20} {'reviews':>8} {'median ms':>10} {'most ms':>8}"
    ways: dict[str, Clusterer] = {"crag": SphericalKMeans(), "paper": EuclideanKMeans()}
    for (name, means), n in product(ways.items(), (*SIZES, 100)):
        seconds: list[float] = []
        for hotel, seed in product(found, range(SUBSETS)):
            passages = subset(hotel, n, seed).passages
            vectors = passage_vectors(bench.encoder, bench.segmenter, passages)
            start = time.thread_time()
            means.labels(vectors, None)
            seconds.append(1000 * (time.thread_time() - start))
        yield f"{name:>20} {n:>8} {median(seconds):>10.1f} {max(seconds):>8.1f}"


def coverage(bench: Bench, found: Sequence[Hotel], limit: int) -> Iterator[str]:
    yield f"coverage at {limit} tokens"
    yield f"{'method':>20} {'reviews':>8} {'tokens':>7} {'words':>7} {'cosine':>7} {'planted':>8}"
    for n, (name, method) in product((4, 20, 75), bench.methods().items()):
        rows = [
            _covered(bench, hotel, method, n, seed, limit)
            for hotel in found
            for seed in range(SUBSETS)
        ]
        tokens, words, cosine, planted = (fmean(column) for column in zip(*rows, strict=True))
        yield f"{name:>20} {n:>8} {tokens:>7.0f} {words:>7.1%} {cosine:>7.3f} {planted:>8.0%}"


def memory(bench: Bench, found: Sequence[Hotel], limit: int) -> Iterator[str]:
    yield f"20 reviews, extractive summaries: {'written':>11} {'there':>11} ratio of medians"
    budget = Budget(bench.counter, limit)
    context = subset(found[0], 20, 0)
    cached = CachedSummarizer(bench.extractive(), SummaryCache())
    pairs = paired(
        lambda: bench.crag(4, bench.extractive()).compress(context, budget),
        lambda: bench.crag(4, cached).compress(context, budget),
        rounds=3,
    )
    yield f"{'':>33} {pairs}"


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
        if mixed > len(found):
            continue
        values = []
        for seed in range(max(len(found), 8)):
            chosen = random.Random(seed).sample(range(len(found)), mixed)  # noqa: S311
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
    parser.add_argument("--hotels", type=int, default=2, help="11 at most")
    parser.add_argument("--tokens", type=int, help="the budget; see above")
    parser.add_argument("--silhouettes", action="store_true", help="another table")
    options = parser.parse_args()
    plain = Bench(MiniLmEncoder.load(), MiniLmCounter(), RuleSegmenter())
    bench = replace(plain, encoder=Remembering(plain.encoder))
    found = hotels(options.hotels)
    limit = options.tokens or budget_for(bench, hotels(11))
    for table in (
        growth(bench, found, limit),
        times(bench, found),
        coverage(bench, found, limit),
        coverage(bench, found, PAPERS),
        memory(plain, found, limit),
        *([silhouettes(bench, found)] if options.silhouettes else []),
    ):
        click.echo(machine())
        for line in table:
            click.echo(line)
        click.echo()


if __name__ == "__main__":
    main()
