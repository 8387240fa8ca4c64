"""What was computed before is found again: by its own tenant, as it was, and within bounds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from compressors.models import minilm
from compressors.models.cache import Cache, CachedForward, Memory
from compressors.models.states import Unpooled
from compressors.protocols import Encoded
from compressors.work import Work

ENTRY = 512 + 8
"""Bytes that an entry of one number counts for."""


class Lengths:
    """Makes, of each content, its length; remembers what it was asked for."""

    def __init__(self, contents: Sequence[bytes]) -> None:
        self._contents = contents
        self.places: list[int] = []

    def __call__(self, places: Sequence[int]) -> list[Any]:
        self.places += places
        return [np.array([len(self._contents[place])]) for place in places]


def ask(memory: Memory, *contents: bytes) -> tuple[list[int], list[int]]:
    """The answers, and the places of those that had to be made."""
    make = Lengths(contents)
    return [int(array[0]) for array in memory.arrays(contents, make)], make.places


class Ids:
    """A ``Forward``: the ids and the segment ids of each row, ``[2, tokens]``."""

    def __init__(self) -> None:
        self.seen: list[Encoded] = []

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Any]:
        self.seen += batch
        return [np.array([row.ids, row.types or (0,) * len(row)]) for row in batch]


def test_nothing_is_made_twice() -> None:
    memory = Cache(10_000).memory("tokens", "a")

    assert ask(memory, b"one", b"three", b"one") == ([3, 5, 3], [0, 1])
    assert ask(memory, b"three", b"four", b"one") == ([5, 4, 3], [1])


def test_no_tenant_finds_what_is_another_s() -> None:
    memory = Cache(10_000).memory("tokens", "a")
    made = []
    for tenant in ("acme", "globex", "", "acme"):
        with Work(tenant=tenant).active():
            made.append(ask(memory, b"secret")[1])

    assert made == [[0], [0], [0], []]


@pytest.mark.parametrize(("kind", "identity"), [("scores", "a"), ("tokens", "b")])
def test_neither_kinds_nor_makers_are_mixed_up(kind: str, identity: str) -> None:
    cache = Cache(10_000)
    ask(cache.memory("tokens", "a"), b"one")

    assert ask(cache.memory(kind, identity), b"one") == ([3], [0])


def test_what_was_not_asked_for_longest_goes_first() -> None:
    cache = Cache(3 * ENTRY)
    memory = cache.memory("tokens", "a")
    ask(memory, b"1", b"22", b"333")
    ask(memory, b"1")

    ask(memory, b"4444")

    assert ask(memory, b"1", b"333", b"4444")[1] == []
    assert ask(memory, b"22")[1] == [0]


def test_holds_no_more_than_it_may_and_counts_what_it_did() -> None:
    cache = Cache(3 * ENTRY + 1)
    tokens, scores = cache.memory("tokens", "a"), cache.memory("scores", "a")
    for number in range(10):
        ask(tokens, bytes(number))
    ask(tokens, bytes(9))
    ask(scores, bytes(9))

    stats = cache.stats()

    assert (stats.entries, stats.bytes, stats.evicted) == (3, 3 * ENTRY, 8)
    assert (stats.hits, stats.misses) == ({"tokens": 1}, {"tokens": 10, "scores": 1})


def test_what_has_no_room_alone_is_not_kept_and_pushes_nothing_out() -> None:
    cache = Cache(2 * ENTRY)
    memory = cache.memory("tokens", "a")
    ask(memory, b"small")

    (large,) = memory.arrays([b"large"], lambda _: [np.zeros(ENTRY)])

    assert len(large) == ENTRY
    assert cache.stats().entries == 1
    assert ask(memory, b"small")[1] == []


def test_nobody_can_change_what_others_find() -> None:
    memory = Cache(10_000).memory("tokens", "a")
    given = np.array([1.0, 2.0])
    (first,) = memory.arrays([b"x"], lambda _: [given])
    given[0] = 9.0

    with pytest.raises(ValueError, match="read-only"):
        first[1] = 9.0
    (second,) = memory.arrays([b"x"], Lengths([b"x"]))

    assert second.tolist() == [1.0, 2.0]


def test_a_failure_is_not_remembered() -> None:
    cache = Cache(10_000)
    memory = cache.memory("tokens", "a")

    def fail(_: Sequence[int]) -> Sequence[Any]:
        raise RuntimeError("no model")

    with pytest.raises(RuntimeError, match="no model"):
        memory.arrays([b"one"], fail)

    assert cache.stats().entries == 0
    assert ask(memory, b"one") == ([3], [0])


def test_a_cache_has_room() -> None:
    with pytest.raises(ValueError, match="at least 1, is 0"):
        Cache(0)


def test_many_threads_get_their_own_answers_and_the_bound_holds() -> None:
    cache = Cache(20 * ENTRY)
    memory = cache.memory("tokens", "a")
    asked = 200

    def run(seed: int) -> bool:
        dice = random.Random(seed)  # noqa: S311 - a test
        right = True
        with Work(tenant=str(seed % 2)).active():
            for _ in range(asked):
                contents = [bytes(dice.randrange(60)) for _ in range(5)]
                answers, _ = ask(memory, *contents)
                right &= answers == [len(content) for content in contents]
                right &= cache.stats().bytes <= 20 * ENTRY
        return right

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(8)))
    stats = cache.stats()
    assert stats.hits["tokens"] + stats.misses["tokens"] == 8 * asked * 5
    assert stats.bytes == stats.entries * ENTRY
    assert stats.evicted > 0


def test_a_model_reads_no_row_twice() -> None:
    model = Ids()
    forward = CachedForward(model, Cache(10_000).memory("scores", "a"))
    rows = [Encoded((1, 2)), Encoded((3,)), Encoded((1, 2))]

    first = forward(rows)
    second = forward([*rows, Encoded((4,))])

    assert model.seen == [rows[0], rows[1], Encoded((4,))]
    for array, row in zip(second, [*rows, Encoded((4,))], strict=True):
        assert array[0].tolist() == list(row.ids)
    for before, after in zip(first, second[:3], strict=True):
        assert before.tobytes() == after.tobytes()


def test_rows_with_other_segments_are_other_rows() -> None:
    forward = CachedForward(Ids(), Cache(10_000).memory("scores", "a"))
    rows = [
        Encoded((1, 1), (0, 1)),
        Encoded((1, 1), (1, 1)),
        Encoded((1, 1)),
        Encoded((1, 1, 0, 1)),
        Encoded((1, 1, 1, 1)),
    ]

    found = forward(rows)

    for array, row in zip(found, rows, strict=True):
        assert array.tolist() == [list(row.ids), list(row.types or (0,) * len(row))]


def test_states_of_all_tokens_are_not_remembered() -> None:
    cache = Cache(10_000)
    model = Ids()
    forward = CachedForward(model, cache.memory("vectors", "a"))

    forward([Unpooled((1, 2))])
    forward([Unpooled((1, 2))])
    forward([Encoded((1, 2))])

    assert model.seen == [Unpooled((1, 2)), Unpooled((1, 2)), Encoded((1, 2))]
    assert cache.stats().entries == 1


def test_tokens_are_the_same_from_the_cache() -> None:
    texts = ["Uncommonly good.", "", "[SEP] naïve 茶", "Uncommonly good."]
    without = minilm.tokenizers()
    remembering = minilm.tokenizers(Cache(100_000))

    found = [remembering.tokens(texts) for _ in range(2)]

    for tokens in found:
        for own, given in zip(without.tokens(texts), tokens, strict=True):
            assert own.ids.tolist() == given.ids.tolist()
            assert own.starts.tolist() == given.starts.tolist()
            assert own.ends.tolist() == given.ends.tolist()
            assert own.words.tolist() == given.words.tolist()


def test_whoever_shares_a_cache_tokenises_a_text_once() -> None:
    cache = Cache(100_000)
    one, other = minilm.tokenizers(cache), minilm.tokenizers(cache)

    one.tokens(["The harbour freezes."])
    other.tokens(["The harbour freezes."])
    starts = minilm.MiniLmCounter(minilm.tokenizers(cache)).starts("The harbour freezes.")

    assert starts == minilm.MiniLmCounter().starts("The harbour freezes.")
    assert (cache.stats().misses, cache.stats().hits) == ({"tokens": 1}, {"tokens": 2})
