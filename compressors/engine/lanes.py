"""One wrapped model: the budget of its batches, and what it has done."""

from __future__ import annotations

from collections.abc import Sequence

from compressors.engine.calls import Item, padded_tokens
from compressors.engine.rates import Rate
from compressors.engine.settings import EngineSettings
from compressors.engine.stats import ModelStats

_SMALLEST_SHARE = 16
"""Running out of memory makes batches smaller, down to this part of the setting."""


class Lane:
    """The budget of a model, its rate, and counters."""

    def __init__(self, model: str, settings: EngineSettings, batch_tokens: int) -> None:
        self.model = model
        self.rate = Rate()
        self.budget = batch_tokens
        self.failed_items = 0
        self._launch_tokens = settings.launch_tokens
        self._smallest = max(1, batch_tokens // _SMALLEST_SHARE)
        self._batches = self._items = self._tokens = self._padded_tokens = 0
        self._busy_seconds = 0.0

    def shrink(self, padded: int) -> None:
        """Make batches of half of what was too much, from now on."""
        # For good: who shares the device may go away again, but finding that out would cost
        # another failure each time. ``stats`` shows it, and a restart forgets it.
        self.budget = min(self.budget, max(self._smallest, padded // 2))

    def count(self, items: Sequence[Item], seconds: float, now: float) -> None:
        """Note a run of the device that has ended now."""
        self._batches += 1
        self._items += len(items)
        tokens = sum(item.tokens for item in items)
        self._tokens += tokens
        self._padded_tokens += padded_tokens(items)
        self._busy_seconds += seconds
        if self._batches > 1:
            # The first one pays for what the model and the device put off until they are needed.
            # Starting a batch is work too. Without it a device that gets single rows would seem
            # slow, and the next large request would be refused for nothing.
            self.rate.add(tokens + self._launch_tokens, seconds, now)

    def stats(self, queued_items: int, queued_tokens: int) -> ModelStats:
        return ModelStats(
            model=self.model,
            batch_tokens=self.budget,
            tokens_per_second=self.rate.value,
            queued_items=queued_items,
            queued_tokens=queued_tokens,
            batches=self._batches,
            items=self._items,
            tokens=self._tokens,
            padded_tokens=self._padded_tokens,
            busy_seconds=self._busy_seconds,
            failed_items=self.failed_items,
        )
