"""Scores as models give them, checked once before anything is decided by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from compressors.errors import ModelFailure
from compressors.values import Context, Scoring


class LexicalScores(tuple[float, ...]):
    """The scores of a document whose language the model does not read.

    A scorer marks a row so, and a stage the document, since only the scorer knows.
    """

    __slots__ = ()


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


def scored(context: Context, rows: Mapping[int, Sequence[float]]) -> Context:
    """The context with how its passages were scored, from the rows by index of the passage."""
    passages = list(context.passages)
    for index, row in rows.items():
        scoring = Scoring.LEXICAL if isinstance(row, LexicalScores) else Scoring.MODEL
        passages[index] = passages[index].scored(scoring)
    return replace(context, passages=tuple(passages))
