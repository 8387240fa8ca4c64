"""Clients that do the work in this process, on models of the hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from condensery import Client, Document
from condensery.local import InProcess
from service.pipeline import Pipeline
from service.settings import Settings
from tests.service.hand import CATS, LOUVRE, Overlap, pipeline, settings

DOCUMENTS = [Document("louvre", LOUVRE, metadata={"a": 1}), Document("cats", CATS)]
OpenPipeline = Callable[[Settings], AbstractContextManager[Pipeline]]


@pytest.fixture
def model() -> Overlap:
    return Overlap()


@pytest.fixture
def opened() -> list[Pipeline]:
    """The pipelines that were opened, as they come."""
    return []


@pytest.fixture
def opening(model: Overlap, opened: list[Pipeline]) -> OpenPipeline:
    @contextmanager
    def opening(given: Settings) -> Iterator[Pipeline]:
        with pipeline(given, model) as made:
            opened.append(made)
            yield made

    return opening


@pytest.fixture
def local(opening: OpenPipeline) -> Iterator[Client]:
    with Client.at(InProcess(settings(), opening), timeout=20) as local:
        yield local
