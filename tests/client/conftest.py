"""A running server for every test, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from condensery import Client
from condensery.langchain import CondenseryCompressor
from tests.client.opening import local, model, opened, opening
from tests.client.servicer import SentenceService, serving
from tests.client.ways import WAYS, Run

__all__ = ["local", "model", "opened", "opening"]


@pytest.fixture
def service() -> SentenceService:
    return SentenceService()


@pytest.fixture
def target(service: SentenceService) -> Iterator[str]:
    with serving(service) as target:
        yield target


@pytest.fixture
def client(target: str) -> Iterator[Client]:
    with Client(target, timeout=20) as client:
        yield client


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def run(request: pytest.FixtureRequest) -> Run:
    way: Run = request.param
    return way


@pytest.fixture
def compressor(target: str) -> CondenseryCompressor:
    return CondenseryCompressor(target=target, timeout=20)


@pytest.fixture
def dead() -> CondenseryCompressor:
    with serving(SentenceService()) as target:
        pass
    return CondenseryCompressor(target=target)
