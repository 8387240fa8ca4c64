"""Whether compression pays: what it takes, against what the downstream model would take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from service.request import BudgetSpec
from service.settings import Settings

_HOUR = 3_600.0
_MILLION = 1_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """The downstream model's price and speed, and what an hour of this server costs.

    ``tokens_per_second`` is how fast it reads a prompt. Prices are in one currency, whichever.
    """

    tokens_per_second: float | None = None
    price_per_million_tokens: float | None = None
    price_per_hour: float | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            tokens_per_second=settings.downstream_tokens_per_second,
            price_per_million_tokens=settings.downstream_price_per_million_tokens,
            price_per_hour=settings.price_per_hour,
        )

    @property
    def is_asked(self) -> bool:
        """Whether there is anything to compare with."""
        return self.tokens_per_second is not None or self.price_per_million_tokens is not None

    def objection(self, *, own: float, waiting: float, saved: int) -> str:
        """Why compression would not pay; empty if it would.

        It takes ``own`` seconds of the device after ``waiting`` for it, and takes ``saved`` tokens
        out of the prompt.
        """
        if self.tokens_per_second is not None:
            theirs, ours = saved / self.tokens_per_second, waiting + own
            if ours > theirs:
                return f"slower: {ours:.3f} s to save {theirs:.3f} s"
        if self.price_per_million_tokens is not None and self.price_per_hour is not None:
            saves = saved * self.price_per_million_tokens / _MILLION
            costs = own * self.price_per_hour / _HOUR
            if costs > saves:
                return f"dearer: {costs:.2g} to save {saves:.2g}"
        return ""


def most_saved(budget: BudgetSpec, tokens: int, limit: int | None) -> int | None:
    """The most tokens that compression can take out; ``None`` where it is not to be left out.

    That is where the request says ``max_tokens``, as there may be no room for more, and where
    nothing has to go. A rate says what is saved; thresholds do not, and get the benefit of the
    doubt.
    """
    if budget.max_tokens is not None:
        return None
    saved = tokens - (limit or 0)
    return saved if saved > 0 else None
