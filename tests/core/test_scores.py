"""Scores are checked and rounded once, before anything is decided by them."""

from __future__ import annotations

import math

import pytest

from compressors.errors import ModelFailure
from compressors.scores import DIGITS, LexicalScores, checked


def test_scores_are_rounded_to_a_step_that_is_wider_than_chance() -> None:
    step = 10.0**-DIGITS

    assert checked([0.5 - 0.4 * step, 0.5, 0.5 + 0.4 * step], 3) == [0.5] * 3
    assert checked([0.5 + 0.6 * step], 1) == [0.50001]
    assert checked([0.0, 1.0, 1.0 - 0.4 * step], 3) == [0.0, 1.0, 1.0]


def test_a_rounded_score_is_the_number_that_is_written_so() -> None:
    """So a threshold of 0.29 takes a score of 0.29."""
    hundredths = [float(f"0.{n:02}") for n in range(100)]

    assert checked(hundredths, 100) == hundredths


def test_no_scores_are_no_failure() -> None:
    assert checked([], 0) == []
    assert checked(LexicalScores([0.25]), 1) == [0.25]


@pytest.mark.parametrize("score", [-1e-9, 1.0 + 1e-9, math.nan, math.inf])
def test_what_is_no_probability_is_refused(score: float) -> None:
    with pytest.raises(ModelFailure, match=r"not in \[0, 1\]"):
        checked([0.5, score], 2)


def test_a_missing_score_is_refused() -> None:
    with pytest.raises(ModelFailure, match="2 scores expected, 1 given"):
        checked([0.5], 2)
