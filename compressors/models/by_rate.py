"""Several summarizers, each tuned for a rate of its own, as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from compressors.budget import Budget
from compressors.errors import Unavailable
from compressors.guards import limit_of
from compressors.protocols import Summary
from compressors.values import Passage, assemble

_NEAR: Final = 0.05
"""How far above what is asked for a model's rate may be: its summaries vary by more."""


class Tuned(Protocol):
    """A ``Summarizer`` that aims at ``tuned_rate``, whatever the budget."""

    @property
    def name(self) -> str: ...

    @property
    def tuned_rate(self) -> float | None: ...

    def summarize(self, query: str, passages: Sequence[Passage], budget: Budget) -> Summary: ...


class ByRate:
    """A ``Summarizer`` made of summarizers: for each task the one that was tuned for it.

    arXiv 2310.15556 has three, for 30, 50 and 70 %. Taken is the one of the highest rate that the
    budget allows, or else of the lowest, whose summary is then cut. Raises ``Unavailable`` if one
    does not say what it was tuned for.
    """

    def __init__(self, summarizers: Sequence[Tuned]) -> None:
        unknown = [each.name for each in summarizers if each.tuned_rate is None]
        if unknown or not summarizers:
            raise Unavailable(f"of several summarizers each needs a tuned_rate: {unknown}")
        rated = [(each.tuned_rate or 0.0, each.name, each) for each in summarizers]
        self._by_rate = sorted(rated, key=lambda entry: entry[:2])
        self.name = ",".join(name for _, name, _ in self._by_rate)

    def summarize(self, query: str, passages: Sequence[Passage], budget: Budget) -> Summary:
        wanted = limit_of(passages, budget) / max(1, budget.count(assemble(passages)))
        fitting = [each for rate, _, each in self._by_rate if rate <= wanted + _NEAR]
        chosen = fitting[-1] if fitting else self._by_rate[0][2]
        return chosen.summarize(query, passages, budget)
