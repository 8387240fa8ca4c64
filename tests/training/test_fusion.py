from __future__ import annotations

import random

import pytest

from compressors.fusion import Evidence, Fusion
from training.fusion import Judged, fitted


def _request(rng: random.Random, weight: float) -> Judged:
    """Ten sentences; the logit decides, BM25 is noise, every request has a level of its own."""
    level = rng.uniform(-2, 2)
    rows = [Evidence(rng.uniform(-3, 3) + level, rng.random(), 0.0, 0.0, 0.0) for _ in range(10)]
    chances = [2.718281828 ** (weight * row.neural) for row in rows]
    (best,) = rng.choices(range(10), chances)
    return Judged(rows, [index == best for index in range(10)])


def test_evidence_that_says_nothing_weighs_little() -> None:
    rng = random.Random(3)  # noqa: S311

    weights = fitted([_request(rng, 2.0) for _ in range(300)])

    assert abs(weights["lexical"]) < 0.25 * weights["neural"]
    assert weights["document"] == weights["linked"] == weights["linking"] == 0.0


def test_probabilities_add_up_to_what_supports() -> None:
    rng = random.Random(4)  # noqa: S311
    requests = [_request(rng, 1.0) for _ in range(300)]

    fusion = Fusion(**fitted(requests))

    chances = [
        1 / (1 + 2.718281828 ** -fusion.logit(row)) for one in requests for row in one.evidence
    ]
    assert sum(chances) == pytest.approx(300, rel=0.02)


def test_a_request_without_support_only_counts_for_the_probability() -> None:
    rng = random.Random(5)  # noqa: S311
    requests = [_request(rng, 1.0) for _ in range(100)]
    empty = [Judged(one.evidence, [False] * 10) for one in requests]

    alone, both = fitted(requests), fitted([*requests, *empty])

    assert both["bias"] < alone["bias"]
    ratios = [one["lexical"] / one["neural"] for one in (alone, both)]
    assert ratios[0] == pytest.approx(ratios[1], abs=1e-2)
