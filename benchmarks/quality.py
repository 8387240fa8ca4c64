"""How much of what answers a query survives: ``python -m benchmarks.quality``.

All choose sentences of the same requests for the same token budget: the baselines by their scores,
greedily, Condensery through its own EXIT stage. ``gain`` is the difference to the best baseline.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final

from benchmarks.baselines import Cosine, Remembered, Scorer, chance, lead, lexical
from benchmarks.product import Product
from compressors.models.embedded import WEIGHTS
from training.data import benchmark_rows
from training.examples import LabelledDocument, annotated, answering, document
from training.holdout import normalised

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


Results = dict[str, dict[str, dict[float, list[Outcome]]]]


def requests(limit: int | None = None) -> dict[str, list[Request]]:
    """The benchmark sets, or an even part of each of at most ``limit`` requests."""
    sets = {}
    for name, rows in benchmark_rows().items():
        every = max(1, math.ceil(len(rows) / limit)) if limit else 1
        sets[name] = [_request(name, row) for row in rows[::every]]
    return sets


Chooser = Callable[[Request, Sequence[int], float], set[int]]
"""The numbers of the sentences to keep, given their tokens and the rate."""


def ranked(scorer: Scorer) -> Chooser:
    """Choose by score, greedily; a request is scored once for all rates."""
    last: list[Any] = [None, []]

    def choose(request: Request, costs: Sequence[int], rate: float) -> set[int]:
        if last[0] is not request:
            scores = scorer(request.query, request.given)
            last[:] = [request, [score for part in scores for score in part]]
        return selected(last[1], costs, rate)

    return choose


def measure(
    choose: Chooser, asked: Sequence[Request], costs: Sequence[Sequence[int]]
) -> dict[float, list[Outcome]]:
    """Every request at every rate; ``costs`` are the tokens of its sentences, in order."""
    outcomes: dict[float, list[Outcome]] = {rate: [] for rate in RATES}
    for request, cost in zip(asked, costs, strict=True):
        for rate in RATES:
            outcomes[rate].append(_outcome(request, choose(request, cost, rate), cost))
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
    gains = [
        float(a.answered) - float(b.answered)
        for a, b in zip(ours, theirs, strict=True)
        if a.answered is not None and b.answered is not None
    ]
    return fmean(gains), 1.96 * stdev(gains) / math.sqrt(len(gains))


def table(results: Results) -> Iterator[str]:
    """A row for each set and rate, a column for each way to choose: answers / support kept."""
    labels = list(results)
    yield "answers/support kept  " + "".join(f"{label:>16}" for label in labels) + "   gain"
    for name, by_rate in results[labels[-1]].items():
        for rate, ours in by_rate.items():
            cells = [summary(results[label][name][rate]) for label in labels]
            best = max(cells[:-1], key=lambda cell: cell["answer_kept"], default=cells[-1])
            rival = results[labels[cells.index(best)]][name][rate]
            gain, half = difference(ours, rival)
            shown = "".join(
                f"{cell['answer_kept']:.3f} / {cell['support_kept']:.3f}".rjust(16)
                for cell in cells
            )
            yield f"{name:10} {len(ours):4} {rate:5} {shown}   {gain:+.3f} ± {half:.3f}"


def run(choosers: Mapping[str, Chooser], limit: int | None) -> Results:
    """Outcomes by chooser, set and rate."""
    sets = requests(limit)
    count = counter()
    costs = {
        name: [count([s for _, part in one.given for s in part]) for one in asked]
        for name, asked in sets.items()
    }
    return {
        label: {name: measure(choose, asked, costs[name]) for name, asked in sets.items()}
        for label, choose in choosers.items()
    }


def choosers(folder: Path) -> dict[str, Chooser]:
    """The baselines, and last the product with the weights in ``folder``."""
    product = Product.load(folder)

    def ours(request: Request, costs: Sequence[int], rate: float) -> set[int]:
        return product.kept(request.query, request.documents, sum(costs), rate)

    return {
        "lead": ranked(lead),
        "random": ranked(chance),
        "BM25": ranked(lexical),
        "MiniLM cosine": ranked(Remembered(Cosine.load(), CACHE / "minilm-cosine.jsonl")),
        "Condensery": ours,
    }


def main() -> None:
    """Print the table, or all means as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, help="requests of each set at most")
    parser.add_argument("--json", action="store_true", help="means instead of the table")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the model")
    arguments = parser.parse_args()
    results = run(choosers(arguments.weights), arguments.limit)
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
