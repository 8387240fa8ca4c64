"""The same model without the engine, and without anything: what its figures stand beside.

All ways but the server's begin with token ids, so they pay for no tokenising, no protocol and no
choice of sentences. They run in this process while the server is idle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from benchmarks.load.requests import Sent
from compressors.models.batches import OneByOne
from compressors.models.embedded import EmbeddedModel
from compressors.models.loading import Placement
from compressors.protocols import Encoded, Forward, Pieces

Requests = Sequence[Sequence[Encoded]]
Way = Callable[[Requests], Sequence[Sequence[Encoded]]]

_FIXED: Final = 32
_BUDGETS: Final = (0, 0.5, 1, 2, 4)
"""What the packed way is tried with, as shares of the budget of a batch; 0 is row by row."""


@dataclass(frozen=True, slots=True)
class Side:
    """One way's pass over all requests."""

    seconds: float
    model_tokens: int
    """What the model read, without padding."""

    def input_tokens_per_second(self, input_tokens: int, model_tokens: int) -> float:
        """In the unit of the callers, of whose tokens the model makes ``model_tokens``."""
        return self.model_tokens / self.seconds * input_tokens / model_tokens


@dataclass(frozen=True, slots=True)
class Sides:
    """The embedded model, and the rows that it makes of requests."""

    forward: Forward
    requests: Requests

    @classmethod
    def load(cls, pool: Sequence[Sent], placement: Placement) -> Sides:
        """Raises ``Unavailable``. ``limit_threads`` must have been called before."""
        recorder = _Recorder()
        model = EmbeddedModel.load(
            device=placement.device, dtype=placement.dtype, wrap=recorder.wrap
        )
        requests = []
        for sent in pool:
            documents = [
                Pieces(document.text, ((0, len(document.text)),), document.title)
                for document in sent.message.documents
            ]
            model.sentences.score(sent.message.query, documents)
            requests.append(tuple(recorder.taken()))
        return cls(recorder.forward, tuple(requests))

    @property
    def model_tokens(self) -> int:
        return sum(len(row) for rows in self.requests for row in rows)

    def run(self, way: Way) -> Side:
        """Time one way; putting the batches together beforehand costs it nothing."""
        batches = way(self.requests)
        start = time.perf_counter()
        for batch in batches:
            self.forward(batch)
        seconds = time.perf_counter() - start
        return Side(seconds, sum(len(row) for batch in batches for row in batch))

    def fastest_packed(self, batch_tokens: int) -> Way:
        """The packed way with the size of batches that suits the device best."""
        ways = [packed(max(1, int(share * batch_tokens))) for share in _BUDGETS]
        sides = [(self.run(way), way) for way in ways]
        return max(sides, key=lambda side: side[0].model_tokens / side[0].seconds)[1]


def one_at_a_time(requests: Requests) -> Sequence[Sequence[Encoded]]:
    """A batch for each request."""
    return requests


def fixed(requests: Requests) -> Sequence[Sequence[Encoded]]:
    """Batches of 32 rows in the order in which they come."""
    rows = [row for rows in requests for row in rows]
    return [rows[start : start + _FIXED] for start in range(0, len(rows), _FIXED)]


def packed(budget: int) -> Way:
    """The limit: batches of rows of one length, up to ``budget`` tokens, without any padding.

    Rows are sorted, and within a batch all are made as long as the longest, with tokens of their
    own once more. So lengths are as in the requests, and every position is a token.
    """

    def pack(requests: Requests) -> Sequence[Sequence[Encoded]]:
        batches: list[list[Encoded]] = []
        for row in sorted((row for rows in requests for row in rows), key=len, reverse=True):
            if not batches or len(batches[-1][0]) * (len(batches[-1]) + 1) > budget:
                batches.append([])
            longest = len(batches[-1][0]) if batches[-1] else len(row)
            batches[-1].append(_as_long(row, longest))
        return batches

    return pack


SIDES: Final[Mapping[str, Way]] = MappingProxyType(
    {"one request at a time": one_at_a_time, "32 rows as they come": fixed}
)


def _as_long(row: Encoded, length: int) -> Encoded:
    ids = np.resize(row.ids, length).tolist()
    types = np.resize(row.types, length).tolist() if row.types else ()
    return Encoded(tuple(ids), tuple(types))


class _Recorder:
    """Keeps the rows that a scorer makes, and computes nothing."""

    def __init__(self) -> None:
        self._forwards: list[Forward] = []
        self._rows: list[Encoded] = []

    def wrap(self, forward: Forward) -> Forward:
        self._forwards.append(forward)
        return self._record

    @property
    def forward(self) -> Forward:
        """The model itself, free to compute several rows at once."""
        (forward,) = self._forwards
        return forward.forward if isinstance(forward, OneByOne) else forward

    def taken(self) -> list[Encoded]:
        """The rows since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def _record(self, batch: Sequence[Encoded]) -> Sequence[object]:
        self._rows += batch
        return [np.zeros((len(row), 2), dtype=np.float32) for row in batch]
