"""What waits for one model, by turn."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence

from compressors.engine.calls import Call, Item


class Queue:
    """Items in the order of their turns."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self.tokens = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @property
    def first(self) -> Item:
        return self._items[0]

    def add(self, item: Item) -> None:
        insort(self._items, item, key=lambda other: other.order)
        self.tokens += item.tokens

    def window(self, tokens: int) -> Sequence[Item]:
        """The first items that have ``tokens`` together, or all; at least one."""
        taken = 0
        for index, item in enumerate(self._items):
            if taken >= tokens:
                return self._items[:index]
            taken += item.tokens
        return self._items[:]

    def remove(self, items: Sequence[Item], window: Sequence[Item]) -> None:
        """Take out ``items``, which are in ``window``, which this queue just gave."""
        gone = set(items)
        self._items[: len(window)] = [item for item in window if item not in gone]
        self.tokens -= sum(item.tokens for item in items)

    def drop(self, call: Call) -> list[Item]:
        """Take out all items of a call, and give them."""
        dropped = [item for item in self._items if item.call is call]
        if dropped:
            self.remove(dropped, self._items)
        return dropped
