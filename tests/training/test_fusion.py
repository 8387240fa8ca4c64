from __future__ import annotations

import random

from compressors.fusion import Evidence, Fusion
from training.fusion import fitted


def test_evidence_that_says_nothing_weighs_nothing() -> None:
    rng = random.Random(3)  # noqa: S311
    rows, labels = [], []
    for _ in range(4000):
        signal, noise = rng.uniform(-3, 3), rng.random()
        rows.append(Evidence(signal, noise, 0.0, 0.0, 0.0))
        labels.append(rng.random() < 1 / (1 + 2.718281828 ** -(2 * signal - 1)))

    weights = fitted(rows, labels, [1.0] * len(rows))

    assert abs(weights["neural"] - 2) < 0.3
    assert abs(weights["bias"] + 1) < 0.3
    assert abs(weights["lexical"]) < 0.4
    assert Fusion(**weights).logit(rows[0]) != 0.0


def test_evidence_left_out_weighs_exactly_nothing() -> None:
    rows = [Evidence(float(n % 7), float(n % 2), 0.0, 0.0, 0.0) for n in range(70)]

    weights = fitted(rows, [n % 2 == 0 for n in range(70)], [1.0] * 70, ["lexical"])

    assert weights["lexical"] == 0.0
