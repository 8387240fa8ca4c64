"""One request's claim on the machine: how long it may take, and where its time went."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from compressors.errors import Cancelled, DeadlineExceeded
from compressors.values import Seconds


class Work:
    """Deadline, cancellation and clock of one request; safe to use from several threads.

    ``deadline`` is a point of ``clock``; ``None`` means no limit. ``tenant`` says who pays for it,
    "" where nobody told; ``bulk`` that nobody waits at a screen for it. The one mutable thing
    that follows a request, so that scorers and values need not carry it: the code that serves a
    request runs inside ``with work.active():`` and whoever needs it asks ``current()``.
    """

    def __init__(
        self,
        deadline: float | None = None,
        *,
        tenant: str = "",
        bulk: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.deadline = deadline
        self.tenant = tenant
        self.bulk = bulk
        self._clock = clock
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._queued = self._tokenizing = self._computing = 0.0
        self._tokens_spent = self._tokens_reused = 0
        self._notes: list[str] = []
        self._hooks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    @property
    def expired(self) -> bool:
        return self.deadline is not None and self._clock() >= self.deadline

    @property
    def remaining(self) -> float | None:
        """Seconds that are left, never below 0; ``None`` without a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - self._clock())

    def check(self) -> None:
        """Raise ``Cancelled`` or ``DeadlineExceeded`` if there is no use in going on."""
        if self.cancelled:
            raise Cancelled("the request was cancelled")
        if self.expired:
            raise DeadlineExceeded("the request's deadline is over")

    def cancel(self) -> None:
        """Nobody waits any more. Wakes whoever waits on the request's behalf."""
        with self._lock:
            self._cancelled.set()
            hooks, self._hooks = self._hooks, []
        for hook in hooks:
            hook()

    def on_cancel(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` once when the request is cancelled; at once if it was already."""
        with self._lock:
            if not self._cancelled.is_set():
                self._hooks.append(hook)
                return
        hook()

    def spend(
        self, *, queued: float = 0.0, tokenizing: float = 0.0, computing: float = 0.0
    ) -> None:
        """Add seconds to the account."""
        with self._lock:
            self._queued += queued
            self._tokenizing += tokenizing
            self._computing += computing

    def spend_tokens(self, tokens: int) -> None:
        """Add tokens that a summarizer read or wrote."""
        with self._lock:
            self._tokens_spent += tokens

    def reuse_tokens(self, tokens: int) -> None:
        """Count a summary that was there already, and the tokens that writing it had taken."""
        with self._lock:
            self._tokens_reused += tokens

    @property
    def tokens_spent(self) -> int:
        return self._tokens_spent

    @property
    def tokens_reused(self) -> int:
        return self._tokens_reused

    def note(self, text: str) -> None:
        """Add something that the caller should know of; never a text of the request."""
        with self._lock:
            self._notes.append(text)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noted so far, in order."""
        with self._lock:
            return tuple(self._notes)

    @property
    def seconds(self) -> Seconds:
        """What was spent so far; ``elapsed`` is not counted here."""
        with self._lock:
            return Seconds(self._queued, self._tokenizing, self._computing)

    @contextmanager
    def tokenizing(self) -> Iterator[None]:
        """Count the time of a block as tokenising."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spend(tokenizing=time.perf_counter() - start)

    @contextmanager
    def active(self) -> Iterator[Work]:
        """Make this the work that ``current`` gives to the code in the block."""
        token = _CURRENT.set(self)
        try:
            yield self
        finally:
            _CURRENT.reset(token)


_CURRENT: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def claimed() -> Iterator[Work]:
    """The work that is active, or one without limits that is active in the block."""
    active = _CURRENT.get()
    if active is not None:
        yield active
        return
    with Work().active() as work:
        yield work


def current() -> Work:
    """The work that this code is part of; one without limits where none is active."""
    return _CURRENT.get() or Work()
