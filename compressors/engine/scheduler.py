"""What the device does next, and what becomes of everything else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from typing import Any

from compressors.engine.batches import Batch, pick
from compressors.engine.calls import Call, Item, padded_tokens, tokens_of
from compressors.engine.classes import Classes
from compressors.engine.lanes import Lane
from compressors.engine.ledger import Amount, Ledger, Pace
from compressors.engine.settings import EngineSettings
from compressors.engine.stats import ModelStats
from compressors.errors import Cancelled, CompressionError, DeadlineExceeded
from compressors.work import Work


class Scheduler:
    """Queues, turns and accounts of all models of one device.

    Holds neither threads nor locks: the engine calls it under its lock. ``clock`` gives seconds.
    An item is in a queue, or in the prefetched batch, or running, or gone.
    """

    def __init__(
        self, settings: EngineSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.ledger = Ledger(settings, clock)
        self.dropped: Counter[str] = Counter()
        self._settings = settings
        self._clock = clock
        self._lanes: dict[str, Lane] = {}
        self._classes = Classes(settings.bulk_share)
        self._prefetched: Batch | None = None
        self._running: set[Item] = set()
        self._numbers = count()

    def add(self, model: str, batch_tokens: int | None) -> None:
        """Make room for a model."""
        if model in self._lanes:
            raise ValueError(f"a model of this name is wrapped already: {model}")
        self._lanes[model] = Lane(
            model, self._settings, batch_tokens or self._settings.batch_tokens
        )

    def reserve(self, work: Work, tokens: int, *, kind: str = "") -> None:
        """Admit a request. Raises ``Overloaded``."""
        self.ledger.reserve(work, tokens, self._pace(), kind=kind)

    def expected(self, work: Work, tokens: int, *, kind: str) -> tuple[float, float] | None:
        """Seconds that a request will wait and have of the device; ``None`` if unknown."""
        return self.ledger.expected(work, tokens, self._pace(), kind=kind)

    def release(self, work: Work) -> None:
        """Give back what is left of a reservation."""
        self.ledger.release(work)
        self._forget(work)

    def submit(self, call: Call) -> None:
        """Let a call wait for its turn. Raises ``Overloaded``."""
        lane = self._lanes[call.model]
        weight = self._weight(lane)
        tokens = [tokens_of(row) for row in call.rows]
        total = sum(tokens)
        self.ledger.submit(call.work, Amount(total, total * weight), self._pace())
        queue = self._classes.of(call.work)
        for index, each in enumerate(tokens):
            item = Item(call, index, each, each * weight, next(self._numbers))
            queue.add(item, lead=lane.budget * weight)

    def prefetch(self) -> bool:
        """Form the next batch ahead. Says whether it did."""
        if self._prefetched is None and self._is_worth_forming():
            self._prefetched = self._form()
            return self._prefetched is not None
        return False

    def take(self) -> Batch | None:
        """The batch that the device is to run now; nothing in it is unwanted."""
        if self._prefetched is not None:
            self._drop_unwanted(self._prefetched.items)
        batch, self._prefetched = self._prefetched or self._form(), None
        if batch is not None:
            self._running.update(batch.items)
            for work, amount in _amounts(batch.items).items():
                self.ledger.begin(work, amount.cost)
        return batch

    def drop(self, call: Call, reason: str, error: CompressionError) -> None:
        """End a call with an error, and forget those of its items that are not running."""
        if not call.over:
            call.end(error)
        dropped = self._classes.drop(call)
        if self._prefetched is not None:
            kept = tuple(item for item in self._prefetched.items if item.call is not call)
            dropped += [item for item in self._prefetched.items if item.call is call]
            self._prefetched = replace(self._prefetched, items=kept) if kept else None
        self.dropped[reason] += len(dropped)
        self._settle(dropped, computed=False)

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
        self._lane(items[0]).count(items, seconds, self._clock())
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
        prefetched = self._prefetched.items if self._prefetched else ()
        return chain(self._classes, prefetched, self._running)

    def stats(self) -> tuple[ModelStats, ...]:
        return tuple(
            self._with_prefetched(lane.stats(*self._classes.queued(lane.model)))
            for lane in self._lanes.values()
        )

    def _with_prefetched(self, stats: ModelStats) -> ModelStats:
        batch = self._prefetched
        if batch is None or batch.model != stats.model:
            return stats
        return replace(
            stats,
            queued_items=stats.queued_items + len(batch.items),
            queued_tokens=stats.queued_tokens + sum(item.tokens for item in batch.items),
        )

    def _is_worth_forming(self) -> bool:
        first = self._classes.first(self._batch_cost)
        # Only a batch that is full anyway: formed early, a small one would miss those who come
        # while the device is busy. And none of bulk requests if somebody may come that goes first.
        return (
            first is not None
            and self._classes.of(first.work).tokens[first.call.model] >= self._lane(first).budget
            and not (first.work.bulk and self.ledger.has_interactive)
        )

    def _form(self) -> Batch | None:
        while (first := self._classes.first(self._batch_cost)) is not None:
            lane = self._lane(first)
            queue = self._classes.of(first.work)
            window = queue.window(first, self._settings.lookahead * lane.budget)
            if self._drop_unwanted(window):
                continue
            items = pick(window, budget=lane.budget, launch_tokens=self._settings.launch_tokens)
            self._classes.take(first, items)
            return Batch(lane.model, items)
        return None

    def _lane(self, item: Item) -> Lane:
        return self._lanes[item.call.model]

    def _batch_cost(self, item: Item) -> float:
        lane = self._lane(item)
        return lane.budget * self._weight(lane)

    def _weight(self, lane: Lane) -> float:
        """What a token of a model costs, in tokens of the fastest model; 1 until it is measured."""
        # Measured, not set: it is the device's time that is shared, and what a model takes of it
        # depends on the device, the dtype, and how long rows are.
        fastest, rate = self._fastest(), lane.rate.value
        if fastest is None or fastest.rate.value is None or rate is None:
            return 1.0
        return fastest.rate.value / rate

    def _fastest(self) -> Lane | None:
        lanes = [lane for lane in self._lanes.values() if lane.rate.value is not None]
        return max(lanes, key=lambda lane: lane.rate.value or 0.0, default=None)

    def _pace(self) -> Pace:
        now = self._clock()
        fastest = self._fastest()
        used = [lane for lane in self._lanes.values() if not lane.rate.is_stale(now)]
        return Pace(
            None if fastest is None else fastest.rate.value,
            is_stale=not used,
            batch=max((lane.budget * self._weight(lane) for lane in used), default=0.0),
        )

    def _drop_unwanted(self, items: Sequence[Item]) -> bool:
        calls = {item.call for item in items}
        unwanted = [call for call in calls if call.unwanted and not call.over]
        for call in unwanted:
            self.give_up(call)
        return bool(unwanted)

    def _finish(self, items: Sequence[Item]) -> None:
        # What an abort has taken from the device comes here a second time.
        running = self._running.intersection(items)
        self._running -= running
        self._settle(running, computed=True)

    def _settle(self, items: Iterable[Item], *, computed: bool) -> None:
        for work, amount in _amounts(items).items():
            self.ledger.settle(work, amount, computed=computed)
            self._forget(work)

    def _forget(self, work: Work) -> None:
        if not self.ledger.knows(work):
            self._classes.of(work).forget(work)


def _amounts(items: Iterable[Item]) -> Mapping[Work, Amount]:
    """What each request has of the items."""
    tokens: Counter[Work] = Counter()
    costs: dict[Work, float] = {}
    for item in items:
        tokens[item.work] += item.tokens
        costs[item.work] = costs.get(item.work, 0.0) + item.cost
    return {work: Amount(tokens[work], cost) for work, cost in costs.items()}
