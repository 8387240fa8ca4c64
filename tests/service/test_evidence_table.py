"""How the table of insufficient evidence is made, on a model worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.evidence import evenly, pairs, shares, table
from condensery import Client
from condensery.local import InProcess
from evaluation.values import Example, Source
from service.pipeline import Pipeline
from service.settings import Settings
from tests.service.hand import CATS, LOUVRE, QUERY, Overlap, pipeline, settings

GOLD, OTHER = Source("Museums", LOUVRE, is_gold=True), Source("Animals", CATS)


@pytest.fixture
def client() -> Iterator[Client]:
    @contextmanager
    def opening(given: Settings) -> Iterator[Pipeline]:
        with pipeline(given, Overlap()) as made:
            yield made

    with Client.at(InProcess(settings(), opening), timeout=20) as client:
        yield client


def example(*documents: Source) -> Example:
    return Example("1", QUERY, ("Paris",), documents)


def test_a_request_is_judged_with_its_answer_and_without(client: Client) -> None:
    found = list(pairs(client, [example(OTHER, GOLD), example(OTHER, Source("", "The end."))]))

    # Three of four words stand in the best sentence; where all or none are gold there is no pair.
    assert found == [(0.75, 0.0)]


def test_requests_that_have_documents_of_one_kind_only_are_left_out(client: Client) -> None:
    assert list(pairs(client, [example(GOLD), example(OTHER)])) == []


def test_shares_count_what_is_below_the_threshold() -> None:
    found = [(0.9, 0.1), (0.5, 0.5), (0.2, 0.3), (0.8, 0.0)]

    assert shares(found, 0.5) == (0.25, 0.75)
    assert shares(found, 0.0) == (0.0, 0.0)


def test_the_table_has_a_line_for_each_threshold() -> None:
    lines = table("set", [(0.9, 0.1), (0.4, 0.0)]).splitlines()

    assert lines[0] == "set, 2 requests"
    assert "| 0.50 | 0.50 | 1.00 | 0.75 |" in lines
    assert "| 0.05 | 0.00 | 0.50 | 0.75 |" in lines


def test_an_even_part_is_taken() -> None:
    asked = [example(Source("", str(number))) for number in range(10)]

    assert evenly(asked, 4) == asked[::3]
    assert evenly(asked, None) == asked
