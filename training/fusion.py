"""Fit how neural and lexical evidence join to a probability: ``python -m training.fusion``.

Uses the calibration split only, which is neither trained on nor part of the benchmark. Writes the
weights into ``config.json`` beside the exported model.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from tqdm import tqdm

from compressors.fusion import Evidence, Fusion, evidence
from compressors.models.embedded import WEIGHTS, EmbeddedModel
from compressors.protocols import Pieces
from training.data import corpus
from training.examples import Group

_NAMES = tuple(field.name for field in fields(Evidence))
_DISTRACTORS = 9


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--groups", type=int, default=150, help="queries of each data set")
    parser.add_argument("--without", nargs="*", default=[], choices=_NAMES)
    arguments = parser.parse_args()
    model = EmbeddedModel.load(arguments.folder)
    rng = random.Random(13)  # noqa: S311 - reproducible, not secret
    rows: list[Evidence] = []
    labels: list[bool] = []
    weights: list[float] = []
    for source, groups in sorted(corpus().calibration.items()):
        drawn = rng.sample(groups, min(arguments.groups, len(groups)))
        for group in tqdm(drawn, desc=source, ascii=True, mininterval=10):
            documents, support = _documents(group)
            logits = model.sentences.logits(group.query, documents)
            flat = [one for row in evidence(group.query, documents, logits) for one in row]
            rows += flat
            labels += support
            weights += [1.0 / len(drawn) / len(flat)] * len(flat)
    fusion = fitted(rows, labels, weights, arguments.without)
    path = arguments.folder / "config.json"
    config = json.loads(path.read_text())
    config["fusion"] = fusion
    path.write_text(json.dumps(config, indent=1) + "\n")
    sys.stdout.write(json.dumps(fusion, indent=1) + "\n")


def fitted(
    rows: Sequence[Evidence],
    labels: Sequence[bool],
    weights: Sequence[float],
    without: Sequence[str] = (),
) -> dict[str, float]:
    """The weights of ``Fusion`` by logistic regression; every query counts the same."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    names = [name for name in _NAMES if name not in without]
    columns = [_NAMES.index(name) for name in names]
    table = np.array([astuple(row) for row in rows])[:, columns]
    scale = len(weights) / sum(weights)
    regression = LogisticRegression(C=100.0, max_iter=1000)
    regression.fit(table, labels, sample_weight=[weight * scale for weight in weights])
    values = dict(zip(names, regression.coef_[0], strict=True))
    rounded = {name: round(float(values.get(name, 0.0)), 4) for name in _NAMES}
    weighed = {"bias": round(float(regression.intercept_[0]), 4), **rounded}
    Fusion(**weighed)  # the names are those of the product
    return weighed


def _documents(group: Group) -> tuple[list[Pieces], list[bool]]:
    chosen = [*group.gold, *group.distractors[:_DISTRACTORS]]
    documents = [Pieces(one.text, one.spans, one.title) for one in chosen]
    support = [index in one.support for one in chosen for index in range(len(one.spans))]
    return documents, support


if __name__ == "__main__":
    main()
