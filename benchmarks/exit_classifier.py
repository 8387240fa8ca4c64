"""EXIT's test of its classifier, with the embedded model: ``python -m benchmarks.exit_classifier``.

Source: arXiv 2412.12559: positives, hard and random negatives of HotpotQA, 2:1:1; F1 over all of
them, over positives with the random negatives, and with the hard ones. Each sentence is judged in
its own document alone. The prior of these rows is not that of retrieved documents, so beside the
product's threshold stands the one that is best on the calibration split.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from compressors import Pieces, SentenceScorer
from compressors.models.embedded import WEIGHTS, EmbeddedModel
from compressors.segmentation import RuleSegmenter
from training.data import benchmark_rows, corpus
from training.examples import Group, annotated, document
from training.exit_rows import ExitRow, Kind, exit_rows

_SET: Final = "hotpotqa"
_DEFAULT: Final = 0.5
_AGAINST: Final = {"all": tuple(Kind), "random": (Kind.RANDOM,), "hard": (Kind.HARD,)}


@dataclass(frozen=True, slots=True)
class Judged:
    """A row's kind, and the probability that the model gave its sentence."""

    kind: Kind
    probability: float


def main() -> None:
    """Print F1 at both thresholds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    scorer = EmbeddedModel.load(arguments.weights).sentences
    tried = judged(scorer, exit_rows(corpus().calibration[_SET]))
    best = max(sorted({one.probability for one in tried}), key=lambda at: f1(tried, at))
    rows = judged(scorer, exit_rows(_group(row) for row in benchmark_rows()[_SET]))
    counts = ", ".join(f"{sum(one.kind is kind for one in rows)} {kind.value}" for kind in Kind)
    click.echo(f"{len(rows)} rows ({counts}); threshold chosen on {len(tried)} others")
    for name, threshold in (("product", _DEFAULT), ("chosen", best)):
        shown = "  ".join(
            f"{label} {f1(against(rows, kinds), threshold):.3f}"
            for label, kinds in _AGAINST.items()
        )
        click.echo(f"F1 at {threshold:.3f} ({name}): {shown}")


def judged(scorer: SentenceScorer, rows: Sequence[ExitRow]) -> list[Judged]:
    """Every row with what the scorer says of its sentence; a document is read once a query."""
    known: dict[tuple[str, str], dict[str, float]] = {}
    found = []
    for row in rows:
        key = (row.prompt.query, row.prompt.context)
        if key not in known:
            known[key] = _scores(scorer, *key)
        found.append(Judged(row.kind, known[key][row.prompt.sentence]))
    return found


def _scores(scorer: SentenceScorer, query: str, context: str) -> dict[str, float]:
    # The titles of this data set are never empty, and are a line.
    title, _, text = context.partition("\n")
    spans = RuleSegmenter().spans(text)
    (scores,) = scorer.score(query, [Pieces(text, tuple(spans), title)])
    return {
        text[start:end].strip(): score for (start, end), score in zip(spans, scores, strict=True)
    }


def against(rows: Iterable[Judged], kinds: Sequence[Kind]) -> list[Judged]:
    """The positives, and the negatives of these kinds."""
    return [one for one in rows if one.kind is Kind.POSITIVE or one.kind in kinds]


def f1(rows: Sequence[Judged], threshold: float) -> float:
    """Of the positives, those with at least the threshold taken for such; 0 without any."""
    called = [one for one in rows if one.probability >= threshold]
    right = sum(one.kind is Kind.POSITIVE for one in called)
    positives = sum(one.kind is Kind.POSITIVE for one in rows)
    return 2 * right / (len(called) + positives) if right else 0.0


def _group(row: dict[str, Any]) -> Group:
    gold = [
        annotated(one["title"], one["sentences"], one.get("supporting", []))
        for one in row["documents"]
        if one["is_gold"]
    ]
    rest = [document(one["title"], one["text"]) for one in row["documents"] if not one["is_gold"]]
    return Group(_SET, row["id"], row["query"], tuple(gold), tuple(rest), tuple(row["answers"]))


if __name__ == "__main__":
    main()
