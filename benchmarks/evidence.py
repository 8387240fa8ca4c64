"""How often evidence is called insufficient: ``python -m benchmarks.evidence FILE …``.

Each request of the files, rows as in the shared data, is judged twice by the stage ``exit``: with
its documents, and without those that answer it. The first should not be called insufficient, the
second should. Sets name one gold document or some; others may answer a query too, so that not even
a perfect judge would have a share of 1 in the second column.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from condensery import Client, Document, Stage
from evaluation.rows import examples
from evaluation.values import Example

THRESHOLDS: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)

# Keeps all sentences, so that all are there with their probabilities.
_JUDGE: Final = Stage("exit", options={"threshold": 0.0})

Pair = tuple[float, float]
"""The best probability of a sentence: with all documents, and without the gold ones."""


def pairs(client: Client, asked: Iterable[Example]) -> Iterator[Pair]:
    """The pair of each example that has documents of both kinds."""
    for example in asked:
        others = tuple(one for one in example.documents if not one.is_gold)
        if others and len(others) < len(example.documents):
            without = replace(example, documents=others)
            yield _best(client, example), _best(client, without)


def shares(found: Sequence[Pair], threshold: float) -> Pair:
    """The share of requests that a threshold calls insufficient: with the gold ones, without."""
    called = [(best < threshold, without < threshold) for best, without in found]
    with_gold, without_gold = zip(*called, strict=True)
    return sum(with_gold) / len(found), sum(without_gold) / len(found)


def table(name: str, found: Sequence[Pair]) -> str:
    """Markdown: the shares for each threshold, and their mean accuracy."""
    head = ("called insufficient below", "with the answer", "without it", "right in the mean")
    lines = [f"{name}, {len(found)} requests", "", f"| {' | '.join(head)} |", "| --- " * 4 + "|"]
    for threshold in THRESHOLDS:
        with_gold, without_gold = shares(found, threshold)
        right = (1 - with_gold + without_gold) / 2
        lines.append(f"| {threshold:.2f} | {with_gold:.2f} | {without_gold:.2f} | {right:.2f} |")
    return "\n".join(lines)


def evenly(asked: Sequence[Example], limit: int | None) -> Sequence[Example]:
    """An even part of at most ``limit`` examples."""
    return asked[:: max(1, math.ceil(len(asked) / limit))] if limit else asked


def _best(client: Client, example: Example) -> float:
    documents = [
        Document(str(number), one.text, one.title) for number, one in enumerate(example.documents)
    ]
    result = client.compress(example.query, documents, stages=[_JUDGE])
    scores = (span.score for document in result.documents for span in document.spans)
    return max(scores, default=0.0)


def main() -> None:
    """Print a table for each file."""
    from rich.console import Console
    from rich.progress import track

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, help="requests of a file, at most")
    given = parser.parse_args()
    with Client.in_process(timeout=600) as client:
        for file in given.files:
            asked = evenly(list(examples(file)), given.limit)
            name = file.name.removesuffix(".gz").removesuffix(".jsonl")
            # The table may go into a file.
            shown = track(asked, name, console=Console(stderr=True))
            found = list(pairs(client, shown))
            sys.stdout.write(f"{table(name, found)}\n\n" if found else f"{name}: no such pairs\n\n")


if __name__ == "__main__":
    main()
