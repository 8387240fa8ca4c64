"""Outcomes summed up: what each method reached at each point, and how far the first is ahead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from evaluation.measures import Outcome
from evaluation.statistics import Estimate, interval, paired

Results = Mapping[str, Mapping[str, Mapping[str, Sequence[Outcome]]]]
"""Outcomes by set, point and method; the first method is the one that others are compared to.

A method may lack examples that others have: each is summed up over its own, and two are compared
over those that both have.
"""

MEASURES: Final[Mapping[str, Callable[[Outcome], float | None]]] = {
    "answers kept": lambda one: None if one.answered is None else float(one.answered),
    "support recall": lambda one: one.recall,
    "support precision": lambda one: one.precision,
    "EM": lambda one: one.em,
    "F1": lambda one: one.f1,
}
"""What is estimated; the higher the better."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One of ``MEASURES`` over the ``count`` examples that have it.

    ``ahead`` is by how much the first method is better, paired by example; ``None`` for the first
    itself, and where the two have no example in common.
    """

    count: int
    estimate: Estimate
    ahead: Estimate | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A method at one point of a set.

    ``rate`` (tokens after over tokens before) and ``seconds`` are means over ``count`` examples.
    ``measures`` lacks what no example has. ``empty`` and ``longer`` count examples.
    """

    method: str
    count: int
    rate: float
    measures: Mapping[str, Measure]
    empty: int
    longer: int
    seconds: float


Report = Mapping[str, Mapping[str, tuple[Summary, ...]]]
"""Summaries by set and point, one for each method, the first one first."""


def summed(results: Results) -> Report:
    """The numbers of all outcomes; a method without an outcome at a point is left out there."""
    return {
        name: {point: _block(methods) for point, methods in points.items()}
        for name, points in results.items()
    }


def _block(methods: Mapping[str, Sequence[Outcome]]) -> tuple[Summary, ...]:
    given = [(name, outcomes) for name, outcomes in methods.items() if outcomes]
    return tuple(
        _summary(name, outcomes, given[0][1] if at else ())
        for at, (name, outcomes) in enumerate(given)
    )


def _summary(name: str, outcomes: Sequence[Outcome], first: Sequence[Outcome]) -> Summary:
    rates = [one.tokens_after / one.tokens_before for one in outcomes if one.tokens_before]
    measures = {}
    for measure in MEASURES:
        values = _values(outcomes, measure)
        if values:
            estimate = interval([*values.values()])
            ahead = _ahead(_values(first, measure), values)
            measures[measure] = Measure(len(values), estimate, ahead)
    return Summary(
        method=name,
        count=len(outcomes),
        rate=fmean(rates) if rates else 0.0,
        measures=measures,
        empty=sum(one.empty for one in outcomes),
        longer=sum(one.longer for one in outcomes),
        seconds=fmean(one.seconds for one in outcomes),
    )


def _values(outcomes: Sequence[Outcome], measure: str) -> dict[str, float]:
    """By the id of the example."""
    values = ((one.id, MEASURES[measure](one)) for one in outcomes)
    return {id_: value for id_, value in values if value is not None}


def _ahead(ours: Mapping[str, float], theirs: Mapping[str, float]) -> Estimate | None:
    common = [id_ for id_ in ours if id_ in theirs]
    if not common:
        return None
    return paired([ours[id_] for id_ in common], [theirs[id_] for id_ in common])
