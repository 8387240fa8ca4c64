"""Whether TCRA beats deleting by lot (check T6): ``python -m benchmarks.deletion``.

The gold passages of questions of Natural Questions, SQuAD and HotpotQA, as the paper keeps no
other, are cut to three rates. Every way gets the same limit of tokens. Chance is the paper's
random deletion, of words and of whole sentences, five seeds each.

answers     share of the requests of which an answer still stands in what is kept, word by word
tokens      the rate achieved; no way has more than the limit, ways that keep sentences have less,
            and the summary is compared with random words of as many tokens as it has
gain        answers kept above random words, and above random sentences: means of the differences
            by request, the seeds averaged, with half a 95 % interval
cosine      of the embedding to that of the original, and how far it is above random words

``unprotected`` is the paper's ranking alone: no word goes last for what it is.

``--correlation`` prints how the ranking of the mode ``fast`` agrees with the exact one on the same
passages: Spearman's, sentence by sentence, and over all words at once; then the speed of both.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Final

import click

from benchmarks.pairs import machine, paired
from compressors.budget import Budget, share_of
from compressors.deletion import RandomSentences, RandomWords, keep_best_words
from compressors.extractive import ExtractiveSummarizer
from compressors.leave_one_out import Unit, units_of, worths
from compressors.models.batches import SmallBatches
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.one_pass import one_pass_worths
from compressors.segmentation import RuleSegmenter
from compressors.selection import ORDINARY
from compressors.tcra_semantic import Mode, TcraSemantic
from compressors.tcra_summary import TcraSummary
from compressors.values import Context, Document
from compressors.vectors import encoded, mean_direction
from training.data import benchmark_rows
from training.holdout import normalised

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compressors.selection import Candidate
    from compressors.vectors import Vectors

SETS: Final = ("nq20", "squad10", "hotpotqa")
RATES: Final = (0.3, 0.5, 0.7)
SEEDS: Final = (0, 1, 2, 3, 4)
WORDS, SENTENCES = "random words", "random sentences"
SUMMARY, AS_MUCH = "summary", "words, as summary"
_SHORTEST: Final = 5
"""Words of a sentence below which its ranking says nothing."""
_TIMED: Final = 4
"""Requests of each set that both modes are timed on."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question's gold passages, and its answers, normalised."""

    context: Context
    answers: tuple[str, ...]

    def holds(self, text: str) -> bool:
        words = f" {normalised(text)} "
        return any(f" {answer} " in words for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a way left of a request; of chance, means over the seeds."""

    answered: float
    rate: float
    cosine: float


Results = dict[tuple[str, float, str], list[Kept]]
"""By set, rate and way: one for each request, in order."""


def requests(limit: int, others: int = 0) -> dict[str, list[Request]]:
    """An even part of each set, of those requests whose answer stands in what is to be cut.

    That is the gold passages, and the others among the first ``others`` documents.
    """
    rows = benchmark_rows()
    found: dict[str, list[Request]] = {}
    for name in SETS:
        usable: list[Request] = []
        for row in rows[name]:
            answers = tuple(
                a for a in map(normalised, row["answers"]) if a not in {"yes", "no", ""}
            )
            documents = [
                Document(str(place), one["text"], one["title"])
                for place, one in enumerate(row["documents"])
                if one["is_gold"] or place < others
            ]
            request = Request(Context.of(row["query"], documents), answers)
            if request.holds(request.context.text):
                usable.append(request)
        found[name] = usable[:: max(1, len(usable) // limit)][:limit]
    return found


@dataclass(frozen=True, slots=True)
class Bench:
    """The ways and what they share."""

    encoder: MiniLmEncoder
    segmenter: RuleSegmenter = field(default_factory=RuleSegmenter)
    budget: Budget = field(default_factory=lambda: Budget(MiniLmCounter()))

    def kept(self, request: Request) -> dict[tuple[float, str], Kept]:
        """What is kept of a request, by rate and way; a sentence is read once for all rates."""
        context = request.context
        given = self.budget.count(context.text)
        original = self._vector(context)
        rankings = self._rankings(request)
        summary = TcraSummary(ExtractiveSummarizer(self.encoder, self.segmenter), "minilm")
        found: dict[tuple[float, str], Kept] = {}
        for rate in RATES:
            limited = self.budget.limited_to(share_of(given, rate))
            summarized = summary.compress(context, limited)
            as_much = limited.limited_to(max(1, limited.count(summarized.text)))
            by_sentence = [RandomSentences(seed, self.segmenter) for seed in SEEDS]
            results = {
                WORDS: [RandomWords(seed).compress(context, limited) for seed in SEEDS],
                SENTENCES: [stage.compress(context, limited) for stage in by_sentence],
                AS_MUCH: [RandomWords(seed).compress(context, as_much) for seed in SEEDS],
                SUMMARY: [summarized],
            }
            for way, candidates in rankings.items():
                results[way] = [keep_best_words(context, candidates, limited)]
            for way, contexts in results.items():
                found[rate, way] = Kept(
                    fmean(request.holds(each.text) for each in contexts),
                    fmean(self.budget.count(each.text) / given for each in contexts),
                    fmean(float(self._vector(each) @ original) for each in contexts),
                )
        return found

    def _rankings(self, request: Request) -> dict[str, list[Candidate]]:
        units = self.units(request)
        exact = TcraSemantic(self.encoder, self.segmenter, "minilm")
        ranked, _ = exact.candidates(request.context, units)
        fast, _ = replace(exact, mode=Mode.FAST).candidates(request.context, units)
        bare = [replace(candidate, rank=ORDINARY) for candidate in ranked]
        return {"semantic, exact": ranked, "semantic, fast": fast, "exact, unprotected": bare}

    def units(self, request: Request) -> dict[int, list[Unit]]:
        return {
            index: units_of(passage, self.segmenter, 64)
            for index, passage in enumerate(request.context.passages)
            if passage.spans
        }

    def _vector(self, context: Context) -> Vectors:
        # By passage, since the encoder reads 256 tokens.
        return mean_direction(encoded(self.encoder, [p.text for p in context.passages if p.spans]))


def measure(bench: Bench, limit: int) -> Results:
    results: Results = {}
    for name, asked in requests(limit).items():
        for request in asked:
            for (rate, way), kept in bench.kept(request).items():
                results.setdefault((name, rate, way), []).append(kept)
    for (_, rate, way), rows in list(results.items()):
        results.setdefault(("all", rate, way), []).extend(rows)
    return results


def table(results: Results) -> Iterator[str]:
    yield (
        f"{'set':9}{'rate':>5}  {'way':20}{'answers':>8}{'tokens':>8}"
        f"{'gain on words':>17}{'on sentences':>17}{'cosine':>8}{'gain':>8}"
    )
    for (name, rate, way), rows in results.items():
        words = results[name, rate, AS_MUCH if way == SUMMARY else WORDS]
        against = (words, results[name, rate, SENTENCES])
        gains = [f"{interval(rows, chance):>17}" for chance in against]
        cosine = fmean(row.cosine for row in rows)
        above = cosine - fmean(row.cosine for row in words)
        yield (
            f"{name:9}{rate:5}  {way:20}{fmean(row.answered for row in rows):8.3f}"
            f"{fmean(row.rate for row in rows):8.3f}{''.join(gains)}{cosine:8.3f}{above:+8.3f}"
        )


def interval(ours: Sequence[Kept], chance: Sequence[Kept]) -> str:
    """The mean gain by request, with half a 95 % interval."""
    gains = [a.answered - b.answered for a, b in zip(ours, chance, strict=True)]
    half = 1.96 * stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
    return f"{fmean(gains):+.3f} ± {half:.3f}"


def correlation(bench: Bench, limit: int, rounds: int) -> Iterator[str]:
    """How the rankings agree, and how fast each is made."""
    yield f"{'set':9}{'sentences':>10}{'words':>7}{'by sentence':>17}{'all words':>11}"
    timed: list[Unit] = []
    for name, asked in requests(limit).items():
        units = [unit for one in asked for own in bench.units(one).values() for unit in own]
        units = [unit for unit in units if len(unit.words) >= _SHORTEST]
        exact, fast = worths(bench.encoder, units), one_pass_worths(bench.encoder, units)
        each = [spearman(a, b) for a, b in zip(exact, fast, strict=True)]
        both = spearman([w for row in exact for w in row], [w for row in fast for w in row])
        half = 1.96 * stdev(each) / math.sqrt(len(each))
        yield (
            f"{name:9}{len(units):10}{sum(map(len, exact)):7}"
            f"{fmean(each):+11.3f} ± {half:.3f}{both:+11.3f}"
        )
        timed += [u for one in asked[:_TIMED] for own in bench.units(one).values() for u in own]
    yield ""
    yield f"{len(timed)} sentences: exact, fast, how many times as fast"
    yield str(
        paired(
            lambda: worths(bench.encoder, timed),
            lambda: one_pass_worths(bench.encoder, timed),
            rounds,
        )
    )


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """The correlation of the ranks; equal values share the mean of theirs."""
    import numpy as np

    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    import numpy as np

    _, places, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: NDArray[np.float64] = (last - (counts - 1) / 2)[places]
    return means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--requests", type=int, default=15, help="of each set")
    parser.add_argument(
        "--correlation", action="store_true", help="of the mode fast, and its speed"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of the timing")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    encoder = MiniLmEncoder.load(device=options.device, dtype=options.dtype, wrap=SmallBatches)
    bench = Bench(encoder)
    click.echo(machine(options.device))
    lines = (
        correlation(bench, options.requests, options.rounds)
        if options.correlation
        else table(measure(bench, options.requests))
    )
    for line in lines:
        click.echo(line)


if __name__ == "__main__":
    main()
