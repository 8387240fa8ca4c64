"""How much of what answers a query survives: ``python -m benchmarks.quality``.

Every scorer ranks the sentences of the same requests, and the same greedy selection fills the
same token budget by its ranking, so that only the scores differ.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Final

from benchmarks.baselines import Cosine, Remembered, Scorer, chance, lead, lexical
from training.data import benchmark_rows
from training.examples import LabelledDocument, annotated, answering, document
from training.holdout import normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RATES: Final = (0.1, 0.2, 0.3)
CACHE: Final = Path(__file__).resolve().parents[1] / ".cache" / "quality"


@dataclass(frozen=True, slots=True)
class Request:
    """A query with its documents; ``answers`` is empty where only the support can be checked."""

    query: str
    answers: tuple[str, ...]
    documents: tuple[LabelledDocument, ...]

    @property
    def given(self) -> list[tuple[str, list[str]]]:
        """What a scorer sees: title and sentences."""
        return [(one.title, [one.text[a:b] for a, b in one.spans]) for one in self.documents]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request at one rate; ``None`` where there is nothing to measure."""

    answered: bool | None
    supported: float | None
    rate: float


def requests(limit: int | None = None) -> dict[str, list[Request]]:
    """The benchmark sets, or an even part of each of at most ``limit`` requests."""
    sets = {}
    for name, rows in benchmark_rows().items():
        every = max(1, math.ceil(len(rows) / limit)) if limit else 1
        sets[name] = [_request(name, row) for row in rows[::every]]
    return sets


def measure(
    scorer: Scorer, asked: Sequence[Request], costs: Sequence[Sequence[int]]
) -> dict[float, list[Outcome]]:
    """Every request at every rate; ``costs`` are the tokens of its sentences, in order."""
    outcomes: dict[float, list[Outcome]] = {rate: [] for rate in RATES}
    for request, cost in zip(asked, costs, strict=True):
        scores = [score for part in scorer(request.query, request.given) for score in part]
        for rate in RATES:
            kept = selected(scores, cost, rate)
            outcomes[rate].append(_outcome(request, kept, cost))
    return outcomes


def selected(scores: Sequence[float], costs: Sequence[int], rate: float) -> set[int]:
    """The best sentences that fit into ``rate`` of all tokens, taken greedily."""
    left = rate * sum(costs)
    kept = set()
    for index in sorted(range(len(scores)), key=lambda at: (-scores[at], at)):
        if costs[index] <= left:
            kept.add(index)
            left -= costs[index]
    return kept


def counter() -> Callable[[list[str]], list[int]]:
    """Counts tokens as the embedded model does."""
    from tokenizers import Tokenizer

    from training.model import base_folder

    tokenizer = Tokenizer.from_file(str(base_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: list[str]) -> list[int]:
        return [len(one.ids) for one in tokenizer.encode_batch(texts, add_special_tokens=False)]

    return count


def _request(name: str, row: dict[str, Any]) -> Request:
    answers = tuple(a for a in row["answers"] if normalised(a) not in {"yes", "no", ""})
    rows = list(row["documents"])
    if name == "nq20":
        # The data set always puts the gold document first.
        random.Random(row["id"]).shuffle(rows)  # noqa: S311 - reproducible, not secret
    return Request(row["query"], answers, tuple(_document(one, answers) for one in rows))


def _document(row: dict[str, Any], answers: tuple[str, ...]) -> LabelledDocument:
    if not row["is_gold"]:
        return document(row["title"], row["text"])
    if "sentences" in row:
        return annotated(row["title"], row["sentences"], row.get("supporting", []))
    if "answer_spans" in row:
        return document(row["title"], row["text"], tuple(map(tuple, row["answer_spans"])))
    return answering(row["title"], row["text"], answers)


def _outcome(request: Request, kept: set[int], costs: Sequence[int]) -> Outcome:
    texts, needed = [], set()
    index = 0
    for one in request.documents:
        for at, (start, end) in enumerate(one.spans):
            if index in kept:
                texts.append(one.text[start:end])
            if at in one.support:
                needed.add(index)
            index += 1
    words = f" {normalised(' '.join(texts))} "
    found = any(f" {normalised(answer)} " in words for answer in request.answers)
    return Outcome(
        found if request.answers else None,
        len(needed & kept) / len(needed) if needed else None,
        sum(costs[at] for at in kept) / max(1, sum(costs)),
    )


def summary(outcomes: list[Outcome]) -> dict[str, float]:
    """Means over the requests for which there is something to measure."""
    answered = [one.answered for one in outcomes if one.answered is not None]
    supported = [one.supported for one in outcomes if one.supported is not None]
    return {
        "answer_kept": fmean(answered),
        "support_kept": fmean(supported),
        "token_rate": fmean(one.rate for one in outcomes),
        "requests": len(outcomes),
    }


def difference(ours: list[Outcome], theirs: list[Outcome]) -> tuple[float, float]:
    """How many more answers the first kept, paired by request, with half a 95 % interval."""
    pairs = zip(ours, theirs, strict=True)
    gains = [
        float(a.answered) - float(b.answered)
        for a, b in pairs
        if a.answered is not None and b.answered is not None
    ]
    return fmean(gains), 1.96 * stdev(gains) / math.sqrt(len(gains))


def table(results: dict[str, dict[str, dict[float, list[Outcome]]]]) -> Iterator[str]:
    """Lines with a row per scorer and a column per set and rate: answers / support kept."""
    sets = list(next(iter(results.values())))
    yield f"{'answers/support kept':22}" + "".join(f"| {name:31}" for name in sets)
    rates = "".join(f"{'at ' + str(rate):>10}" for rate in RATES)
    yield " " * 22 + "".join(f"| {rates} " for _ in sets)
    for scorer, by_set in results.items():
        line = f"{scorer:22}"
        for name in sets:
            cells = [summary(by_set[name][rate]) for rate in RATES]
            line += (
                "| "
                + "".join(
                    f"  {cell['answer_kept']:.2f}/{cell['support_kept']:.2f}"[:11].rjust(10)
                    for cell in cells
                )
                + " "
            )
        yield line


def run(scorers: dict[str, Scorer], limit: int | None) -> dict[str, Any]:
    """Outcomes by scorer, set and rate."""
    sets = requests(limit)
    count = counter()
    costs = {
        name: [count([s for _, part in one.given for s in part]) for one in asked]
        for name, asked in sets.items()
    }
    return {
        label: {name: measure(scorer, asked, costs[name]) for name, asked in sets.items()}
        for label, scorer in scorers.items()
    }


def baselines() -> dict[str, Scorer]:
    """The scorers that ours is compared with."""
    return {
        "lead": lead,
        "random": chance,
        "BM25": lexical,
        "MiniLM cosine": Remembered(Cosine.load(), CACHE / "minilm-cosine.jsonl"),
    }


def main() -> None:
    """Print the table, or write all means as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, help="requests of each set at most")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--checkpoint", type=Path, help="weights under training to look at")
    arguments = parser.parse_args()
    scorers = baselines()
    if arguments.checkpoint:
        from training.scoring import TrainedScorer

        scorers["checkpoint"] = TrainedScorer.of_checkpoint(arguments.checkpoint)
    results = run(scorers, arguments.limit)
    if arguments.json:
        means = {
            label: {
                name: {str(rate): summary(part) for rate, part in by_rate.items()}
                for name, by_rate in by_set.items()
            }
            for label, by_set in results.items()
        }
        sys.stdout.write(json.dumps(means, indent=1) + "\n")
        return
    for line in table(results):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
