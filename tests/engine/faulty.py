"""A small engine without faults, and others that have one bug of spec/serving.md 1.1 each."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from compressors.engine import EngineSettings
from compressors.errors import ModelFailure, Overloaded, Unavailable
from compressors.protocols import Encoded, Forward

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class _Call:
    def __init__(self, rows: Sequence[Encoded]) -> None:
        self.rows = rows
        self.tokens = sum(map(len, rows))
        self.results: list[Any] = []
        self.done: Future[Sequence[Any]] = Future()

    def end(self, error: Exception | None = None) -> None:
        if not self.done.done():
            if error is None:
                self.done.set_result(self.results)
            else:
                self.done.set_exception(error)


_Items = list[tuple[_Call, Encoded]]


class Careful:
    """One model, one thread, first come first served; and everybody gets an answer.

    At the end of its block even those are let go whom a bug has forgotten.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self.alive = True
        self.settings = settings
        self.waiting: deque[tuple[_Call, Encoded]] = deque()
        self.claimed = 0
        self.changed = threading.Condition()
        self._calls: list[_Call] = []
        self._forward: Forward
        self._thread = threading.Thread(target=self._main, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self.changed:
            self.alive = False
            self._end_all()
            self.changed.notify_all()
        self._thread.join()

    def wrap(self, forward: Forward, *, name: str) -> Forward:
        self._forward = forward
        return partial(self.ask)

    @contextmanager
    def admit(self, tokens: int) -> Iterator[None]:
        with self.changed:
            self.claim(tokens)
        try:
            yield
        finally:
            with self.changed:
                self.release(tokens)

    def ask(self, rows: Sequence[Encoded]) -> Sequence[Any]:
        call = _Call(rows)
        with self.changed:
            self._calls.append(call)
            if not self.alive:
                raise Unavailable("it is dead")
            self.claim(call.tokens)
            self.submit(call)
            self.changed.notify_all()
        return call.done.result()

    def claim(self, tokens: int) -> None:
        if self.claimed and self.claimed + tokens > self.settings.max_queued_tokens:
            raise Overloaded("too much waits", retry_after=1.0)
        self.claimed += tokens

    def release(self, tokens: int) -> None:
        self.claimed -= tokens
        self.changed.notify_all()

    def submit(self, call: _Call) -> None:
        self.waiting.extend((call, row) for row in call.rows)

    def take(self) -> _Items:
        with self.changed:
            while self.alive:
                if batch := self.fitting():
                    return batch
                self.changed.wait()
            return []

    def fitting(self) -> _Items:
        batch: _Items = []
        while self.waiting and (not batch or self.fits(batch)):
            batch.append(self.waiting.popleft())
        return batch

    def fits(self, batch: _Items) -> bool:
        """Whether the first of those who wait fits into the batch."""
        longest = max(len(row) for _, row in [*batch, self.waiting[0]])
        return longest * (len(batch) + 1) <= self.settings.batch_tokens

    def run(self, batch: _Items) -> None:
        try:
            self.compute(batch)
        except Exception as error:  # noqa: BLE001 - those who wait must hear of it
            with self.changed:
                for call in {call for call, _ in batch}:
                    self.release(call.tokens)
                    call.end(ModelFailure(type(error).__name__))

    def compute(self, batch: _Items) -> None:
        results = self._forward([row for _, row in batch])
        with self.changed:
            for (call, _), result in zip(batch, results, strict=True):
                call.results.append(result)
                if len(call.results) == len(call.rows):
                    self.release(call.tokens)
                    call.end()

    def die(self) -> None:
        """What becomes of everybody when the thread has died."""
        with self.changed:
            self.alive = False
            self._end_all()

    def _main(self) -> None:
        try:
            while batch := self.take():
                self.run(batch)
        except BaseException:  # noqa: BLE001 - whatever it was, it is over
            self.die()

    def _end_all(self) -> None:
        for call in self._calls:
            call.end(Unavailable("it is dead"))


class DiesSilently(Careful):
    """infinity #544: an exception ends the thread, its callers wait for ever, health says 200."""

    def run(self, batch: _Items) -> None:
        self.compute(batch)

    def die(self) -> None:
        pass


class PanicsWhenFull(Careful):
    """TEI #470: ``try_send().expect()`` into a channel that a large call fills alone."""

    capacity = 512

    def submit(self, call: _Call) -> None:
        for row in call.rows:
            if len(self.waiting) == self.capacity:
                raise RuntimeError("no available capacity")
            self.waiting.append((call, row))


class NeverFits(Careful):
    """TEI #723: a row that is longer than the budget is tried again and again."""

    def take(self) -> _Items:
        while self.alive:
            with self.changed:
                if batch := self.fitting():
                    return batch
        return []

    def fitting(self) -> _Items:
        batch: _Items = []
        while self.waiting and self.fits(batch):
            batch.append(self.waiting.popleft())
        return batch


class WaitsForRoom(Careful):
    """TEI #662 (PR #726): whoever finds no room waits for some instead of being refused."""

    def claim(self, tokens: int) -> None:
        while self.alive and self.claimed + tokens > self.settings.max_queued_tokens:
            self.changed.wait()
        self.claimed += tokens


class ForgetsTheRefused(Careful):
    """SGLang #33858: who finds no room is turned away, and never told."""

    def ask(self, rows: Sequence[Encoded]) -> Sequence[Any]:
        try:
            return super().ask(rows)
        except Overloaded:
            return self._calls[-1].done.result()


class SharedTokenizer:
    """transformers #47085, vLLM #40949: one fast tokenizer for all threads, set up for each call.

    That is how transformers truncates and pads. Some versions of tokenizers raise "Already
    borrowed" then; 0.23 gives one thread what another one has asked for.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, cut to as many as there are texts."""
        self._tokenizer.enable_truncation(len(texts))
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
