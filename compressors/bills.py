"""What ranges of a text cost, with what they mean nothing without."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from compressors.structures.completion import Layout


@dataclass(frozen=True, slots=True)
class Bill:
    """What ranges of a text cost in tokens, and the sections whose frames are paid already."""

    layout: Layout
    starts: Sequence[int]
    paid: set[int]

    def cost(self, start: int, end: int, *, alone: bool = False) -> int:
        """Tokens of a range and, unless ``alone``, of the frames that it needs beside it."""
        tokens = self._tokens(start, end)
        if self.layout.structures and not alone:
            for number in self.layout.sections(start, end, self.paid):
                frame = self.layout.structures.sections[number].frame
                tokens += sum(self._tokens(a, b) for a, b in frame if b <= start or a >= end)
        # Never free: a range inside one long token would otherwise be.
        return max(1, tokens)

    def total(self) -> int:
        """Tokens of all that there is of the passage."""
        return sum(self._tokens(start, end) for start, end in self.layout.given)

    def pay(self, start: int, end: int) -> None:
        if self.layout.structures:
            self.paid.update(self.layout.sections(start, end, self.paid))

    def _tokens(self, start: int, end: int) -> int:
        return bisect_left(self.starts, end) - bisect_left(self.starts, start)
