"""How well the head for words agrees with editors: ``python -m training.words``.

Measured on the compression pairs that the recipe happens never to draw, which can be told again
from its seed.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean

from compressors.models.embedded import WEIGHTS, EmbeddedModel
from compressors.protocols import Pieces
from training.batches import PAIRS_IN_A_ROW
from training.data import compression_pairs
from training.recipe import STAGES, Recipe, chance

_TOKEN = re.compile(r"\w+|[^\w\s]")

Words = Callable[[Pieces], Sequence[float]]


def main() -> None:
    """Print how many of the words that editors kept are kept at their own rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--limit", type=int, help="pairs at most")
    arguments = parser.parse_args()
    pairs = undrawn(STAGES.values())[: arguments.limit]
    model = EmbeddedModel.load(arguments.folder).words
    rng = random.Random(13)  # noqa: S311 - reproducible, not secret
    ways: dict[str, Words] = {
        "first words": lambda piece: [-start for start, _ in piece.ranges],
        "random words": lambda piece: [rng.random() for _ in piece.ranges],
        "longest words": lambda piece: [end - start for start, end in piece.ranges],
        "Condensery": lambda piece: model.score([piece])[0],
    }
    for label, score in ways.items():
        shares = [agreement(original, keep, score) for original, keep in pairs]
        sys.stdout.write(f"{label:15} {fmean(shares):.3f} of the kept words, {len(pairs)} pairs\n")


def undrawn(stages: Iterable[Recipe]) -> list[tuple[str, str]]:
    """The pairs that no step of any stage trains on."""
    pairs = compression_pairs()
    drawn: set[int] = set()
    for recipe in stages:
        for step in range(0, recipe.steps, recipe.keep_every):
            rng = chance(recipe.seed, -1 - step)
            for _ in range(recipe.keep_rows):
                drawn.update(rng.sample(range(len(pairs)), rng.randint(1, PAIRS_IN_A_ROW)))
    return [pair for index, pair in enumerate(pairs) if index not in drawn]


def agreement(original: str, keep: str, score: Words) -> float:
    """Which share of the words that the editor kept are among as many with the best scores."""
    piece = Pieces(original, tuple(match.span() for match in _TOKEN.finditer(original)))
    scores = score(piece)
    kept = {index for index, flag in enumerate(keep) if flag == "1"}
    best = sorted(range(len(scores)), key=lambda index: -scores[index])[: len(kept)]
    return len(kept & set(best)) / max(1, len(kept))


if __name__ == "__main__":
    main()
