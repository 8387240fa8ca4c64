"""Outcomes whose means are plain to see."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.measures import Outcome


def outcome(  # noqa: PLR0913 - an outcome has many numbers
    id_: str = "0",
    *,
    rate: float = 0.2,
    answered: bool | None = True,
    recall: float | None = 1.0,
    precision: float | None = 0.5,
    f1: float | None = None,
    empty: bool = False,
    longer: bool = False,
    seconds: float = 0.25,
) -> Outcome:
    """Of 1,000 tokens, read exactly where ``f1`` is 1."""
    em = None if f1 is None else float(f1 == 1)
    after = round(1000 * rate)
    return Outcome(id_, 1000, after, answered, recall, precision, em, f1, empty, longer, seconds)


def outcomes(answered: Sequence[bool], *, rate: float = 0.2) -> list[Outcome]:
    return [outcome(str(at), answered=one, rate=rate) for at, one in enumerate(answered)]
