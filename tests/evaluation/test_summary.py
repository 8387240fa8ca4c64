"""Outcomes summed up to numbers that can be worked out by hand."""

from __future__ import annotations

import pytest

from evaluation.summary import MEASURES, Summary, summed
from tests.evaluation.outcomes_on_hand import outcome, outcomes


def only(ours: list[bool], theirs: list[bool]) -> tuple[Summary, Summary]:
    report = summed({"set": {"rate 0.2": {"ours": outcomes(ours), "theirs": outcomes(theirs)}}})
    first, second = report["set"]["rate 0.2"]
    return first, second


def test_means_are_over_the_examples_that_have_a_measure() -> None:
    given = [
        outcome("a", rate=0.1, answered=True, recall=None, f1=1, seconds=1, empty=True),
        outcome("b", rate=0.3, answered=False, recall=0.5, f1=0.5, seconds=2, longer=True),
        outcome("c", rate=0.2, answered=None, recall=1.0, f1=None, seconds=3, empty=True),
    ]

    ((one,),) = summed({"set": {"point": {"ours": given}}})["set"].values()

    assert (one.method, one.count, one.empty, one.longer) == ("ours", 3, 2, 1)
    assert (one.rate, one.seconds) == pytest.approx((0.2, 2))
    found = {name: (part.count, part.estimate.mean) for name, part in one.measures.items()}
    assert found == {
        "answers kept": (2, 0.5),
        "support recall": (2, 0.75),
        "support precision": (3, 0.5),
        "EM": (2, 0.5),
        "F1": (2, 0.75),
    }
    assert found.keys() == MEASURES.keys()


def test_what_no_example_has_is_left_out() -> None:
    given = [outcome(answered=None, recall=None, precision=None)]

    ((one,),) = summed({"set": {"point": {"ours": given}}})["set"].values()

    assert one.measures == {}


def test_every_other_method_says_how_far_the_first_is_ahead() -> None:
    first, second = only([True] * 30 + [False] * 10, [True] * 10 + [False] * 30)

    ahead = second.measures["answers kept"].ahead

    assert first.measures["answers kept"].ahead is None
    assert ahead is not None
    assert ahead.mean == pytest.approx(0.5)
    assert 0.3 < ahead.low < ahead.mean < ahead.high < 0.7


def test_a_loss_is_below_zero() -> None:
    _, second = only([False] * 20, [True] * 20)

    assert second.measures["answers kept"].ahead == (-1, -1, -1)


def test_two_methods_are_compared_over_the_examples_that_both_have() -> None:
    ours = [outcome("a", answered=True), outcome("b", answered=False)]
    theirs = [outcome("c", answered=True), outcome("a", answered=False)]

    _, second = summed({"set": {"point": {"ours": ours, "theirs": theirs}}})["set"]["point"]

    assert second.measures["answers kept"].estimate.mean == 0.5
    assert second.measures["answers kept"].ahead == (1, 1, 1)


def test_without_an_example_in_common_there_is_no_comparison() -> None:
    methods = {"ours": [outcome("a")], "theirs": [outcome("b")]}

    _, second = summed({"set": {"point": methods}})["set"]["point"]

    assert second.measures["answers kept"].ahead is None


def test_a_method_without_outcomes_is_left_out() -> None:
    methods = {"ours": [], "theirs": [outcome("a")]}

    (one,) = summed({"set": {"point": methods}})["set"]["point"]

    assert one.method == "theirs"
    assert one.measures["answers kept"].ahead is None


def test_examples_without_tokens_have_no_rate() -> None:
    nothing = outcome("a", rate=0)
    given = [nothing, outcome("b", rate=0.4)]

    ((one,),) = summed({"set": {"point": {"ours": given}}})["set"].values()

    assert one.rate == pytest.approx(0.2)
