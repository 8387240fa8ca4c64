"""What is promised of every result, whatever the texts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compressors.values import Context, Document
from service.pipeline import Pipeline
from service.request import BudgetSpec, DocumentResult, Request
from service.settings import Settings
from tests.service.hand import Overlap
from tests.service.hand import pipeline as opened


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    with opened(Settings(), Overlap()) as pipeline:
        yield pipeline


TEXT = st.text(st.sampled_from("ab. \n?Ã—日本\u0301\U0001f600[]"), max_size=60)


@given(
    query=st.text(min_size=1, max_size=20).filter(str.strip),
    texts=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3),
    budget=st.one_of(
        st.just(BudgetSpec()),
        st.integers(1, 40).map(lambda n: BudgetSpec(max_tokens=n)),
        st.floats(0.01, 1.0).map(lambda r: BudgetSpec(rate=r)),
    ),
    chain=st.sampled_from(["default", "fine"]),
    with_titles=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_promised_of_every_result(
    pipeline: Pipeline,
    query: str,
    texts: list[tuple[str, str]],
    budget: BudgetSpec,
    chain: str,
    *,
    with_titles: bool,
) -> None:
    documents = tuple(Document(str(n), text, title) for n, (text, title) in enumerate(texts))
    whole = Context.of(query, documents, with_titles=with_titles).text

    result = pipeline.compress(
        Request(
            query=query, documents=documents, budget=budget, chain=chain, with_titles=with_titles
        )
    )

    assert [each.document for each in result.documents] == list(documents)
    for each in result.documents:
        assert all(span.end <= len(each.document.text) for span in each.spans)
        assert each.text.split() == "".join(_slices(each)).split()
    assert len(result.text) <= len(whole)
    assert result.totals.within_budget
    assert result.text.strip() or not whole.strip()


def _slices(result: DocumentResult) -> Iterator[str]:
    end = 0
    for span in result.spans:
        gap = result.document.text[end : span.start]
        yield " " if any(character.isspace() for character in gap) else ""
        yield result.document.text[span.start : span.end]
        end = span.end
