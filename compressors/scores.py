"""Scores as models give them, checked once before anything is decided by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from compressors.errors import ModelFailure
from compressors.values import Context, Scoring

DIGITS: Final = 5
"""Decimals of a score that count. What a device adds by chance, such as by what else was in a
batch, is smaller in float32; so it decides nothing but where a score lies at the edge of a step."""


class LexicalScores(tuple[float, ...]):
    """The scores of a document whose language the model does not read.

    A scorer marks a row so, and a stage the document, since only the scorer knows.
    """

    __slots__ = ()


def checked(scores: Sequence[float], expected: int) -> list[float]:
    """The scores, rounded, as everything is to be decided by them: thresholds and orders.

    Raises ``ModelFailure`` unless all are there and in [0, 1].
    """
    import numpy as np

    if len(scores) != expected:
        raise ModelFailure(f"{expected} scores expected, {len(scores)} given")
    values = np.asarray(scores, dtype=np.float64)
    # Written so that NaN, which compares false, is refused too.
    wrong = ~((values >= 0.0) & (values <= 1.0))
    if wrong.any():
        raise ModelFailure(f"a score is not in [0, 1]: {float(values[wrong][0])}")
    rounded: list[float] = np.round(values, DIGITS).tolist()
    return rounded


def scored(context: Context, rows: Mapping[int, Sequence[float]]) -> Context:
    """The context with how its passages were scored, from the rows by index of the passage."""
    passages = list(context.passages)
    for index, row in rows.items():
        scoring = Scoring.LEXICAL if isinstance(row, LexicalScores) else Scoring.MODEL
        passages[index] = passages[index].scored(scoring)
    return replace(context, passages=tuple(passages))
