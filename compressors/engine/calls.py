"""What waits: the rows of a call, and the call that they belong to."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from compressors.errors import CompressionError
from compressors.protocols import Encoded
from compressors.work import Work


class Call:
    """One call of a wrapped model: what it asked for, and what has come back so far.

    Written under the engine's lock; its caller waits for ``done`` and then looks at ``over``,
    because a cancelled request sets ``done`` too.
    """

    def __init__(self, model: str, rows: Sequence[Encoded], work: Work, now: float) -> None:
        self.model = model
        self.rows = tuple(rows)
        self.work = work
        self.since = now
        self.done = threading.Event()
        self.over = False
        self.computing = 0.0
        """Seconds: the share of its batches, by tokens."""
        self._results: list[Any] = [None] * len(self.rows)
        self._missing = set(range(len(self.rows)))
        self._error: CompressionError | None = None

    @property
    def unwanted(self) -> bool:
        """Whether nobody waits for what has not come back yet."""
        return self.over or self.work.cancelled or self.work.expired

    def answer(self, index: int, result: Any) -> None:  # noqa: ANN401 - the model's business
        """Note the result of a row, once. Raises ``KeyError`` for a second one."""
        self._missing.remove(index)
        self._results[index] = result
        if not self._missing:
            self.end()

    def end(self, error: CompressionError | None = None) -> None:
        """Wake the caller, who gets the results or ``error``, once.

        Raises ``RuntimeError`` at a second end: somebody would have got what was not his.
        """
        if self.over:
            raise RuntimeError("the call is over already")
        self._error = error
        self.over = True
        self.done.set()

    def results(self) -> list[Any]:
        """One result for each row, in order, once the call is over. Raises its error."""
        if self._error is not None:
            raise self._error
        return self._results


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A row on its way through the engine."""

    call: Call
    index: int
    tokens: int
    cost: float
    """What it takes of the device: tokens of the fastest model."""
    number: int
    """Its age: the smallest came first."""

    @property
    def row(self) -> Encoded:
        return self.call.rows[self.index]

    @property
    def work(self) -> Work:
        return self.call.work


def tokens_of(row: Encoded) -> int:
    """What a row costs; one without tokens still takes a turn."""
    return max(1, len(row))


def padded_tokens(items: Sequence[Item]) -> int:
    """What a batch costs: its longest row times its rows."""
    return max(item.tokens for item in items) * len(items)
