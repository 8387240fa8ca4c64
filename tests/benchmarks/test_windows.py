"""What is made of outcomes: quantiles, goodput, recovery, times."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from benchmarks.load.answers import End, Parts
from benchmarks.load.client import Outcome
from benchmarks.load.loads import Window, quantile, recovered
from benchmarks.load.parts import Times
from benchmarks.load.requests import Sent
from condensery.v1 import compression_pb2 as pb


def outcome(
    intended: float,
    ended: float,
    end: End = End.GOOD,
    *,
    tokens: int = 100,
    started: float | None = None,
    parts: Parts | None = None,
) -> Outcome:
    sent = Sent("one", pb.CompressRequest(), tokens)
    return Outcome(
        sent, intended, intended if started is None else started, ended, end, parts=parts
    )


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("count", [1, 2, 3, 10, 99, 100, 101, 1000])
def test_a_quantile_is_a_value_and_never_below_that_of_numpy_at_its_place(
    share: float, count: int
) -> None:
    dice = random.Random(count)  # noqa: S311 - reproducible, not secret
    values = [dice.expovariate(1) for _ in range(count)]

    found = quantile(values, share)

    assert found in values
    assert np.quantile(values, share, method="lower") <= found
    assert found <= np.quantile(values, share, method="higher")
    assert sum(value <= found for value in values) >= share * count


def test_there_is_no_quantile_of_nothing() -> None:
    assert math.isnan(quantile([], 0.99))


def test_latency_counts_from_when_a_request_was_to_be_sent() -> None:
    held_up = outcome(1.0, 3.5, started=3.0)

    assert held_up.latency == 2.5


def test_goodput_counts_good_answers_that_came_within_the_window() -> None:
    window = Window(
        (
            outcome(0.0, 1.5),
            outcome(1.0, 2.0, tokens=300),
            outcome(2.5, 3.5),
            outcome(1.0, 1.2, End.REFUSED),
            outcome(1.0, 1.3, End.WRONG),
            outcome(1.0, 1.3, End.CUT),
            outcome(1.0, 1.3, End.LATE),
        ),
        start=1.0,
        end=3.0,
    )

    assert window.tokens_per_second == 200
    assert window.requests_per_second == 1


def test_nothing_that_was_sent_in_the_window_is_left_out() -> None:
    ends = tuple(outcome(1.0, 2.0, end) for end in End)

    window = Window((*ends, outcome(0.5, 9.0)), start=1.0, end=3.0)

    assert sum(window.ends.values()) == len(End)
    assert len(window.accepted) + len(window.refused) == len(End) - 1  # but for the failed one


def test_recovery_ends_with_the_last_request_that_was_not_answered_well() -> None:
    outcomes = [
        outcome(9.0, 9.1, End.REFUSED),
        outcome(10.5, 10.6),
        outcome(12.0, 12.1, End.REFUSED),
        outcome(13.0, 13.2),
    ]

    recovery = recovered(outcomes, 10.0, 20.0)

    assert recovery.seconds == 2.0
    assert recovery.after.outcomes == (outcomes[3],)


def test_who_answers_all_is_itself_at_once_and_who_does_not_answer_the_last_never() -> None:
    fine, refused = outcome(10.5, 10.6), outcome(11.0, 11.1, End.REFUSED)

    assert recovered([fine], 10.0, 20.0).seconds == 0.0
    assert recovered([fine, refused], 10.0, 20.0).seconds == math.inf


def test_overhead_is_all_but_the_queue_and_the_device() -> None:
    parts = Parts(queued=0.2, tokenizing=0.01, computing=0.3, elapsed=0.52)

    times = Times.of([outcome(0.0, 0.525, parts=parts)])

    assert times.overhead == pytest.approx(0.025)
    assert times.choosing == pytest.approx(0.01)
    assert times.outside == pytest.approx(0.005)
