"""Arrivals are drawn beforehand, as those of callers who know nothing of one another."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from statistics import fmean, pstdev

from benchmarks.load.arrivals import poisson, scheduled
from benchmarks.load.requests import Sent
from condensery.v1 import compression_pb2 as pb

POOL = tuple(Sent(name, pb.CompressRequest(query=name), 1) for name in "abcd")


def test_the_same_seed_gives_the_same_times_and_another_gives_others() -> None:
    assert poisson(50, 10, seed=1) == poisson(50, 10, seed=1)
    assert poisson(50, 10, seed=1) != poisson(50, 10, seed=2)


def test_times_ascend_within_the_run() -> None:
    times = poisson(50, 10, seed=1, start=3)

    assert list(times) == sorted(times)
    assert times[0] >= 3
    assert times[-1] < 13


def test_as_many_come_as_the_rate_says() -> None:
    times = poisson(200, 100, seed=1)

    # 20,000 in the mean; the deviation of a Poisson process is the root of that.
    assert abs(len(times) - 20_000) < 4 * 20_000**0.5


def test_gaps_vary_as_much_as_they_are_long() -> None:
    gaps = [after - before for before, after in pairwise(poisson(200, 100, seed=1))]

    # Equal gaps would have a deviation of 0, and uniform ones of .58 of the mean.
    assert abs(pstdev(gaps) / fmean(gaps) - 1) < 0.05


def test_every_request_of_the_pool_comes_equally_often() -> None:
    times = poisson(20, 100, seed=1)[:1000]

    arrivals = scheduled(times, POOL, seed=1)

    assert [arrival.at for arrival in arrivals] == list(times)
    assert set(Counter(arrival.sent.id for arrival in arrivals).values()) == {250}
    assert scheduled(times, POOL, seed=1) == arrivals
