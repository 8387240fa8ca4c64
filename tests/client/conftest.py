"""A running server for every test, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from condensery import Client
from tests.client.servicer import SentenceService, serving


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
