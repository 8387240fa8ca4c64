"""Few threads compute at a time, in an order; who waits for a device lets others compute."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from heapq import heappop, heappush
from itertools import count
from typing import Final

from compressors.work import Work, current

_KEPT: Final = 0.9
"""What is left of the weight of a measurement after the next one."""


class Slots:
    """Hands out turns to compute, ``at_once`` at a time, to those of the lowest rank first.

    Python computes on one core, whatever the number of threads. Were all of them let loose, each
    small request would take as long as all large ones beside it, and the event loop would wait for
    each of them. A turn that has lasted ``longest`` seconds does not count any more: a thread that
    blocks, or has much to do, holds nobody up for longer. Whoever is late or cancelled has only to
    put together what there is, and does not wait.
    """

    def __init__(self, at_once: int, *, longest: float = 0.05) -> None:
        self._at_once = at_once
        self._longest = longest
        self._lock = threading.Lock()
        self._numbers = count()
        self._waiting: list[_Slot] = []
        self._running: dict[_Slot, float] = {}
        self._alarm: _Slot | None = None
        self._mean: float | None = None

    @contextmanager
    def taken(self, rank: float) -> Iterator[None]:
        """Wait for a turn, and have it in the block, except inside of ``resting``."""
        slot = _Slot(self, rank, next(self._numbers))
        slot.begin()
        token = _CURRENT.set(slot)
        try:
            yield
        finally:
            _CURRENT.reset(token)
            slot.end()
            with self._lock:
                mean = slot.seconds if self._mean is None else self._mean
                self._mean = _KEPT * mean + (1 - _KEPT) * slot.seconds

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._waiting)

    def expected_wait(self, before: int) -> float:
        """Seconds until about so many have had all of their turns."""
        return before * (self._mean or 0.0) / self._at_once

    def begin(self, slot: _Slot, work: Work) -> None:
        """Wait until ``slot`` has its turn, or ``work`` is over."""
        with self._lock:
            heappush(self._waiting, slot)
            self._grant()
        if not slot.granted:
            work.on_cancel(slot.woken.set)
        while not (slot.granted or work.cancelled or work.expired):
            slot.woken.wait(self._patience(slot, work))
            slot.woken.clear()
            with self._lock:
                self._grant()
        with self._lock:
            if not slot.granted:
                self._waiting = sorted(each for each in self._waiting if each is not slot)
                self._grant()

    def end(self, slot: _Slot) -> None:
        """Give a turn back."""
        with self._lock:
            begun = self._running.pop(slot, None)
            if begun is not None:
                # What it has lasted longer held nobody up.
                slot.seconds += min(time.monotonic() - begun, self._longest)
            slot.granted = False
            self._grant()

    def _patience(self, slot: _Slot, work: Work) -> float | None:
        """For how long to sleep; only the next one watches out for turns that last too long."""
        with self._lock:
            now = time.monotonic()
            lapses = sorted(begun + self._longest - now for begun in self._running.values())
            counting = [lapse for lapse in lapses if lapse > 0]
            alarm = counting[0] if slot is self._alarm and counting else None
        times = [each for each in (alarm, work.remaining) if each is not None]
        return min(*times, threading.TIMEOUT_MAX) if times else None

    def _grant(self) -> None:
        horizon = time.monotonic() - self._longest
        counting = sum(begun > horizon for begun in self._running.values())
        while self._waiting and counting < self._at_once:
            slot = heappop(self._waiting)
            slot.granted = True
            self._running[slot] = time.monotonic()
            counting += 1
            slot.woken.set()
        # Who is the next one now has to look at the clock itself.
        following = self._waiting[0] if self._waiting else None
        if following is not None and following is not self._alarm:
            following.woken.set()
        self._alarm = following


class _Slot:
    """The turns of one thread for one piece of work."""

    def __init__(self, slots: Slots, rank: float, number: int) -> None:
        self.granted = False
        self.woken = threading.Event()
        self.seconds = 0.0
        self._slots = slots
        self._order = rank, number

    def __lt__(self, other: _Slot) -> bool:
        return self._order < other._order

    def begin(self) -> None:
        work, start = current(), time.perf_counter()
        self._slots.begin(self, work)
        work.spend(queued=time.perf_counter() - start)

    def end(self) -> None:
        self._slots.end(self)


_CURRENT: ContextVar[_Slot | None] = ContextVar("slot", default=None)


@contextmanager
def resting() -> Iterator[None]:
    """Around waiting for something else than a turn: lets others compute meanwhile, if it has one.

    At the end of the block it waits for its turn again.
    """
    slot = _CURRENT.get()
    if slot is None:
        yield
        return
    slot.end()
    try:
        yield
    finally:
        slot.begin()
