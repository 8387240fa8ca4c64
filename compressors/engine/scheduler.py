"""What the device does next, and what becomes of everything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, count
from typing import Any

from compressors.engine.batches import Batch
from compressors.engine.calls import Call, Item, padded_tokens, tokens_of
from compressors.engine.lanes import Lane
from compressors.engine.ledger import Ledger
from compressors.engine.rates import Rate
from compressors.engine.settings import EngineSettings
from compressors.engine.stats import ModelStats
from compressors.errors import Cancelled, CompressionError, DeadlineExceeded
from compressors.work import Work


class Scheduler:
    """Queues, turns and accounts of all models of one device.

    Holds neither threads nor locks nor a clock: the engine calls it under its lock. An item is in
    a queue, or in the prefetched batch, or running, or gone.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self.ledger = Ledger(settings.max_queued_tokens)
        self.dropped: Counter[str] = Counter()
        self._settings = settings
        self._lanes: dict[str, Lane] = {}
        self._prefetched: Batch | None = None
        self._running: set[Item] = set()
        self._rate = Rate()
        self._numbers = count()
        self._by_age = False

    def add(self, model: str, batch_tokens: int | None) -> None:
        """Make room for a model."""
        if model in self._lanes:
            raise ValueError(f"a model of this name is wrapped already: {model}")
        self._lanes[model] = Lane(
            model, self._settings, batch_tokens or self._settings.batch_tokens
        )

    def reserve(self, work: Work, tokens: int) -> None:
        """Admit a request. Raises ``Overloaded``."""
        self.ledger.reserve(work, tokens, self._rate.value)

    def submit(self, call: Call) -> None:
        """Let a call wait for its turn. Raises ``Overloaded``."""
        queue = self._lanes[call.model].queue
        costs = [tokens_of(row) for row in call.rows]
        self.ledger.submit(call.work, sum(costs), self._rate.value)
        for index, tokens in enumerate(costs):
            tag = self.ledger.next_tag(call.work, tokens)
            queue.add(Item(call, index, tokens, tag, next(self._numbers)))

    def prefetch(self) -> bool:
        """Form the next batch ahead. Says whether it did."""
        # Only one that is full anyway: formed early, a small one would miss those who come while
        # the device is busy.
        first = self._next_item()
        if self._prefetched is not None or first is None or not self._lane(first).has_full_batch:
            return False
        self._prefetched = self._form()
        return self._prefetched is not None

    def take(self) -> Batch | None:
        """The batch that the device is to run now; nothing in it is unwanted."""
        if self._prefetched is not None:
            self._drop_unwanted(self._prefetched.items)
        batch, self._prefetched = self._prefetched or self._form(), None
        if batch is not None:
            self._running.update(batch.items)
        return batch

    def drop(self, call: Call, reason: str, error: CompressionError) -> None:
        """End a call with an error, and forget those of its items that are not running."""
        call.end(error)
        dropped = self._lanes[call.model].queue.drop(call)
        if self._prefetched is not None:
            kept = tuple(item for item in self._prefetched.items if item.call is not call)
            dropped += [item for item in self._prefetched.items if item.call is call]
            self._prefetched = replace(self._prefetched, items=kept) if kept else None
        self.dropped[reason] += len(dropped)
        for item in dropped:
            self.ledger.settle(call.work, item.tokens)

    def give_up(self, call: Call) -> None:
        """Drop a call that nobody waits for any more; nothing if it is over."""
        if call.over:
            return
        if call.work.expired and not call.work.cancelled:
            self.drop(call, "deadline", DeadlineExceeded("the request's deadline is over"))
        else:
            self.drop(call, "cancelled", Cancelled("the request was cancelled"))

    def wanted(self, items: Sequence[Item]) -> Sequence[Item]:
        """Those of running items that someone still waits for; the others are gone."""
        self._drop_unwanted(items)
        self._finish([item for item in items if item.call.over])
        return [item for item in items if not item.call.over]

    def computed(self, items: Sequence[Item], seconds: float) -> None:
        """Note a run of the device, and let every request pay for its part."""
        lane = self._lane(items[0])
        worth = lane.count(items, seconds)
        if worth is not None:
            self._rate.add(worth, seconds)
        total = sum(item.tokens for item in items)
        for item in items:
            item.call.computing += seconds * item.tokens / total

    def answer(self, items: Sequence[Item], results: Sequence[Any]) -> None:
        """Give running items their results."""
        self._finish(items)
        for item, result in zip(items, results, strict=True):
            if not item.call.over:
                item.call.answer(item.index, result)

    def fail(self, item: Item, error: CompressionError) -> None:
        """Give up on a running item, and with it on its call."""
        self._finish([item])
        self._lane(item).failed_items += 1
        self.drop(item.call, "failed", error)

    def shrink(self, items: Sequence[Item]) -> None:
        """Make smaller batches than these items, which were too much, from now on."""
        self._lane(items[0]).shrink(padded_tokens(items))

    def abort(self, error: CompressionError) -> None:
        """End everything with an error."""
        calls = {item.call for item in self.items()}
        self._finish(list(self._running))
        for call in calls:
            self.drop(call, "unavailable", error)

    def items(self) -> Iterator[Item]:
        """Everything that is not gone."""
        queues = chain.from_iterable(lane.queue for lane in self._lanes.values())
        prefetched = self._prefetched.items if self._prefetched else ()
        return chain(queues, prefetched, self._running)

    def stats(self) -> tuple[ModelStats, ...]:
        return tuple(self._with_prefetched(lane.stats()) for lane in self._lanes.values())

    def _with_prefetched(self, stats: ModelStats) -> ModelStats:
        batch = self._prefetched
        if batch is None or batch.model != stats.model:
            return stats
        return replace(
            stats,
            queued_items=stats.queued_items + len(batch.items),
            queued_tokens=stats.queued_tokens + sum(item.tokens for item in batch.items),
        )

    def _next_item(self) -> Item | None:
        """The one that the next batch must hold."""
        # Every second batch starts with the oldest item, whatever its turn. Where new requests
        # come faster than they are served, turns alone let them pass a long row for as long as
        # they come; so it waits at most twice as long as it would first come, first served.
        queues = [lane.queue for lane in self._lanes.values() if lane.queue]
        if self._by_age:
            return min((queue.oldest for queue in queues), key=_age, default=None)
        return min((queue.first for queue in queues), key=_turn, default=None)

    def _form(self) -> Batch | None:
        while (first := self._next_item()) is not None:
            lane = self._lane(first)
            window = lane.window(first)
            if self._drop_unwanted(window):
                continue
            if not self._by_age:
                self.ledger.serve(first.tag)
            self._by_age = not self._by_age
            return lane.take(window)
        return None

    def _lane(self, item: Item) -> Lane:
        return self._lanes[item.call.model]

    def _drop_unwanted(self, items: Sequence[Item]) -> bool:
        unwanted = {item.call for item in items if item.call.unwanted and not item.call.over}
        for call in unwanted:
            self.give_up(call)
        return bool(unwanted)

    def _finish(self, items: Sequence[Item]) -> None:
        # What an abort has taken from the device comes here a second time.
        for item in self._running.intersection(items):
            self._running.remove(item)
            self.ledger.settle(item.call.work, item.tokens)


def _age(item: Item) -> int:
    return item.number


def _turn(item: Item) -> tuple[int, int]:
    return item.order
