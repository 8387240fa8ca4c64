"""The ways that a server stands beside: the same rows, and at the limit no padding."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from benchmarks.load.sides import Sides, fixed, one_at_a_time, packed
from compressors.protocols import Encoded


def requests(seed: int) -> tuple[tuple[Encoded, ...], ...]:
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return tuple(
        tuple(Encoded(tuple(range(1, dice.randint(2, 200)))) for _ in range(dice.randint(1, 20)))
        for _ in range(12)
    )


REQUESTS = requests(1)
ROWS = [row for rows in REQUESTS for row in rows]


def test_one_request_at_a_time_is_a_batch_for_each() -> None:
    assert list(one_at_a_time(REQUESTS)) == list(REQUESTS)


def test_fixed_batches_are_of_32_rows_in_the_order_in_which_they_come() -> None:
    batches = fixed(REQUESTS)

    assert [row for batch in batches for row in batch] == ROWS
    assert {len(batch) for batch in batches[:-1]} == {32}


@pytest.mark.parametrize("budget", [1, 100, 2048, 10**6])
def test_packed_batches_have_every_row_and_no_padding(budget: int) -> None:
    batches = packed(budget)(REQUESTS)

    assert sum(len(batch) for batch in batches) == len(ROWS)
    for batch in batches:
        longest = len(batch[0])
        assert {len(row) for row in batch} == {longest}
        assert longest * len(batch) <= budget or len(batch) == 1


def test_packing_lengthens_rows_by_little() -> None:
    batches = packed(2048)(REQUESTS)

    tokens = sum(len(row) for batch in batches for row in batch)
    assert 1 <= tokens / sum(map(len, ROWS)) < 1.2


def test_segment_ids_become_as_long_as_their_row() -> None:
    rows = (Encoded((1, 2, 3), (0, 1, 1)), Encoded((4, 5), (0, 1)))

    (batch,) = packed(100)([rows])

    assert batch == [Encoded((1, 2, 3), (0, 1, 1)), Encoded((4, 5, 4), (0, 1, 0))]


def test_a_side_counts_the_tokens_that_it_ran_in_the_callers_unit() -> None:
    ran: list[int] = []

    def forward(batch: Sequence[Encoded]) -> Sequence[int]:
        ran.extend(map(len, batch))
        return [0] * len(batch)

    sides = Sides(forward, REQUESTS)
    side = sides.run(one_at_a_time)

    assert side.model_tokens == sum(ran) == sides.model_tokens
    half = sides.model_tokens // 2
    assert side.input_tokens_per_second(half, sides.model_tokens) == pytest.approx(
        half / side.seconds
    )
