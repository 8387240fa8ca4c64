"""The memory of a server over many requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import Final

from benchmarks.load.answers import End
from benchmarks.load.client import Caller, closed_loop
from benchmarks.load.requests import Sent
from benchmarks.load.server import Server

_SAMPLES: Final = 20
_WARM: Final = 4
"""One part in so many does not count: pools, caches and allocators have filled by then."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes after so many requests each, and what became of the requests."""

    samples: tuple[tuple[int, int], ...]
    ends: Counter[End]

    @property
    def growth(self) -> int:
        """Bytes from the end of the warm part to the end of all."""
        warm = self.samples[len(self.samples) // _WARM]
        return self.samples[-1][1] - warm[1]


async def memory(
    caller: Caller, server: Server, requests: Iterator[Sent], *, count: int, clients: int
) -> Memory:
    """Ask ``count`` requests, and look at the memory twenty times."""
    samples = [(0, server.resident_bytes())]
    ends: Counter[End] = Counter()
    for number in range(1, _SAMPLES + 1):
        until = number * count // _SAMPLES
        some = islice(requests, until - samples[-1][0])
        outcomes = await closed_loop(caller, some, clients=clients, seconds=inf)
        ends.update(one.end for one in outcomes)
        samples.append((until, server.resident_bytes()))
    return Memory(tuple(samples), ends)
