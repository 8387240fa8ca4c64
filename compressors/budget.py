"""How much text may stay, counted as the downstream model counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from compressors.errors import InvalidInput


class Counter(Protocol):
    """Counts tokens, without special tokens. The name is what requests call it."""

    @property
    def name(self) -> str: ...

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        """Tokens of each text."""
        ...

    def starts(self, text: str) -> Sequence[int]:
        """Where the tokens of a text begin, in characters, ascending; one entry a token."""
        ...


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many tokens, by this counter; without a limit where ``max_tokens`` is None."""

    counter: Counter
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise InvalidInput("budget.max_tokens", f"must be at least 1, is {self.max_tokens}")

    def count(self, text: str) -> int:
        return self.counter.count([text])[0] if text else 0

    def fits(self, text: str) -> bool:
        return self.max_tokens is None or self.count(text) <= self.max_tokens

    def limited_to(self, max_tokens: int | None) -> Budget:
        """The same counter with another limit."""
        return replace(self, max_tokens=max_tokens)


def share_of(tokens: int, rate: float) -> int:
    """``rate`` of ``tokens``, rounded down, at least 1."""
    if not 0.0 < rate <= 1.0:
        raise InvalidInput("budget.rate", f"must be in (0, 1], is {rate}")
    # The epsilon undoes binary fractions: .7 of 10 tokens is 7, not 6.
    return max(1, int(rate * tokens + 1e-9))
