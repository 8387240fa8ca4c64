"""Many threads, random requests, and faults of every kind at once."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from compressors.engine import BatchReport, Engine, EngineSettings
from compressors.errors import (
    Cancelled,
    CompressionError,
    DeadlineExceeded,
    ModelFailure,
    Overloaded,
)
from compressors.protocols import Encoded, Forward
from compressors.work import Work
from tests.engine.fakes import PATIENCE, row

POISON = 666
CALLERS, CALLS = 12, 60
ENDS: dict[str, set[type[CompressionError] | None]] = {
    "fine": {None},
    "poison": {ModelFailure},
    "cancel": {None, Cancelled},
    "late": {None, DeadlineExceeded, Overloaded},
    "before": {Cancelled},
}


class Faulty:
    """Fails on poison, now and then runs out of memory, and remembers the rows that it saw."""

    def __init__(self) -> None:
        self._dice = random.Random(7)  # noqa: S311 - a test
        self.seen: Counter[int] = Counter()

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[tuple[int, ...]]:
        self.seen.update(row.ids[0] for row in batch)
        if len(batch) > 1 and self._dice.random() < 0.05:
            raise MemoryError
        if any(POISON in row.ids for row in batch):
            raise ValueError("poison")
        return [row.ids for row in batch]


class Caller:
    """Calls a model again and again, and checks everything that comes back."""

    def __init__(self, engine: Engine, number: int) -> None:
        self._engine = engine
        self._dice = random.Random(number)  # noqa: S311 - a test
        self._marks = iter(range(10_000 * (number + 1), 10_000 * (number + 2)))
        self.ends: Counter[str] = Counter()
        self.never: list[int] = []

    def run(self, forwards: Sequence[Forward]) -> None:
        for _ in range(CALLS):
            forward = self._dice.choice(forwards)
            rows = [
                row(self._dice.choice([3, 10, 40, 200]), mark=next(self._marks))
                for _ in range(self._dice.randrange(1, 12))
            ]
            self.ends[self._call(forward, rows)] += 1

    def _call(self, forward: Forward, rows: list[Encoded]) -> str:
        fate = self._dice.choice(["fine", "fine", "fine", "poison", "cancel", "late", "before"])
        if fate == "poison":
            rows.insert(self._dice.randrange(len(rows)), Encoded((1, POISON)))
        work = Work(time.monotonic() + 0.003) if fate == "late" else Work()
        if fate == "before":
            work.cancel()
            self.never += [r.ids[0] for r in rows]
        timer = threading.Timer(0.002, work.cancel)
        if fate == "cancel":
            timer.start()
        try:
            with work.active():
                answers = forward(rows)
        except CompressionError as failure:
            end: type[CompressionError] | None = type(failure)
        else:
            end = None
            assert answers == [r.ids for r in rows]
        if fate == "cancel":
            timer.join()
        assert end in ENDS[fate]
        return end.__name__ if end else "answered"


def test_everybody_gets_his_own_answer_or_a_true_error() -> None:
    models = [Faulty(), Faulty()]
    reports: list[BatchReport] = []
    settings = EngineSettings(batch_tokens=400, max_queued_tokens=10**6)
    with Engine(settings, observe=reports.append) as engine:
        forwards = [engine.wrap(model, name=str(n)) for n, model in enumerate(models)]
        callers = [Caller(engine, number) for number in range(CALLERS)]
        with ThreadPoolExecutor(CALLERS) as pool:
            for future in [pool.submit(caller.run, forwards) for caller in callers]:
                future.result(3 * PATIENCE)
        ends = sum((caller.ends for caller in callers), Counter[str]())
        stats = engine.stats()

    assert engine.stats().claimed_tokens == 0
    assert stats.queued_items == stats.queued_tokens == 0
    assert sum(ends.values()) == CALLERS * CALLS
    assert ends["answered"] > 0
    assert ends["ModelFailure"] > 0
    assert ends["Cancelled"] > 0
    assert all(r.padded_tokens <= 400 or r.items == 1 for r in reports)
    seen = models[0].seen + models[1].seen
    assert not any(seen[mark] for caller in callers for mark in caller.never)
