"""What goes into one batch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compressors.engine.batches import pick
from compressors.engine.calls import Call, Item, padded_tokens
from compressors.work import Work
from tests.engine.fakes import row


def items(*lengths: int) -> list[Item]:
    call = Call("model", [row(length) for length in lengths], Work(), 0.0)
    return [Item(call, n, length, float(length), n) for n, length in enumerate(lengths)]


def picked(*lengths: int, budget: int = 1_000, launch_tokens: int = 1_000) -> list[int]:
    batch = pick(items(*lengths), budget=budget, launch_tokens=launch_tokens)
    return [item.tokens for item in batch]


def test_takes_everything_that_fits() -> None:
    assert picked(30, 10, 20) == [10, 20, 30]


def test_counts_padding_as_cost() -> None:
    assert picked(40, 10, 10, 10, budget=120) == [10, 10, 40]


def test_a_lone_row_beyond_the_budget_goes_alone() -> None:
    assert picked(600, 10, 700, budget=512) == [600]


def test_takes_the_nearest_in_length_first() -> None:
    assert picked(50, 10, 49, 90, 51, budget=153) == [49, 50, 51]


def test_leaves_rows_that_cost_more_padding_than_a_batch_of_their_own() -> None:
    assert picked(100, 20, 95, 90, 500, budget=2_048, launch_tokens=16) == [90, 95, 100]


def test_pads_gladly_where_starting_a_batch_is_dear() -> None:
    assert picked(100, 20, 95, 500, budget=2_048, launch_tokens=4_096) == [20, 95, 100, 500]


@given(
    st.lists(st.integers(1, 600), min_size=1, max_size=60),
    st.integers(1, 2_000),
    st.integers(1, 500),
)
def test_the_budget_holds_and_the_first_is_in(
    lengths: list[int], budget: int, launch_tokens: int
) -> None:
    window = items(*lengths)

    batch = pick(window, budget=budget, launch_tokens=launch_tokens)

    assert window[0] in batch
    assert len(set(batch)) == len(batch)
    assert set(batch) <= set(window)
    assert padded_tokens(batch) <= budget or batch == (window[0],)


@given(st.lists(st.integers(1, 600), min_size=1, max_size=60))
def test_a_batch_is_a_run_of_neighbours_in_length(lengths: list[int]) -> None:
    window = items(*lengths)

    batch = pick(window, budget=2_048, launch_tokens=32)

    low, high = batch[0].tokens, batch[-1].tokens
    assert [item.tokens for item in batch] == sorted(item.tokens for item in batch)
    assert all(item in batch for item in window if low < item.tokens < high)
