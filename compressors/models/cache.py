"""What was tokenised or computed before: a bounded memory in which no tenant finds another's."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from compressors.protocols import Encoded, Forward
from compressors.work import current

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_DIGEST: Final = 20
"""Bytes of a hash. Only its own tenant could gain from two texts with one."""
_OVERHEAD: Final = 512
"""Bytes that an entry takes beside its numbers: key, links, and what numpy has for an array."""

_Key = tuple[str, str, str, bytes]
"""Kind, identity, tenant, hash of the content."""


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What a cache holds, and, by kind of entry, how often it did and did not know an answer."""

    entries: int
    bytes: int
    evicted: int
    hits: Mapping[str, int]
    misses: Mapping[str, int]


class Cache:
    """Holds the arrays that were asked for last, at most ``max_bytes`` of them. Thread-safe.

    An entry is found again by its kind, what made it, the tenant of ``work.current()`` and a hash
    of its content, so a tenant cannot even tell from the time that an answer takes what another
    has sent. All tenants share the room. Nothing is on disk.
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, is {max_bytes}")
        self._max_bytes = max_bytes
        self._entries: OrderedDict[_Key, Array] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = self._evicted = 0
        self._hits: Counter[str] = Counter()
        self._misses: Counter[str] = Counter()

    def memory(self, kind: str, identity: str) -> Memory:
        """For the entries of one kind, such as ``scores``, of one model or tokenizer."""
        return Memory(self, kind, identity)

    def stats(self) -> CacheStats:
        with self._lock:
            return CacheStats(
                entries=len(self._entries),
                bytes=self._bytes,
                evicted=self._evicted,
                hits=dict(self._hits),
                misses=dict(self._misses),
            )

    def _found(self, keys: Sequence[_Key]) -> dict[_Key, Array]:
        found: dict[_Key, Array] = {}
        with self._lock:
            for key in keys:
                if (array := self._entries.get(key)) is None:
                    self._misses[key[0]] += 1
                else:
                    self._hits[key[0]] += 1
                    self._entries.move_to_end(key)
                    found[key] = array
        return found

    def _keep(self, made: Mapping[_Key, Array]) -> None:
        with self._lock:
            for key, array in made.items():
                # Two requests may have made it at once; both have the same.
                if key not in self._entries and _size(array) <= self._max_bytes:
                    self._entries[key] = array
                    self._bytes += _size(array)
            while self._bytes > self._max_bytes:
                _, oldest = self._entries.popitem(last=False)
                self._bytes -= _size(oldest)
                self._evicted += 1


def _size(array: Array) -> int:
    return int(array.nbytes) + _OVERHEAD


@dataclass(frozen=True, slots=True)
class Memory:
    """The entries of one kind that one model or tokenizer has made.

    ``identity`` names everything that they depend on beside their content.
    """

    cache: Cache
    kind: str
    identity: str

    def arrays(
        self, contents: Sequence[bytes], make: Callable[[Sequence[int]], Sequence[Array]]
    ) -> list[Array]:
        """The array of each content, which nobody can write to.

        ``make`` makes those that are not there, from their places; it is asked at most once, and
        for no content twice. Nothing is kept if it raises.
        """
        tenant = current().tenant
        keys = [(self.kind, self.identity, tenant, _hash(content)) for content in contents]
        found = self.cache._found(keys)  # noqa: SLF001 - the cache's own other half
        places: dict[_Key, int] = {}
        for place, key in enumerate(keys):
            if key not in found:
                places.setdefault(key, place)
        if places:
            arrays = map(_frozen, make(tuple(places.values())))
            made = dict(zip(places, arrays, strict=True))
            self.cache._keep(made)  # noqa: SLF001 - the cache's own other half
            found |= made
        return [found[key] for key in keys]


def _hash(content: bytes) -> bytes:
    return blake2b(content, digest_size=_DIGEST).digest()


def _frozen(array: Array) -> Array:
    # A copy, so that a row does not hold the memory of its whole batch.
    own = array.copy()
    own.setflags(write=False)
    return own


@dataclass(frozen=True, slots=True)
class CachedForward:
    """A ``Forward`` that gives no row twice to another, whose results are arrays.

    What a row's result is must depend on the row alone, as with ``OneByOne``, or where it does
    not, a result is as good as any other that the row might have had.
    """

    forward: Forward
    memory: Memory

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Array]:
        # A row that asks for more than usual, such as the states of all its tokens, has a type of
        # its own, and a result that would push out those of a hundred others.
        if any(type(row) is not Encoded for row in batch):
            return self.forward(batch)
        contents = [_content(row) for row in batch]
        return self.memory.arrays(contents, lambda at: self.forward([batch[i] for i in at]))


def cached(forward: Forward, cache: Cache | None, *, kind: str, identity: str) -> Forward:
    """The same model, which looks into the cache first if there is one."""
    return CachedForward(forward, cache.memory(kind, identity)) if cache else forward


def _content(row: Encoded) -> bytes:
    import numpy as np

    # The length tells ids and segment ids apart.
    return np.asarray((len(row), *row.ids, *row.types), dtype=np.int32).tobytes()
