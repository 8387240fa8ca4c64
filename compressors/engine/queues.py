"""What waits for one model, by turn."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

from compressors.engine.calls import Call, Item


class Queue:
    """Items in the order of their turns, which is not that of their coming."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._by_age: dict[Item, None] = {}
        self.tokens = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @property
    def first(self) -> Item:
        """Whose turn it is."""
        return self._items[0]

    @property
    def oldest(self) -> Item:
        return next(iter(self._by_age))

    def add(self, item: Item) -> None:
        """Add an item that is younger than all others."""
        insort(self._items, item, key=_order)
        self._by_age[item] = None
        self.tokens += item.tokens

    def window(self, first: Item, tokens: int) -> Sequence[Item]:
        """``first``, then those whose turn comes soonest, until they have ``tokens`` together."""
        window, taken = [first], first.tokens
        for item in self._items:
            if taken >= tokens:
                break
            if item is not first:
                window.append(item)
                taken += item.tokens
        return window

    def remove(self, items: Sequence[Item]) -> None:
        for item in items:
            del self._items[bisect_left(self._items, item.order, key=_order)]
            del self._by_age[item]
            self.tokens -= item.tokens

    def drop(self, call: Call) -> list[Item]:
        """Take out all items of a call, and give them."""
        dropped = [item for item in self._items if item.call is call]
        self.remove(dropped)
        return dropped


def _order(item: Item) -> tuple[int, int]:
    return item.order
