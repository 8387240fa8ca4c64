"""What was to be reached, and whether it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.load.loads import Load, Window, quantile
from benchmarks.load.parts import Times
from benchmarks.load.saturation import ALONE, PACKED, SERVER, Saturation
from benchmarks.load.sizes import Size
from benchmarks.load.tables import Table, milliseconds

_OF_LIMIT: Final = 0.85
_OF_ALONE: Final = 5.0
_OVERHEAD: Final = 0.003
_GOODPUT: Final = 0.9
_REFUSAL: Final = 0.05
_RECOVERY: Final = 5.0
_SIZES: Final = {10_000: 0.025, 100_000: 0.085}
_SUSTAINED: Final = 3_000_000


@dataclass(frozen=True, slots=True)
class Goal:
    """One of them."""

    name: str
    wanted: str
    measured: str
    reached: bool


def goals_table(goals: Sequence[Goal]) -> Table:
    return Table(
        "To be reached",
        ("what", "wanted", "measured", "reached"),
        tuple(
            (goal.name, goal.wanted, goal.measured, "yes" if goal.reached else "NO")
            for goal in goals
        ),
    )


def of_loads(loads: Sequence[Load], full: Window, deadline: float) -> list[Goal]:
    """For every overload."""
    goals = []
    for load in loads:
        if load.recovery is None:
            continue
        name, window = load.name, load.window
        goodput = window.tokens_per_second / full.tokens_per_second
        accepted, refused = quantile(window.accepted, 0.99), quantile(window.refused, 0.99)
        recovery = load.recovery.seconds
        goals += [
            Goal(f"{name}: goodput", ">= 90 %", f"{goodput:.0%}", goodput >= _GOODPUT),
            _at_most(f"{name}: p99 of accepted", accepted, deadline),
            _at_most(f"{name}: p99 of refusals", refused, _REFUSAL),
            Goal(f"{name}: recovery", "<= 5 s", f"{recovery:.1f} s", recovery <= _RECOVERY),
        ]
    return goals


def of_times(times: Times) -> Goal:
    """Of requests of 10 passages, alone."""
    return _at_most("overhead of 10 passages, p50", times.overhead, _OVERHEAD)


def of_saturation(found: Saturation, *, gpu: bool) -> Goal:
    """On a GPU beside one request at a time, on a CPU beside the limit."""
    if gpu:
        times = median(found.ratios(SERVER, to=ALONE))
        return Goal("many callers / one caller", ">= 5", f"{times:.1f}", times >= _OF_ALONE)
    share = median(found.ratios(SERVER, to=PACKED))
    return Goal("saturated / raw forward", ">= 85 %", f"{share:.0%}", share >= _OF_LIMIT)


def of_sizes(sizes: Sequence[Size], crowd: Window) -> list[Goal]:
    """On one GPU."""
    rate = crowd.tokens_per_second
    return [
        *(
            _at_most(
                f"{size.tokens:,} tokens, p50",
                quantile(size.window.accepted, 0.5),
                _SIZES[size.tokens],
            )
            for size in sizes
            if size.tokens in _SIZES
        ),
        Goal("sustained tokens/s", f">= {_SUSTAINED:,}", f"{rate:,.0f}", rate >= _SUSTAINED),
    ]


def _at_most(name: str, value: float, most: float) -> Goal:
    # What is not there compares false, and so was not reached.
    return Goal(name, f"<= {milliseconds(most)}", milliseconds(value), value <= most)
