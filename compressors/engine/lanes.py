"""One wrapped model: what waits for it, and what it has done."""

from __future__ import annotations

from collections.abc import Sequence

from compressors.engine.batches import Batch, pick
from compressors.engine.calls import Item, padded_tokens
from compressors.engine.queues import Queue
from compressors.engine.rates import Rate
from compressors.engine.settings import EngineSettings
from compressors.engine.stats import ModelStats

_SMALLEST_SHARE = 16
"""Running out of memory makes batches smaller, down to this part of the setting."""


class Lane:
    """A queue, the budget of its batches, and counters."""

    def __init__(self, model: str, settings: EngineSettings, batch_tokens: int) -> None:
        self.model = model
        self.queue = Queue()
        self.rate = Rate()
        self.budget = batch_tokens
        self.failed_items = 0
        self._settings = settings
        self._smallest = max(1, batch_tokens // _SMALLEST_SHARE)
        self._batches = self._items = self._tokens = self._padded_tokens = 0
        self._busy_seconds = 0.0

    @property
    def has_full_batch(self) -> bool:
        return self.queue.tokens >= self.budget

    def window(self, first: Item) -> Sequence[Item]:
        """What a batch with this item is picked from."""
        return self.queue.window(first, self._settings.lookahead * self.budget)

    def take(self, window: Sequence[Item]) -> Batch:
        """A batch out of a window that was just given, with the first item of it."""
        items = pick(window, budget=self.budget, launch_tokens=self._settings.launch_tokens)
        self.queue.remove(items)
        return Batch(self.model, items)

    def shrink(self, padded: int) -> None:
        """Make batches of half of what was too much, from now on."""
        # For good: who shares the device may go away again, but finding that out would cost
        # another failure each time. ``stats`` shows it, and a restart forgets it.
        self.budget = min(self.budget, max(self._smallest, padded // 2))

    def count(self, items: Sequence[Item], seconds: float) -> int | None:
        """Note a run of the device. Gives what it is worth in the rate, in tokens, if anything."""
        self._batches += 1
        self._items += len(items)
        tokens = sum(item.tokens for item in items)
        self._tokens += tokens
        self._padded_tokens += padded_tokens(items)
        self._busy_seconds += seconds
        if self._batches == 1:
            # It pays for what the model and the device put off until they are needed.
            return None
        # Starting a batch is work too. Without it a device that gets single rows would seem slow,
        # and the next large request would be refused for nothing.
        worth = tokens + self._settings.launch_tokens
        self.rate.add(worth, seconds)
        return worth

    def stats(self) -> ModelStats:
        return ModelStats(
            model=self.model,
            batch_tokens=self.budget,
            tokens_per_second=self.rate.value,
            queued_items=len(self.queue),
            queued_tokens=self.queue.tokens,
            batches=self._batches,
            items=self._items,
            tokens=self._tokens,
            padded_tokens=self._padded_tokens,
            busy_seconds=self._busy_seconds,
            failed_items=self.failed_items,
        )
