from __future__ import annotations

import pytest

from training.data import benchmark_rows, corpus, data_folder
from training.holdout import is_benchmark, is_calibration, normalised

pytestmark = pytest.mark.skipif(
    not (data_folder() / "README.md").exists(), reason="the shared data is not here"
)


def test_the_same_example_always_falls_on_the_same_side() -> None:
    drawn = [is_benchmark("hotpotqa", f"{number}") for number in range(2000)]

    assert drawn == [is_benchmark("hotpotqa", f"{number}") for number in range(2000)]
    assert 0.31 < sum(drawn) / len(drawn) < 0.39


def test_calibration_is_drawn_apart_from_the_benchmark() -> None:
    both = [
        is_benchmark("hotpotqa", f"{number}") and is_calibration("hotpotqa", f"{number}")
        for number in range(5000)
    ]

    assert 0.03 < sum(both) / len(both) < 0.055


def test_a_data_set_with_a_test_part_of_its_own_gives_nothing_to_the_benchmark() -> None:
    assert not any(is_benchmark("squad", f"{number}") for number in range(200))


@pytest.mark.slow
def test_nothing_of_the_benchmark_is_trained_on() -> None:
    benchmark = benchmark_rows()
    rows = [row for part in benchmark.values() for row in part]
    queries = {normalised(row["query"]) for row in rows}
    gold = {
        normalised(one["text"])[:200] for row in rows for one in row["documents"] if one["is_gold"]
    }

    everything = corpus()

    for split in (everything.train, everything.calibration):
        for groups in split.values():
            assert not queries & {normalised(group.query) for group in groups}
            assert not gold & {normalised(one.text)[:200] for group in groups for one in group.gold}
    trained = {normalised(group.query) for part in everything.train.values() for group in part}
    kept_back = {
        normalised(group.query)
        for name, part in everything.calibration.items()
        for group in part
        if name != "squad"
    }
    assert len(trained & kept_back) <= 0.02 * len(kept_back)
