"""What can never succeed is refused, by the path of what must be fixed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from compressors.errors import InvalidInput, NotFound
from compressors.values import Document
from service.pipeline import Pipeline
from service.request import (
    BudgetSpec,
    ExitOptions,
    IndexQuery,
    Llmlingua2Options,
    Request,
    StageSpec,
)
from service.settings import Settings
from tests.service.hand import CATS, LOUVRE, QUERY, Overlap
from tests.service.hand import pipeline as opened

DOCUMENTS = (Document("louvre", LOUVRE), Document("cats", CATS))
SMALL = Settings(
    max_documents=3,
    max_query_chars=50,
    max_document_chars=100,
    max_total_chars=150,
    max_stages=2,
    max_protected_texts=1,
    max_protected_patterns=1,
    max_pattern_chars=5,
    max_protected_spans=2,
)


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    with opened(SMALL, Overlap()) as pipeline:
        yield pipeline


def request(**values: Any) -> Request:
    return Request(**({"query": QUERY, "documents": DOCUMENTS} | values))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"chain": "nothing"}, "chain"),
        ({"stages": (StageSpec(name="nothing"),)}, "stages[0].name"),
        (
            {"stages": (StageSpec(name="exit"), StageSpec(name="exit", backend="nothing"))},
            "stages[1].backend",
        ),
        ({"budget": BudgetSpec(tokenizer="nothing")}, "budget.tokenizer"),
        ({"documents": (), "index": IndexQuery(name="nothing", top_k=1)}, "index.name"),
    ],
)
def test_names_that_do_not_exist_are_not_found(
    pipeline: Pipeline, values: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(NotFound) as caught:
        pipeline.compress(request(**values))

    assert caught.value.field == field


LONE = "\ud800"
A, B = DOCUMENTS
EXIT = StageSpec(name="exit")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"query": " "}, "query"),
        ({"query": "x" * 51}, "query"),
        ({"query": LONE}, "query"),
        ({"documents": ()}, "documents"),
        ({"documents": (A, replace(A, id="b"), replace(A, id="c"), B)}, "documents"),
        ({"documents": (A, replace(A, id=""))}, "documents[1].id"),
        ({"documents": (A, B, A)}, "documents[2].id"),
        ({"documents": (replace(A, text="x" * 101),)}, "documents[0].text"),
        ({"documents": (replace(A, title=LONE),)}, "documents[0].title"),
        ({"documents": (replace(A, text=LONE),)}, "documents[0].text"),
        (
            {"documents": (Document("a", "x " * 40), Document("b", "x " * 40))},
            "documents",
        ),
        ({"index": IndexQuery(name="shelf")}, "documents"),
        ({"documents": (), "index": IndexQuery(name="shelf", top_k=4)}, "index.top_k"),
        ({"stages": ()}, "stages"),
        ({"stages": (EXIT,) * 3}, "stages"),
        ({"stages": (EXIT,), "chain": "fine"}, "stages"),
        ({"stages": (replace(EXIT, rate=1.5),)}, "stages[0].rate"),
        ({"stages": (replace(EXIT, rate=float("nan")),)}, "stages[0].rate"),
        (
            {"stages": (replace(EXIT, options=ExitOptions(threshold=2.0)),)},
            "stages[0].exit.threshold",
        ),
        (
            {"stages": (EXIT, replace(EXIT, options=Llmlingua2Options(min_words=3)))},
            "stages[1].llmlingua2",
        ),
        ({"protected_texts": ("a", "b")}, "protected_texts"),
        ({"protected_texts": ("",)}, "protected_texts[0]"),
        ({"protected_texts": (LONE,)}, "protected_texts[0]"),
        ({"protected_patterns": ("a", "b")}, "protected_patterns"),
        ({"protected_patterns": ("",)}, "protected_patterns[0]"),
        ({"protected_patterns": ("abcdef",)}, "protected_patterns[0]"),
        ({"protected_patterns": ("(",)}, "protected_patterns[0]"),
        ({"protected_patterns": ("(?=a)",)}, "protected_patterns[0]"),
        ({"protected_patterns": (LONE,)}, "protected_patterns[0]"),
        ({"protected_spans": {"a": ((0, 1), (1, 2), (2, 3))}}, "documents"),
        ({"protected_spans": {"louvre": ((0, 1), (0, 999))}}, "documents[0].protected_spans[1]"),
        ({"protected_spans": {"louvre": ((1, 1),)}}, "documents[0].protected_spans[0]"),
        ({"protected_texts": (LOUVRE,), "budget": BudgetSpec(max_tokens=1)}, "protected_texts"),
    ],
)
def test_a_request_that_can_never_succeed_is_refused_by_its_field(
    pipeline: Pipeline, values: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        pipeline.compress(request(**values))

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"max_tokens": 0}, "budget.max_tokens"),
        ({"rate": 0.0}, "budget.rate"),
        ({"rate": 1.1}, "budget.rate"),
        ({"rate": float("nan")}, "budget.rate"),
        ({"rate": 0.5, "max_tokens": 5}, "budget"),
    ],
)
def test_a_budget_that_means_nothing_never_exists(values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        BudgetSpec(**values)

    assert caught.value.field == field
