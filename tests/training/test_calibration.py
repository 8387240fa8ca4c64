from __future__ import annotations

import random

import pytest

pytest.importorskip("torch")

from compressors.fusion import Evidence, sigmoid
from evaluation.statistics import calibration_error
from training.calibration import cross_fitted
from training.fusion import Judged


def _requests(count: int) -> list[Judged]:
    rng = random.Random(6)  # noqa: S311
    requests = []
    for _ in range(count):
        logits = [rng.gauss(-2, 2) for _ in range(10)]
        rows = [Evidence(2 * one, 0.0, 0.0, 0.0, 0.0) for one in logits]
        requests.append(Judged(rows, [rng.random() < sigmoid(one) for one in logits]))
    return requests


def test_every_sentence_gets_a_chance_that_means_what_it_says() -> None:
    requests = _requests(400)

    chances, support = cross_fitted(requests)

    assert len(chances) == len(support) == 4000
    assert sum(support) == sum(sum(one.support) for one in requests)
    assert calibration_error(chances, support) < 0.02
    # What went in says twice too much.
    raw = [sigmoid(row.neural) for one in requests for row in one.evidence]
    labels = [label for one in requests for label in one.support]
    assert calibration_error(raw, labels) > 0.04
