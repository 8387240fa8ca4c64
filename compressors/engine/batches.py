"""Rows of like length out of those that wait, as many as fit a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compressors.engine.calls import Item


@dataclass(frozen=True, slots=True)
class Batch:
    """What the device does at once."""

    model: str
    items: tuple[Item, ...]


def pick(window: Sequence[Item], *, budget: int, launch_tokens: int) -> tuple[Item, ...]:
    """The first item of ``window`` and those next to it in length.

    Together they cost at most ``budget`` padded tokens, unless the first one alone costs more: it
    then goes alone. Each of the others brings at most ``launch_tokens`` of padding.
    """
    rows = sorted(window, key=lambda item: item.tokens)
    low = high = rows.index(window[0])
    longest = window[0].tokens

    # Greedy, from the first item to both sides, whichever neighbour brings less padding. The
    # best cut of the whole window into batches would save little more, and would be out of date
    # with the next item that comes.
    while True:
        count = high - low + 1
        steps: list[tuple[int, int, int]] = []
        if low > 0 and longest * (count + 1) <= budget:
            steps.append((longest - rows[low - 1].tokens, low - 1, high))
        if high + 1 < len(rows) and rows[high + 1].tokens * (count + 1) <= budget:
            steps.append(((rows[high + 1].tokens - longest) * count, low, high + 1))
        padding, *ends = min(steps, default=(launch_tokens + 1, low, high))
        if padding > launch_tokens:
            return tuple(rows[low : high + 1])
        low, high = ends
        longest = rows[high].tokens
