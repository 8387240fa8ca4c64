"""Fit how neural and lexical evidence join to a probability: ``python -m training.fusion``.

Uses the calibration split only, which is neither trained on nor part of the benchmark. Writes the
weights into ``config.json`` beside the exported model.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final

from tqdm import tqdm

from compressors.fusion import Evidence, Fusion, evidence
from compressors.models.embedded import WEIGHTS, EmbeddedModel
from compressors.protocols import Pieces
from training.data import corpus
from training.examples import Group

_NAMES: Final = tuple(field.name for field in fields(Evidence))
_DISTRACTORS: Final = 9
_RIDGE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Judged:
    """The evidence for every sentence of one request, and whether it supports an answer."""

    evidence: list[Evidence]
    support: list[bool]
    weight: float = 1.0


def main() -> None:
    """Fit and write."""
    folder, requests = requested(__doc__)
    fusion = fitted(requests)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["fusion"] = fusion
    path.write_text(json.dumps(config, indent=1) + "\n")
    sys.stdout.write(json.dumps(fusion, indent=1) + "\n")


def requested(description: str | None) -> tuple[Path, list[Judged]]:
    """The folder of the model that the command line names, and what it says of the split."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--groups", type=int, default=150, help="queries of each data set")
    arguments = parser.parse_args()
    return arguments.folder, list(judged(EmbeddedModel.load(arguments.folder), arguments.groups))


def judged(model: EmbeddedModel, most: int) -> Iterator[Judged]:
    """At most so many requests of each data set of the calibration split, the sets equally."""
    rng = random.Random(13)  # noqa: S311 - reproducible, not secret
    for source, groups in sorted(corpus().calibration.items()):
        drawn = rng.sample(groups, min(most, len(groups)))
        for group in tqdm(drawn, desc=source, ascii=True, mininterval=10):
            documents, support = _documents(group)
            logits = model.sentences.logits(group.query, documents)
            found = evidence(group.query, documents, logits)
            yield Judged([one for row in found for one in row], support, 1.0 / len(drawn))


def fitted(requests: Sequence[Judged]) -> dict[str, float]:
    """The weights of ``Fusion``: first so that they rank, then so that they are probabilities.

    Ranking is fitted within each request, as the product ranks. One logistic regression over all
    sentences would weigh the words of the query too much: it has to tell requests apart as well.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    tables = [np.array([astuple(one) for one in request.evidence]) for request in requests]
    ranking = _ranking(requests, tables)
    scores = np.concatenate([table @ ranking for table in tables])
    labels = [label for request in requests for label in request.support]
    shares = [one.weight / len(one.support) for one in requests for _ in one.support]
    regression = LogisticRegression(C=1e6)
    regression.fit(scores[:, None], labels, sample_weight=np.array(shares) / np.mean(shares))
    slope, bias = float(regression.coef_[0][0]), float(regression.intercept_[0])
    values = dict(zip(_NAMES, ranking, strict=True))
    weights = {name: round(slope * float(value), 4) for name, value in values.items()}
    fusion = {"bias": round(bias, 4), **weights}
    Fusion(**fusion)  # the names are those of the product
    return fusion


def _ranking(requests: Sequence[Judged], tables: Sequence[object]) -> list[float]:
    """Weights that put the supporting sentences of each request first: a conditional logit."""
    import torch

    rows = [torch.as_tensor(table, dtype=torch.float64) for table in tables]
    targets = [torch.tensor(one.support, dtype=torch.float64) for one in requests]
    weights = torch.zeros(len(_NAMES), dtype=torch.float64, requires_grad=True)
    optimizer: torch.optim.Optimizer = torch.optim.LBFGS(
        [weights], max_iter=200, line_search_fn="strong_wolfe"
    )

    def loss() -> float:
        optimizer.zero_grad()
        total = _RIDGE * weights.square().sum()
        for request, table, target in zip(requests, rows, targets, strict=True):
            if any(request.support):
                likely = (torch.log_softmax(table @ weights, 0) * target).sum() / target.sum()
                total = total - request.weight * likely
        torch.autograd.backward(total)
        return total.item()

    optimizer.step(loss)
    return [float(weight) for weight in weights.detach()]


def _documents(group: Group) -> tuple[list[Pieces], list[bool]]:
    chosen = [*group.gold, *group.distractors[:_DISTRACTORS]]
    documents = [Pieces(one.text, one.spans, one.title) for one in chosen]
    support = [index in one.support for one in chosen for index in range(len(one.spans))]
    return documents, support


if __name__ == "__main__":
    main()
