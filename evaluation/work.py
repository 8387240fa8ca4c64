"""One method on the examples of one set: what has to be done, and doing it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evaluation.chains import ChainMethod
from evaluation.values import Example, Method, Shortened


@dataclass(frozen=True, slots=True)
class Point:
    """A share of the tokens of the documents, in (0, 1], or a threshold of the chain, in [0, 1]."""

    kind: Literal["rate", "threshold"]
    value: float

    def __post_init__(self) -> None:
        # Written so that NaN, which compares false, is refused too.
        if not 0.0 <= self.value <= 1.0 or (self.kind == "rate" and not self.value):
            raise ValueError(f"no {self.kind}: {self.value}")

    def __str__(self) -> str:
        return f"{self.kind} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Task:
    """An example of ``tokens``, and what it may have at each point; ``None``: no limit."""

    example: Example
    tokens: int
    budgets: Mapping[Point, int | None]


Timed = tuple[Shortened, float]
"""What a method left, and its seconds."""

Way = Callable[[Task], Sequence[Timed]]
"""Does a task: one result for each of its points, in their order."""


def by_chain(method: ChainMethod, task: Task) -> list[Timed]:
    """One request for each point, each timed; what has no limit is done by its threshold."""
    timed: list[Timed] = []
    for point, budget in task.budgets.items():
        start = time.perf_counter()
        if budget is None:
            (left,) = method.at_thresholds(task.example, [point.value])
        else:
            (left,) = method.shorten(task.example, [budget])
        timed.append((left, time.perf_counter() - start))
    return timed


def first_alone(method: Method, task: Task) -> list[Timed]:
    """A call for the first point, whose seconds are those of every point, and one for the others.

    Methods score once for all budgets, and may remember it; but a user has one budget, and pays
    for all of the scores.
    """
    limits = _limits(task)
    start = time.perf_counter()
    first = method.shorten(task.example, limits[:1])
    seconds = time.perf_counter() - start
    others = method.shorten(task.example, limits[1:]) if len(limits) > 1 else []
    return [(left, seconds) for left in (*first, *others)]


def _limits(task: Task) -> list[int]:
    limits = [budget for budget in task.budgets.values() if budget is not None]
    if len(limits) != len(task.budgets):
        raise ValueError(f"{task.example.id}: no budget for a method that needs one")
    return limits
