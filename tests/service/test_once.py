"""What is not done twice, and not for who is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from compressors.errors import Cancelled
from compressors.exit import Exit
from compressors.segmentation import RuleSegmenter
from compressors.values import Document
from compressors.work import Work, current
from service.guarding import WantedSegmenter
from service.pipeline import Pipeline
from service.request import Request
from tests.core.words_on_hand import OverlapScorer
from tests.service.hand import CATS, LOUVRE, QUERY, Overlap
from tests.service.hand import pipeline as opened
from tests.service.hand import settings as settings_of


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    with opened(settings_of(), Overlap()) as pipeline:
        yield pipeline


def request() -> Request:
    return Request(query=QUERY, documents=(Document("louvre", LOUVRE), Document("cats", CATS)))


@dataclass(frozen=True)
class Leaving:
    """A ``Segmenter`` that whoever asked has left before it is through with the first text."""

    seen: list[str]

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        self.seen.append(text)
        current().cancel()
        return RuleSegmenter().spans(text)


def test_no_further_document_is_segmented_for_who_is_gone(pipeline: Pipeline) -> None:
    seen: list[str] = []
    stage = Exit(OverlapScorer(), WantedSegmenter(Leaving(seen)), "overlap")
    catalogue = replace(pipeline.catalogue, backends={"exit": {"overlap": lambda _: stage}})

    with pytest.raises(Cancelled):
        Pipeline(catalogue, engine=pipeline.engine, limits=pipeline.limits).compress(request())

    assert len(seen) == 1


def test_a_request_is_looked_at_once(pipeline: Pipeline) -> None:
    made: list[str] = []

    def make(options: Mapping[str, Any]) -> Exit:
        made.append("exit")
        return Exit(OverlapScorer(), RuleSegmenter(), "overlap", **options)

    catalogue = replace(pipeline.catalogue, backends={"exit": {"overlap": make}})
    counting = Pipeline(catalogue, engine=pipeline.engine, limits=pipeline.limits)
    work = Work()
    checked = counting.check(request())
    with counting.admitted(checked, work):
        counting.compress(checked, work=work)

    assert made == ["exit"]
