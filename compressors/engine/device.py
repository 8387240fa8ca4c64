"""The thread that runs models, the one that prepares its next batch, and one that watches both."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from compressors.engine.batches import Batch
from compressors.engine.calls import Item, padded_tokens
from compressors.engine.failures import (
    DeviceLost,
    free_memory,
    is_device_lost,
    is_out_of_memory,
    model_failure,
    unavailable,
)
from compressors.engine.scheduler import Scheduler
from compressors.engine.stats import BatchReport
from compressors.engine.watchdog import Patience
from compressors.errors import ModelFailure, Unavailable
from compressors.protocols import Forward

_LOG = logging.getLogger(__name__)


class Device:
    """Runs what a scheduler says, one batch at a time. ``lock`` guards the scheduler.

    Forming a batch happens while another one runs, if there is enough for a full one. Padding it
    and copying it to the device does not: a ``Forward`` does these itself, on the device thread,
    and as long as it takes rows and not tensors nobody else can do it for it.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        forwards: Mapping[str, Forward],
        *,
        observe: Callable[[BatchReport], None],
        stall_seconds: float,
    ) -> None:
        self.lock = threading.Lock()
        self.alive = False
        self.lost: DeviceLost | None = None
        """Why nothing runs any more, if it did not just stop."""
        self.progress = time.monotonic()
        """When the device last began or ended something."""
        self.out_of_memory = 0
        self._scheduler = scheduler
        self._forwards = forwards
        self._observe = observe
        self._patience = Patience(stall_seconds)
        self._arrived = threading.Condition(self.lock)
        self._spare = threading.Condition(self.lock)
        self._busy = False
        self._ended = threading.Event()
        self._dying = threading.Lock()
        self._hooks: list[Callable[[DeviceLost], None]] = []
        jobs = (("device", self._serve), ("prefetch", self._prefetch), ("watchdog", self._watch))
        self._threads = [
            threading.Thread(target=self._until_death, args=(job,), name=name, daemon=True)
            for name, job in jobs
        ]

    def start(self) -> None:
        self.alive = True
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Fail everybody who waits, and wait for the batch that runs, unless it hangs."""
        with self.lock:
            self._end(Unavailable("the engine is closed"))
        if self.lost is not None:
            # Its threads may never end, and nothing depends on them any more.
            return
        for thread in self._threads:
            thread.join(self._patience.seconds)
        if any(thread.is_alive() for thread in self._threads):
            self._die(DeviceLost("it did not end"))

    def on_death(self, hook: Callable[[DeviceLost], None]) -> None:
        """Call ``hook`` once if the device is lost; at once if it is already."""
        with self._dying:
            if self.lost is None:
                self._hooks.append(hook)
                return
        hook(self.lost)

    def oldest_seconds(self, now: float) -> float:
        """The age of the oldest row that has no result yet; to be asked under the lock."""
        return max((now - item.call.since for item in self._scheduler.items()), default=0.0)

    def stalled_seconds(self, now: float) -> float:
        """For how long nothing was finished while somebody waits; to be asked under the lock."""
        return min(self.oldest_seconds(now), now - self.progress)

    def wake(self) -> None:
        """Say, holding the lock, that something has come."""
        (self._spare if self._busy else self._arrived).notify()

    def _end(self, error: Unavailable) -> None:
        self.alive = False
        self._ended.set()
        self._scheduler.abort(error)
        self._arrived.notify_all()
        self._spare.notify_all()

    def _until_death(self, job: Callable[[], None]) -> None:
        try:
            job()
        except DeviceLost as lost:
            self._die(lost)
        except BaseException as error:  # noqa: BLE001 - everybody who waits must hear of it
            death = DeviceLost(f"its thread died: {type(error).__name__}")
            death.__cause__ = error
            self._die(death)

    def _die(self, lost: DeviceLost) -> None:
        with self._dying:
            if self.lost is not None:
                return
            self.lost, self.alive = lost, False
            hooks, self._hooks = self._hooks, []
        _LOG.critical("the device is lost: %s", lost, exc_info=lost)
        # First, so that nobody has a failure before health shows it. And without the lock: whoever
        # hangs may hold it.
        for hook in hooks:
            try:
                hook(lost)
            except Exception:  # noqa: BLE001 - those who wait must hear of it all the same
                _LOG.exception("somebody could not be told")
        with self.lock:
            self._end(unavailable(lost))

    def _watch(self) -> None:
        while not self._ended.wait(self._patience.pause):
            if self._patience.ends(self._stalled()):
                raise DeviceLost(f"it has finished nothing for {self._patience.seconds:g} s")

    def _stalled(self) -> float:
        now = time.monotonic()
        idle = now - self.progress
        # A device that works is not asked for the age of everything that waits.
        if idle < self._patience.pause:
            return idle
        if not self.lock.acquire(timeout=self._patience.pause):
            # Nobody needs it for so long, unless it is he who hangs.
            return math.inf
        try:
            return self.stalled_seconds(now)
        finally:
            self.lock.release()

    def _serve(self) -> None:
        while (batch := self._next()) is not None:
            self._run(batch)

    def _next(self) -> Batch | None:
        with self.lock:
            self._busy = False
            while self.alive:
                batch = self._scheduler.take()
                if batch is not None:
                    self._busy = True
                    self.progress = time.monotonic()
                    self._spare.notify()
                    return batch
                self._arrived.wait()
            return None

    def _prefetch(self) -> None:
        with self.lock:
            while self.alive:
                if not (self._busy and self._scheduler.prefetch()):
                    self._spare.wait()

    def _run(self, batch: Batch) -> None:
        parts: list[Sequence[Item]] = [batch.items]
        while parts:
            with self.lock:
                part = self._scheduler.wanted(parts.pop())
            if not part:
                continue
            failure = self._attempt(batch.model, part)
            if failure is None:
                continue
            if is_device_lost(failure):
                raise DeviceLost(f"{batch.model} failed with it") from failure
            too_large = is_out_of_memory(failure)
            if too_large:
                free_memory(failure)
            # Halves, so that a row that breaks its batch is found, and breaks nothing else.
            half = len(part) // 2
            if half:
                parts += [part[half:], part[:half]]
            with self.lock:
                if too_large:
                    self.out_of_memory += 1
                    self._scheduler.shrink(part)
                if not half:
                    self._scheduler.fail(part[0], model_failure(batch.model, failure))

    def _attempt(self, model: str, items: Sequence[Item]) -> Exception | None:
        results: Sequence[Any] = ()
        failure: Exception | None = None
        start = time.monotonic()
        try:
            results = _results(self._forwards[model], items)
        except Exception as error:  # noqa: BLE001 - whatever a model raises, the others go on
            failure = error
        end = time.monotonic()

        with self.lock:
            self.progress = end
            self._scheduler.computed(items, end - start)
            if failure is None:
                self._scheduler.answer(items, results)
        self._report(_report(model, items, start, end, failed=failure is not None))
        return failure

    def _report(self, report: BatchReport) -> None:
        try:
            self._observe(report)
        except Exception:  # noqa: BLE001 - an observer must not cost anybody his results
            _LOG.exception("an observer of batches failed")


def _results(forward: Forward, items: Sequence[Item]) -> Sequence[Any]:
    results = forward([item.row for item in items])
    if len(results) != len(items):
        raise ModelFailure(f"{len(results)} results for {len(items)} rows")
    return results


def _report(
    model: str, items: Sequence[Item], start: float, end: float, *, failed: bool
) -> BatchReport:
    return BatchReport(
        model=model,
        items=len(items),
        requests=len({item.call.work for item in items}),
        tokens=sum(item.tokens for item in items),
        padded_tokens=padded_tokens(items),
        seconds=end - start,
        longest_wait=start - min(item.call.since for item in items),
        failed=failed,
    )
