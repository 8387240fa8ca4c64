"""Intervals and calibration, by hand and by law."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.statistics import Bin, calibration_error, interval, paired, reliability

numbers = st.lists(st.integers(-8, 8).map(lambda n: n / 8), min_size=1, max_size=30)
judged = st.lists(st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.booleans()), min_size=1)


def test_the_interval_of_a_share_is_about_what_the_normal_law_says() -> None:
    values = [1.0] * 80 + [0.0] * 20

    mean, low, high = interval(values)

    # 1.96 times the root of .8 * .2 / 100 is .078.
    assert mean == pytest.approx(0.8)
    assert low == pytest.approx(0.722, abs=0.02)
    assert high == pytest.approx(0.878, abs=0.02)


def test_an_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    draw = random.Random(7)  # noqa: S311 - reproducible, not secret
    covered = 0
    for _ in range(200):
        _, low, high = interval([float(draw.random() < 0.7) for _ in range(60)])
        covered += low <= 0.7 <= high

    assert 0.90 <= covered / 200 <= 0.99


def test_the_same_values_give_the_same_interval() -> None:
    values = [0.1, 0.9, 0.4, 0.4]

    assert interval(values) == interval(values)


@given(numbers)
def test_an_interval_lies_within_the_values_around_the_mean(values: list[float]) -> None:
    mean, low, high = interval(values)

    assert min(values) <= low <= high <= max(values)
    assert mean == pytest.approx(sum(values) / len(values))


@given(st.floats(-1e3, 1e3), st.integers(1, 50))
def test_values_that_are_equal_leave_no_doubt(value: float, count: int) -> None:
    assert interval([value] * count) == (value, value, value)


@given(numbers)
def test_who_does_the_same_is_not_ahead(values: list[float]) -> None:
    assert paired(values, values) == (0, 0, 0)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30))
def test_who_is_ahead_one_way_is_behind_the_other(pairs: list[tuple[int, int]]) -> None:
    ours, theirs = [a / 8 for a, _ in pairs], [b / 8 for _, b in pairs]

    mean, low, high = paired(ours, theirs)

    assert paired(theirs, ours) == pytest.approx((-mean, -high, -low))


def test_pairs_tell_apart_what_two_intervals_do_not() -> None:
    hard = [at % 2 for at in range(40)]
    ours = [one + 0.1 for one in hard]

    _, low, high = paired(ours, [float(one) for one in hard])

    assert interval(ours).low < interval(hard).high
    assert low == pytest.approx(0.1)
    assert high == pytest.approx(0.1)


@pytest.mark.parametrize("values", [[], [float("nan")], [float("inf"), 1]])
def test_no_mean_without_numbers(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        interval(values)


def test_pairs_need_two_of_each() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired([1, 2], [1])


def test_calibration_error_is_the_mean_gap_of_the_bins() -> None:
    probabilities = [0.1, 0.3, 0.6, 0.8]
    labels = [False, True, True, True]

    # Two each: .2 against .5, and .7 against 1.
    low, high = reliability(probabilities, labels, bins=2)
    assert (low.count, low.predicted, low.observed) == pytest.approx((2, 0.2, 0.5))
    assert (high.count, high.predicted, high.observed) == pytest.approx((2, 0.7, 1))
    assert calibration_error(probabilities, labels, bins=2) == pytest.approx(0.3)


def test_bins_hold_as_many_each() -> None:
    # Nearly all are near 0, as sentences are.
    probabilities = [(at / 100) ** 8 for at in range(100)]

    table = reliability(probabilities, [False] * 100, bins=10)

    assert [one.count for one in table] == [10] * 10


def test_probabilities_that_are_equal_share_a_bin_in_any_order() -> None:
    labels = [True] * 5 + [False] * 5

    assert reliability([0.5] * 10, labels) == (Bin(10, 0.5, 0.5),)
    assert calibration_error([0.5] * 10, labels) == 0


def test_probabilities_that_come_true_as_often_as_they_say_have_no_error() -> None:
    draw = random.Random(3)  # noqa: S311 - reproducible, not secret
    probabilities = [draw.random() for _ in range(20_000)]
    labels = [draw.random() < one for one in probabilities]

    assert calibration_error(probabilities, labels) < 0.012
    assert calibration_error([one**2 for one in probabilities], labels) > 0.1


@given(judged, st.integers(1, 20))
def test_every_example_is_in_one_bin_and_bins_rise(
    pairs: list[tuple[float, bool]], bins: int
) -> None:
    probabilities, labels = [p for p, _ in pairs], [label for _, label in pairs]

    table = reliability(probabilities, labels, bins)

    assert len(table) <= bins
    assert sum(one.count for one in table) == len(pairs)
    assert [one.predicted for one in table] == sorted({one.predicted for one in table})
    assert sum(one.count * one.observed for one in table) == pytest.approx(sum(labels))
    assert 0 <= calibration_error(probabilities, labels, bins) <= 1


@given(judged, st.randoms(use_true_random=False))
def test_the_order_of_the_examples_does_not_matter(
    pairs: list[tuple[float, bool]], draw: random.Random
) -> None:
    mixed = draw.sample(pairs, len(pairs))

    straight, other = (
        calibration_error([p for p, _ in given_], [label for _, label in given_])
        for given_ in (pairs, mixed)
    )

    assert straight == pytest.approx(other)


@pytest.mark.parametrize(
    ("probabilities", "labels", "bins"),
    [([], [], 15), ([0.5], [], 15), ([0.5], [True], 0), ([1.5], [True], 15), ([-0.1], [True], 15)],
)
def test_refuses_what_are_no_probabilities_with_labels(
    probabilities: list[float], labels: list[bool], bins: int
) -> None:
    with pytest.raises(ValueError, match="probabilit"):
        reliability(probabilities, labels, bins)


def test_refuses_a_probability_that_is_no_number() -> None:
    with pytest.raises(ValueError, match="probability"):
        calibration_error([float("nan")], [True])
