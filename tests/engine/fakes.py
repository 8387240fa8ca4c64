"""Models whose answers can be worked out by hand, and gates to hold them at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from compressors.protocols import Encoded

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds after which a test that waits has failed."""


def row(tokens: int, mark: int = 1) -> Encoded:
    """A row of so many tokens; its answer from ``Summing`` is ``mark + tokens - 1``."""
    return Encoded((mark, *(1,) * (tokens - 1)))


def until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait for a condition that another thread brings about."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not true():
        assert time.monotonic() < end, "it never became true"
        pause.wait(0.001)


def asked(function: Callable[[], T]) -> Future[T]:
    """What a function gives, on a thread of its own that nobody has to wait for if it hangs."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - the future passes it on
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


class Summing:
    """Answers each row with the sum of its ids, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[tuple[Encoded, ...]] = []

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[int]:
        self.batches.append(tuple(batch))
        return [sum(row.ids) for row in batch]

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]

    @property
    def rows(self) -> list[Encoded]:
        return [row for batch in self.batches for row in batch]


class Gated(Summing):
    """Works on a batch only after one more ``let``; ``entered`` counts the batches it got."""

    def __init__(self) -> None:
        super().__init__()
        self._gate = threading.Semaphore(0)
        self._open = threading.Event()

    def let(self, batches: int = 1) -> None:
        self._gate.release(batches)

    def open(self) -> None:
        """Let everything through from now on."""
        self._open.set()
        self._gate.release()

    @property
    def entered(self) -> int:
        return len(self.batches)

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[int]:
        answers = super().__call__(batch)
        if not self._open.is_set():
            assert self._gate.acquire(timeout=PATIENCE), "nobody opened the gate"
        return answers


@contextmanager
def gate() -> Iterator[Gated]:
    """A gated model whose gate is open at the end, whatever the test did, so that nothing hangs."""
    model = Gated()
    try:
        yield model
    finally:
        model.open()


@dataclass(frozen=True)
class Failing:
    """Raises an error for batches that hold a row with the mark."""

    mark: int
    error: Callable[[], BaseException]
    model: Summing = field(default_factory=Summing)

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[int]:
        answers = self.model(batch)
        if any(self.mark in row.ids for row in batch):
            raise self.error()
        return answers


@dataclass(frozen=True)
class Small:
    """Runs out of memory on batches of more padded tokens than it has room for."""

    room: int
    model: Summing = field(default_factory=Summing)

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[int]:
        answers = self.model(batch)
        if max(len(row) for row in batch) * len(batch) > self.room:
            raise RuntimeError("CUDA out of memory. Tried to allocate a lot")
        return answers
