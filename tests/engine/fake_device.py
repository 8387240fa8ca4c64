"""A device without a thread, in time that passes when a test says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compressors.engine.batches import Batch
from compressors.engine.calls import Call, Item
from compressors.engine.scheduler import Scheduler
from compressors.errors import CompressionError, ModelFailure
from tests.engine.clocks import Clock


class CountedCall(Call):
    """Counts how often it was ended."""

    ends = 0

    def end(self, error: CompressionError | None = None) -> None:
        super().end(error)
        self.ends += 1


class FakeDevice:
    """Does what ``Device`` does with a batch, a step at a time.

    ``speeds`` are tokens a second by model, the start of a batch included.
    """

    def __init__(
        self, scheduler: Scheduler, clock: Clock, speeds: Mapping[str, float], launch_tokens: int
    ) -> None:
        self.parts: list[Sequence[Item]] = []
        self.answered: set[tuple[Call, int]] = set()
        self._scheduler = scheduler
        self._clock = clock
        self._speeds = speeds
        self._launch_tokens = launch_tokens

    @property
    def busy(self) -> bool:
        return bool(self.parts)

    @property
    def items(self) -> list[Item]:
        return [item for part in self.parts for item in part]

    def begin(self, batch: Batch) -> None:
        self.parts = [batch.items]

    def answer(self) -> None:
        """Compute what is next, and answer it."""
        if part := self._computed():
            for item in part:
                assert (item.call, item.index) not in self.answered
                self.answered.add((item.call, item.index))
            self._scheduler.answer(part, [len(item.row) for item in part])

    def run_out_of_memory(self) -> None:
        if part := self._computed():
            self._scheduler.shrink(part)
            self._halve(part)

    def fail(self) -> None:
        if part := self._computed():
            self._halve(part)

    def die(self) -> None:
        self.parts = []

    def _computed(self) -> Sequence[Item]:
        part = self._scheduler.wanted(self.parts.pop())
        assert not any(item.call.unwanted for item in part)
        if part:
            tokens = sum(item.tokens for item in part)
            speed = self._speeds[part[0].call.model]
            seconds = (tokens + self._launch_tokens) / speed
            self._clock.passes(seconds)
            self._scheduler.computed(part, seconds)
        return part

    def _halve(self, part: Sequence[Item]) -> None:
        half = len(part) // 2
        if half:
            self.parts += [part[half:], part[:half]]
        else:
            self._scheduler.fail(part[0], ModelFailure("broken"))
