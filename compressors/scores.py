"""Scores as models give them, checked once before anything is decided by them."""

from __future__ import annotations

from collections.abc import Sequence

from compressors.errors import ModelFailure


def checked(scores: Sequence[float], expected: int) -> list[float]:
    """The scores as floats. Raises ``ModelFailure`` unless all are there and in [0, 1]."""
    if len(scores) != expected:
        raise ModelFailure(f"{expected} scores expected, {len(scores)} given")
    values = [float(score) for score in scores]
    for value in values:
        # Written so that NaN, which compares false, is refused too.
        if not 0.0 <= value <= 1.0:
            raise ModelFailure(f"a score is not in [0, 1]: {value}")
    return values
