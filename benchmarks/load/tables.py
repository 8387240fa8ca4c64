"""A table for a terminal, or for a page of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a header, and rows of as many cells."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def text(self) -> str:
        """Columns of equal width; the first one to the left, the others to the right."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        aligned = ["  ".join(_aligned(line, widths)).rstrip() for line in lines]
        return "\n".join([f"\n{self.title}", *aligned, *([self.note] if self.note else [])])

    def markdown(self) -> str:
        """As the pages under ``docs/`` have it."""
        ruler = tuple("---" for _ in self.header)
        lines = [f"| {' | '.join(line)} |" for line in (self.header, ruler, *self.rows)]
        return "\n".join(
            [f"\n### {self.title}\n", *lines, *([f"\n{self.note}"] if self.note else [])]
        )


def milliseconds(seconds: float) -> str:
    """With as many digits as are worth reading; ``-`` for what is not there."""
    if not isfinite(seconds):
        return "-"
    value = seconds * 1000
    return f"{value:,.1f} ms" if abs(value) < 100 else f"{value:,.0f} ms"


def ratio(values: Sequence[float]) -> str:
    """The median of rounds, and the smallest and the largest."""
    return f"{median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    first, *others = zip(line, widths, strict=True)
    yield first[0].ljust(first[1])
    for cell, width in others:
        yield cell.rjust(width)
