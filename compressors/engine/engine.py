"""One device, its thread, and everybody who waits for it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from compressors.engine.calls import Call
from compressors.engine.device import Device
from compressors.engine.failures import DeviceLost, unavailable
from compressors.engine.scheduler import Scheduler
from compressors.engine.settings import EngineSettings
from compressors.engine.stats import BatchReport, EngineStats
from compressors.protocols import Encoded, Forward
from compressors.slots import resting
from compressors.work import current


def _ignore(_: object) -> None:
    pass


class Engine:
    """Runs the models of one device, in batches made of the rows of everybody who calls them.

    Works inside its ``with`` block, once. ``observe`` gets a report of each batch, on the device
    thread. A device whose thread dies, or that finishes nothing for ``stall_seconds`` while
    somebody waits, is lost: everybody who waits gets ``Unavailable`` at once, and so does whoever
    comes; the process should end then. A batch must not take so long.
    """

    def __init__(
        self,
        settings: EngineSettings | None = None,
        *,
        observe: Callable[[BatchReport], None] = _ignore,
        stall_seconds: float = 300.0,
    ) -> None:
        settings = settings or EngineSettings()
        self._max_queued_tokens = settings.max_queued_tokens
        self._scheduler = Scheduler(settings)
        self._forwards: dict[str, Forward] = {}
        self._unavailable: Counter[str] = Counter()
        self._device = Device(
            self._scheduler, self._forwards, observe=observe, stall_seconds=stall_seconds
        )

    def __enter__(self) -> Self:
        self._device.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._device.stop()

    def on_death(self, hook: Callable[[DeviceLost], None]) -> None:
        """Call ``hook`` once, from any thread, if the device is lost; at once if it is already.

        It must not take long: those who wait hear of it only then.
        """
        self._device.on_death(hook)

    def wrap(self, forward: Forward, *, name: str, batch_tokens: int | None = None) -> Forward:
        """The same model, run by this engine; to be called from any thread.

        A call waits until all of its rows are done. It takes deadline and cancellation from
        ``work.current()``, and books there what it waited and what it had of the device. Raises
        ``DeadlineExceeded`` and ``Cancelled`` as soon as they are true, ``ModelFailure`` if the
        model fails on one of its rows, ``Overloaded`` if the request was not admitted and there
        is no room or no time, and ``Unavailable`` if the engine does not run. ``batch_tokens`` is
        for a model that needs smaller or larger batches than the settings say.
        """
        if isinstance(forward, _Wrapped) and forward.engine is self:
            raise ValueError(f"a model would wait for the device that it runs on: {name}")
        with self._device.lock:
            self._scheduler.add(name, batch_tokens)
            self._forwards[name] = forward
        return _Wrapped(self, name)

    @contextmanager
    def admit(self, tokens: int, *, kind: str = "") -> Iterator[None]:
        """Reserve room for the ``work.current()`` of the block, which must be an active one.

        ``tokens`` is a guess of what it will submit, over all its calls. What it computes is
        taken off; what is left is given back at the end. Calls of an admitted request are never
        refused, so that nothing is refused halfway. What requests of the same ``kind`` have had of
        the device says what this one will take.

        Raises ``Overloaded``, with the seconds after which to try again, if too much waits, or if
        it would not be done within its deadline, and ``QuotaExceeded`` if its tenant may not
        compute so much now.
        """
        work = current()
        work.check()
        with self._device.lock:
            self._check_alive()
            self._scheduler.reserve(work, tokens, kind=kind)
        try:
            yield
        finally:
            with self._device.lock:
                self._scheduler.release(work)

    def expected(self, tokens: int, *, kind: str) -> tuple[float, float] | None:
        """Seconds that ``work.current()`` will wait for the device, and have of it.

        Of what it was admitted for, or of ``tokens`` of the ``kind``; ``None`` before the device
        was measured.
        """
        with self._device.lock:
            return self._scheduler.expected(current(), tokens, kind=kind)

    @property
    def alive(self) -> bool:
        """Whether calls can be served."""
        return self._device.alive

    def check(self) -> None:
        """Raise ``Unavailable`` if they cannot."""
        with self._device.lock:
            self._check_alive()

    @property
    def oldest_seconds(self) -> float:
        """The age of the oldest row that has no result yet, waiting or running; 0 if none."""
        with self._device.lock:
            return self._device.oldest_seconds(time.monotonic())

    @property
    def stalled_seconds(self) -> float:
        """For how long the device has finished nothing while somebody waits.

        Rows may grow old in a fair queue, but a device that works is never stalled for longer than
        a batch takes.
        """
        with self._device.lock:
            return self._device.stalled_seconds(time.monotonic())

    def stats(self) -> EngineStats:
        """Everything that can be counted, at this moment."""
        with self._device.lock:
            now = time.monotonic()
            return EngineStats(
                alive=self._device.alive,
                models=self._scheduler.stats(),
                claimed_tokens=self._scheduler.ledger.claimed,
                max_queued_tokens=self._max_queued_tokens,
                oldest_seconds=self._device.oldest_seconds(now),
                stalled_seconds=self._device.stalled_seconds(now),
                out_of_memory=self._device.out_of_memory,
                dropped=dict(self._scheduler.dropped),
                rejected=dict(self._scheduler.ledger.rejected + self._unavailable),
            )

    def _run(self, model: str, rows: Sequence[Encoded]) -> Sequence[Any]:
        work = current()
        work.check()
        if not rows:
            return []
        call = Call(model, rows, work, time.monotonic())
        with self._device.lock:
            self._check_alive()
            self._scheduler.submit(call)
            self._device.wake()
        with resting():
            self._wait(call)
        return call.results()

    def _wait(self, call: Call) -> None:
        work = call.work
        # Only the event is handed over: the work may outlive the call by far.
        work.on_cancel(call.done.set)
        try:
            while not call.over:
                remaining = work.remaining
                call.done.wait(None if remaining is None else min(remaining, threading.TIMEOUT_MAX))
                if not call.over:
                    work.check()
        finally:
            with self._device.lock:
                self._scheduler.give_up(call)
                computing = call.computing
            waited = time.monotonic() - call.since
            work.spend(queued=max(0.0, waited - computing), computing=computing)

    def _check_alive(self) -> None:
        if not self._device.alive:
            self._unavailable["unavailable"] += 1
            raise unavailable(self._device.lost)


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """A ``Forward`` that an engine runs."""

    engine: Engine
    name: str

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Any]:
        return self.engine._run(self.name, batch)  # noqa: SLF001 - the engine's own other half
