"""The same request gives the same bytes: alone, among others, and in any order of arrival."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from compressors.engine import BatchReport
from compressors.models.cache import Cache
from compressors.work import Work
from service.pipeline import Pipeline
from service.request import Request
from service.settings import Settings
from tests.determinism import served

SHUFFLES = 20
AT_ONCE = 6
CHAINS = (None, "fine", "llmlingua2", "crag")


def alone(pipeline: Pipeline, requests: Sequence[Request]) -> list[bytes]:
    return [served.bytes_of(pipeline.compress(request)) for request in requests]


def shuffled(pipeline: Pipeline, requests: Sequence[Request], seed: int) -> list[bytes]:
    """The answers in the order of the requests, which come in another, several at a time."""
    order = list(range(len(requests)))
    random.Random(seed).shuffle(order)  # noqa: S311 - a test
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = pool.map(lambda place: pipeline.compress(requests[place]), order)
        answers = dict(zip(order, map(served.bytes_of, results), strict=True))
    return [answers[place] for place in range(len(requests))]


def test_a_thousand_requests_in_twenty_orders_give_the_bytes_that_they_give_alone() -> None:
    requests = served.requests(1_000 // SHUFFLES, chains=CHAINS)
    reports: list[BatchReport] = []
    with served.pipeline(observe=reports.append) as pipeline:
        wanted = alone(pipeline, requests)
        reports.clear()

        for seed in range(SHUFFLES):
            assert shuffled(pipeline, requests, seed) == wanted

    # Otherwise nothing was tried: rows of several requests, and of several lengths, came together.
    shared = [report for report in reports if report.requests > 1]
    assert {report.model for report in shared} == {"scores", "vectors"}
    assert any(report.padded_tokens > report.tokens for report in shared)


def test_answers_out_of_a_cache_are_those_without_one() -> None:
    requests = served.requests(20, chains=("fine", "tcra"))
    with served.pipeline() as pipeline:
        wanted = alone(pipeline, requests)
    large = Cache(10**7)
    with served.pipeline(cache=large) as pipeline:
        assert alone(pipeline, requests) == wanted
    room = large.stats().bytes // 2
    small = Cache(room)
    with served.pipeline(cache=small) as pipeline:
        for seed in range(5):
            assert shuffled(pipeline, requests, seed) == wanted

    stats = small.stats()
    assert stats.bytes <= room
    assert stats.evicted > 0
    assert set(stats.hits) == set(stats.misses) == {"tokens", "scores", "vectors"}


def test_a_request_that_comes_again_costs_no_computing() -> None:
    (request,) = served.requests(1, chains=("fine",))
    reports: list[BatchReport] = []
    with served.pipeline(observe=reports.append, cache=Cache(10**6)) as pipeline:
        first = pipeline.compress(request)
        reports.clear()
        again = pipeline.compress(request)
        assert reports == []
        with Work(tenant="another").active() as work:
            other = pipeline.compress(request, work=work)
        assert reports

    assert served.bytes_of(again) == served.bytes_of(first) == served.bytes_of(other)


def test_the_full_chain_gives_them_too() -> None:
    requests = served.requests(8, chains=("full", "tcra", "extractive"))
    with served.pipeline() as pipeline:
        wanted = alone(pipeline, requests)

        assert [shuffled(pipeline, requests, seed) for seed in range(3)] == [wanted] * 3


@pytest.mark.slow
@pytest.mark.parametrize("cache_bytes", [0, 200_000])
def test_a_thousand_requests_give_them_with_the_weights_that_are_shipped(cache_bytes: int) -> None:
    """With the small cache, every request meets results that were kept and that were not."""
    requests = served.requests(1_000 // SHUFFLES, chains=(*CHAINS, "full"))
    with Pipeline.open(Settings(device="cpu", cache_bytes=0)) as pipeline:
        wanted = alone(pipeline, requests)
    with Pipeline.open(Settings(device="cpu", cache_bytes=cache_bytes)) as pipeline:
        for seed in range(SHUFFLES):
            assert shuffled(pipeline, requests, seed) == wanted
