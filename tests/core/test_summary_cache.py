"""Check C13 of spec/cluster_and_summary.md: summaries that are there already, and the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compressors import Budget, Chain, Document, ModelFailure, Passage, Source, Span
from compressors.crag import Crag
from compressors.errors import Cancelled, CompressionError, DeadlineExceeded, InvalidInput
from compressors.protocols import Summary
from compressors.segmentation import RuleSegmenter
from compressors.summary_cache import CachedSummarizer, Entry, Place, SummaryCache
from compressors.work import Work
from retrieval.clustering import SphericalKMeans
from tests.core.words_on_hand import WordCounter, budget, context
from tests.engine.fakes import until
from tests.retrieval.encoders_on_hand import BagEncoder

BEDS = Document("beds", "Our bed was soft. The pillow was not.")
FOOD = Document("food", "The eggs were cold. Nobody cared.")


@dataclass(frozen=True)
class Headlines:
    """A ``Summarizer``: the first three words of each passage, for 7 tokens; counts its work."""

    asked: list[tuple[str, int | None]] = field(default_factory=list)
    name: str = "headlines"

    def summarize(self, query: str, passages: Sequence[Passage], limit: Budget) -> Summary:
        self.asked.append((query, limit.max_tokens))
        text = " ".join(word for p in passages for word in p.text.split()[:3])
        sources = tuple(Source(p.document.id, s.start, s.end) for p in passages for s in p.spans)
        return Summary(text, sources, tokens_spent=7)


def wholes(*documents: Document) -> list[Passage]:
    return [Passage.whole(document) for document in documents]


def cached(summarizer: Any = None, **changes: Any) -> CachedSummarizer:
    return CachedSummarizer(summarizer or Headlines(), SummaryCache(), **changes)


def test_c13_a_summary_of_the_same_documents_is_not_written_again() -> None:
    inner = Headlines()
    summarizer = cached(inner)

    with Work().active() as work:
        first = summarizer.summarize("q", wholes(BEDS, FOOD), budget(20))
        second = summarizer.summarize("q", wholes(BEDS, FOOD), budget(20))

    assert len(inner.asked) == 1
    assert (first.tokens_spent, second.tokens_spent) == (7, 0)
    assert work.tokens_reused == 7
    assert replace(first, tokens_spent=0) == second


def test_c13_sources_are_those_of_the_present_request() -> None:
    summarizer = cached()
    summarizer.summarize("q", wholes(BEDS, FOOD), budget(20))

    again = summarizer.summarize(
        "q", wholes(replace(FOOD, id="1"), replace(BEDS, id="2")), budget(20)
    )

    assert again.tokens_spent == 0
    assert again.sources == (Source("1", 0, len(FOOD.text)), Source("2", 0, len(BEDS.text)))


def test_ids_that_changed_places_are_not_mixed_up() -> None:
    summarizer = cached()
    summarizer.summarize("q", wholes(BEDS, FOOD), budget(20))

    again = summarizer.summarize(
        "q", wholes(replace(BEDS, id="food"), replace(FOOD, id="beds")), budget(20)
    )

    assert again.sources == (Source("food", 0, len(BEDS.text)), Source("beds", 0, len(FOOD.text)))


@dataclass(frozen=True)
class Behind(Headlines):
    """Names, for a summary, what that was written from."""

    def summarize(self, query: str, passages: Sequence[Passage], limit: Budget) -> Summary:
        sources = tuple(source for p in passages for source in p.document.sources)
        return replace(super().summarize(query, passages, limit), sources=sources)


def test_a_summary_of_a_summary_names_what_is_behind_it_now() -> None:
    summarizer = cached(Behind())
    first = replace(BEDS, sources=(Source("a", 0, 3), Source("b", 4, 5)))
    second = replace(BEDS, id="other", sources=(Source("c", 1, 2),))
    summarizer.summarize("q", wholes(first), budget(20))

    again = summarizer.summarize("q", wholes(second), budget(20))

    assert again.tokens_spent == 0
    assert again.sources == (Source("c", 1, 2),)


@dataclass(frozen=True)
class OtherCounter(WordCounter):
    name: str = "others"


@pytest.mark.parametrize(
    ("query", "document", "limit", "changes"),
    [
        ("why?", BEDS, budget(20), {}),
        ("q", replace(BEDS, text="Our bed was hard. The pillow was not."), budget(20), {}),
        ("q", replace(BEDS, title="Beds"), budget(20), {}),
        ("q", BEDS, budget(40), {}),
        ("q", BEDS, budget(None), {}),
        ("q", BEDS, Budget(OtherCounter(), 20), {}),
        ("q", BEDS, budget(20), {"identity": "other weights"}),
        ("q", BEDS, budget(20), {"code": "2.0"}),
    ],
)
def test_c13_whatever_the_text_depends_on_is_in_the_key(
    query: str, document: Document, limit: Budget, changes: dict[str, str]
) -> None:
    inner = Headlines()
    summarizer = cached(inner)
    summarizer.summarize("q", wholes(BEDS), budget(20))

    replace(summarizer, **changes).summarize(query, wholes(document), limit)  # type: ignore[arg-type]  # by name

    assert len(inner.asked) == 2


def test_what_another_tenant_asked_is_not_found() -> None:
    inner = Headlines()
    summarizer = cached(inner)

    reused = list[int]()
    for tenant in ("acme", "globex", "", "acme"):
        with Work(tenant=tenant).active() as work:
            summarizer.summarize("q", wholes(BEDS, FOOD), budget(20))
            reused.append(work.tokens_reused)

    assert reused == [0, 0, 0, 7]
    assert len(inner.asked) == 3


def test_another_part_of_the_same_document_is_another_text() -> None:
    inner = Headlines()
    summarizer = cached(inner)
    whole = Passage.whole(BEDS)

    for passage in (whole, whole.keeping([Span(0, 17)]), whole.keeping([Span(18, 37)])):
        summarizer.summarize("q", [passage], budget(20))

    assert len(inner.asked) == 3


def test_a_model_that_does_not_read_the_query_need_not_write_for_each() -> None:
    inner = Headlines()
    summarizer = cached(inner, reads_query=False)

    for query in ("one?", "two?"):
        summarizer.summarize(query, wholes(BEDS), budget(20))

    assert [query for query, _ in inner.asked] == [""]


@given(st.integers(1, 10**6))
def test_a_limit_loses_less_than_an_eighth(limit: int) -> None:
    inner = Headlines()

    cached(inner).summarize("q", wholes(BEDS), budget(max(limit, 3)))

    ((_, asked),) = inner.asked
    assert asked is not None
    assert max(limit, 3) * 7 / 8 < asked <= max(limit, 3)


def test_a_share_that_moved_a_little_finds_the_same_summary() -> None:
    inner = Headlines()
    summarizer = cached(inner)

    for limit in (100, 96, 103):
        summarizer.summarize("q", wholes(BEDS), budget(limit))

    assert inner.asked == [("q", 96)]


@given(st.permutations(range(5)))
def test_the_order_of_documents_makes_no_difference_to_the_text(order: Sequence[int]) -> None:
    documents = [Document(str(n), f"Visitor {n} slept well. Really.") for n in range(5)]

    straight = cached().summarize("q", wholes(*documents), budget(30))
    shuffled = cached().summarize("q", wholes(*(documents[n] for n in order)), budget(30))

    assert straight.text == shuffled.text
    assert set(straight.sources) == set(shuffled.sources)


@dataclass(frozen=True)
class Unlucky(Headlines):
    """Does at first what it is told to: raises an error, or says something."""

    first: CompressionError | str = ""

    def summarize(self, query: str, passages: Sequence[Passage], limit: Budget) -> Summary:
        summary = super().summarize(query, passages, limit)
        if len(self.asked) > 1:
            return summary
        if isinstance(self.first, str):
            return replace(summary, text=self.first)
        raise self.first


@pytest.mark.parametrize("error", [ModelFailure("broken"), DeadlineExceeded("late")])
def test_failures_are_not_kept(error: CompressionError) -> None:
    summarizer = cached(Unlucky(first=error))

    with pytest.raises(type(error)):
        summarizer.summarize("q", wholes(BEDS), budget(20))

    assert summarizer.cache.stats.entries == 0
    assert summarizer.summarize("q", wholes(BEDS), budget(20)).tokens_spent == 7


@pytest.mark.parametrize("text", ["", "It cost 99 dollars.", "word " * 30])
def test_summaries_that_are_refused_are_not_kept_but_were_paid_for(text: str) -> None:
    summarizer = cached(Unlucky(first=text))

    with Work().active() as work, pytest.raises(ModelFailure, match="refused"):
        summarizer.summarize("q", wholes(BEDS), budget(20))

    assert work.tokens_spent == 7
    assert summarizer.cache.stats.entries == 0
    assert summarizer.summarize("q", wholes(BEDS), budget(20)).text == "Our bed was"


@dataclass(frozen=True)
class Elsewhere(Headlines):
    def summarize(self, query: str, passages: Sequence[Passage], limit: Budget) -> Summary:
        return replace(super().summarize(query, passages, limit), sources=(Source("x", 0, 1),))


def test_refuses_sources_that_nobody_gave() -> None:
    with pytest.raises(ModelFailure, match="unknown sources"):
        cached(Elsewhere()).summarize("q", wholes(BEDS), budget(20))


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60)), max_size=60),
    st.integers(1, 5),
    st.integers(1, 100),
)
def test_what_is_held_is_bounded_and_the_last_used(
    asked: list[tuple[int, int]], max_entries: int, max_characters: int
) -> None:
    cache = SummaryCache(max_entries=max_entries, max_characters=max_characters)
    expected: dict[int, str] = {}

    for number, length in asked:
        entry, is_known = cache.entry(bytes([number]), lambda: Entry("x" * length, (), 0))  # noqa: B023 - called at once

        assert is_known == (number in expected)
        text = expected.pop(number) if is_known else entry.text
        assert entry.text == text
        if len(text) <= max_characters:
            expected[number] = text
        while len(expected) > max_entries or sum(map(len, expected.values())) > max_characters:
            del expected[next(iter(expected))]
        assert cache.stats.entries == len(expected)
        assert cache.stats.characters == sum(map(len, expected.values()))

    assert cache.stats.hits + cache.stats.misses == len(asked)


def test_sources_take_room_too() -> None:
    places = tuple(Place(rank, (0, 1)) for rank in range(10))

    assert Entry("text", places, 0).characters > Entry("text", (), 0).characters


@pytest.mark.parametrize("limits", [{"max_entries": 0}, {"max_characters": 0}])
def test_refuses_limits_that_hold_nothing(limits: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="summary_cache"):
        SummaryCache(**limits)


@dataclass(frozen=True)
class Gated(Headlines):
    """Writes when the gate is open, or fails."""

    gate: threading.Event = field(default_factory=threading.Event)
    is_broken: list[bool] = field(default_factory=list)

    def summarize(self, query: str, passages: Sequence[Passage], limit: Budget) -> Summary:
        summary = super().summarize(query, passages, limit)
        assert self.gate.wait(30)
        if self.is_broken.pop() if self.is_broken else False:
            raise ModelFailure("broken")
        return summary


def asking(summarizer: CachedSummarizer, work: Work) -> Summary:
    with work.active():
        return summarizer.summarize("q", wholes(BEDS), budget(20))


def test_one_writes_while_others_wait() -> None:
    inner = Gated()
    summarizer = cached(inner)
    works = [Work(deadline=time.monotonic() + 60) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(asking, summarizer, work) for work in works]
        until(lambda: sum(bool(work._hooks) for work in works) == 7)
        inner.gate.set()
        spent = sorted(answer.result(30).tokens_spent for answer in answers)

    assert len(inner.asked) == 1
    assert spent == [0] * 7 + [7]
    assert sorted(work.tokens_reused for work in works) == [0] + [7] * 7


def test_after_a_failure_one_of_those_who_wait_writes() -> None:
    inner = Gated(is_broken=[True])
    summarizer = cached(inner)
    works = [Work() for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(asking, summarizer, work) for work in works]
        until(lambda: sum(bool(work._hooks) for work in works) == 3)
        inner.gate.set()
        errors = [answer.exception(30) for answer in answers]

    assert sum(isinstance(error, ModelFailure) for error in errors) == 1
    assert errors.count(None) == 3
    assert len(inner.asked) == 2


@pytest.mark.parametrize(
    ("seconds", "error"), [(None, Cancelled), (0.05, DeadlineExceeded)], ids=["cancelled", "late"]
)
def test_nobody_waits_longer_than_there_is_use(
    seconds: float | None, error: type[CompressionError]
) -> None:
    inner = Gated()
    summarizer = cached(inner)

    with ThreadPoolExecutor(2) as pool:
        writer = pool.submit(asking, summarizer, Work())
        until(lambda: bool(inner.asked))
        work = Work(None if seconds is None else time.monotonic() + seconds)
        waiter = pool.submit(asking, summarizer, work)
        if seconds is None:
            until(lambda: bool(work._hooks))
            work.cancel()
        with pytest.raises(error):
            waiter.result(30)
        assert not writer.done()
        inner.gate.set()
        assert writer.result(30).tokens_spent == 7


REVIEWS = [
    *(f"The bed was large and soft for all. Visitor{n} slept." for n in range(3)),
    *(f"Breakfast eggs tasted great here on all days. Visitor{n} ate." for n in range(3, 6)),
    *(f"A bus to the near beach goes often. Visitor{n} swam." for n in range(6, 9)),
]


def clustering(summarizer: CachedSummarizer) -> Chain:
    stage = Crag(BagEncoder(), SphericalKMeans(), RuleSegmenter(), "bag", summarizer, clusters=3)
    return Chain((stage,))


def test_c13_the_report_tells_what_was_spent_from_what_was_reused() -> None:
    chain = clustering(cached())

    first = chain.compress(context("q", *REVIEWS), budget(60))
    second = chain.compress(context("q", *REVIEWS), budget(60))

    assert [(r.tokens_spent, r.tokens_reused) for r in first.trace] == [(21, 0)]
    assert [(r.tokens_spent, r.tokens_reused) for r in second.trace] == [(0, 21)]
    assert first.trace[0].tokens_in - first.trace[0].tokens_out > 0


def test_a_context_is_the_same_whether_its_summaries_were_there_or_not() -> None:
    summarizer = cached()

    texts = [
        clustering(one).compress(context("q", *REVIEWS), budget(60))
        for one in (summarizer, summarizer, cached())
    ]

    assert texts[0].passages == texts[1].passages == texts[2].passages


def test_a_document_more_costs_the_summary_of_its_own_cluster_only() -> None:
    inner = Headlines()
    chain = clustering(cached(inner))
    chain.compress(context("q", *REVIEWS), budget(69))

    chain.compress(context("q", *REVIEWS, "The bed was large. Visitor9 slept soft."), budget(69))

    assert len(inner.asked) == 4


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(9)), st.sampled_from([40, 60, 90]))
def test_a_warm_cache_changes_nothing_for_documents_in_another_order(
    order: Sequence[int], limit: int
) -> None:
    warm = cached()
    clustering(warm).compress(context("q", *REVIEWS), budget(limit))
    asked = context("q", *(REVIEWS[n] for n in order))

    result = clustering(warm).compress(asked, budget(limit))

    assert result.passages == clustering(cached()).compress(asked, budget(limit)).passages
