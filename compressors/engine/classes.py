"""Interactive requests first, and something for the bulk of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from compressors.engine.calls import Call, Item
from compressors.engine.queues import Queue
from compressors.work import Work


class Classes:
    """Two queues, of which the second one gets a share of what the first one gets.

    Bulk requests earn their share while they wait for interactive ones, and run as soon as they
    have earned a batch. They keep nothing for later.
    """

    def __init__(self, bulk_share: float) -> None:
        self._interactive = Queue()
        self._bulk = Queue()
        self._ratio = bulk_share / (1 - bulk_share)
        self._earned = 0.0

    def __iter__(self) -> Iterator[Item]:
        return chain(self._interactive, self._bulk)

    def of(self, work: Work) -> Queue:
        return self._bulk if work.bulk else self._interactive

    def first(self, batch_cost: Callable[[Item], float]) -> Item | None:
        """The item that the next batch must hold; ``batch_cost`` is that of a full one with it."""
        if self._bulk:
            bulk = self._bulk.first
            if not self._interactive or self._earned >= batch_cost(bulk):
                return bulk
        return self._interactive.first if self._interactive else None

    def take(self, first: Item, items: Sequence[Item]) -> None:
        """Take out a batch that was made around ``first``, all of one class."""
        self.of(first.work).take(first, items)
        cost = sum(item.cost for item in items)
        if not self._bulk:
            self._earned = 0.0
        elif not first.work.bulk:
            self._earned += cost * self._ratio
        elif self._interactive:
            self._earned -= cost

    def drop(self, call: Call) -> list[Item]:
        """Take out all items of a call, and give them."""
        return self.of(call.work).drop(call)

    def queued(self, model: str) -> tuple[int, int]:
        """Items and tokens that wait for a model."""
        queues = (self._interactive, self._bulk)
        return (
            sum(queue.items[model] for queue in queues),
            sum(queue.tokens[model] for queue in queues),
        )
