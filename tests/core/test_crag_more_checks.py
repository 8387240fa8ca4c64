"""Checks C8 to C14 of spec/cluster_and_summary.md: texts, queries, ledger and deadline.

C1 to C7 are in ``test_crag_checks``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from compressors import Chain, ModelFailure, Outcome
from compressors.clusters import InTime
from compressors.crag import Crag, PaperCrag
from compressors.extractive import ExtractiveSummarizer
from compressors.representatives import Representatives
from compressors.summary_cache import CachedSummarizer, SummaryCache
from compressors.values import outcome_of
from compressors.work import Work, current
from retrieval.clustering import EuclideanKMeans, SphericalKMeans
from tests.core.crag_on_hand import (
    EXTRACTIVE,
    HEADER,
    OUTLIER,
    SEGMENTER,
    FirstWords,
    Saying,
    clusters_of,
    crag,
    limits,
    numbers,
    paper,
    reviews,
    sizes,
)
from tests.core.words_on_hand import budget, context
from tests.retrieval.encoders_on_hand import BagEncoder


@dataclass(frozen=True)
class Sick:
    """An ``Encoder`` of which one row is no direction."""

    value: float

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = BagEncoder().encode(texts)
        rows[len(texts) // 2] = self.value
        return rows


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
@pytest.mark.parametrize("stage", [crag(), paper()])
def test_c8_vectors_without_a_direction_fail_the_stage(
    stage: Crag | PaperCrag, value: float
) -> None:
    with pytest.raises(ModelFailure):
        replace(stage, encoder=Sick(value)).compress(context("q", *reviews(8)), budget(20))


@pytest.mark.parametrize("stage", [crag(), crag(FirstWords()), paper()])
def test_c8_blank_documents_are_passed_by_and_said_to_be_blank(stage: Crag | PaperCrag) -> None:
    encoder = BagEncoder()
    stage = replace(stage, encoder=encoder)

    result = stage.compress(context("q", " ", *reviews(8), "\n"), budget(40))

    states = [outcome_of(p) for p in result.originals]
    assert [at for at, state in enumerate(states) if state is Outcome.BLANK] == [0, 9]
    assert all(text.strip() for text in encoder.read)
    assert sizes(result)[0] == 8


@settings(max_examples=60, deadline=None)
@given(numbers, limits, st.booleans())
def test_c9_a_cluster_is_heard_or_said_to_be_dropped(
    n: int,
    limit: int,
    is_written: bool,  # noqa: FBT001 - hypothesis calls it
) -> None:
    given_context = context("q", *reviews(n), OUTLIER)
    stage = crag(EXTRACTIVE if is_written else None)

    result = stage.compress(given_context, budget(limit))

    lost = re.fullmatch(r"no room for cluster ([\d, ]+)", result.notes[-1])
    dropped = {int(number) for number in lost[1].split(",")} if lost else set()
    for number, places in enumerate(clusters_of(given_context, None), 1):
        now = [result.originals[place] for place in places]
        is_heard = any(p.spans or p.summarized for p in now)
        assert is_heard is (number not in dropped)


@pytest.mark.parametrize("n", [8, 20, 40, 74])
@pytest.mark.parametrize("summarizer", [None, EXTRACTIVE])
def test_c9_what_a_single_document_says_survives(
    n: int, summarizer: ExtractiveSummarizer | None
) -> None:
    given_context = context("q", *reviews(n), OUTLIER)

    assert OUTLIER in crag(summarizer).compress(given_context, budget(40)).text


@settings(max_examples=40, deadline=None)
@given(numbers, st.integers(0, 6))
def test_c10_counts_in_headers_add_up(n: int, copies: int) -> None:
    texts = [*reviews(n), *reviews(4)[:1] * copies]

    result = crag(FirstWords(), clusters=2).compress(context("q", *texts), budget(40))

    found = [HEADER.match(p.text) for p in result.summaries]
    counts = [(int(match[1]), int(match[2])) for match in found if match]
    others = [p for p in result.originals if not p.summarized]
    assert len(counts) == len(result.summaries)
    assert sum(number for number, _ in counts) + len(others) == len(texts)
    assert all(total == len(texts) for _, total in counts)


def test_c10_a_header_that_would_crowd_out_the_summary_is_left_away() -> None:
    result = crag(FirstWords(tokens=100), clusters=4).compress(
        context("q", *reviews(40)), budget(40)
    )

    assert len(result.summaries) == 4
    assert not any(HEADER.match(p.text) for p in result.summaries)


@settings(max_examples=40, deadline=None)
@given(numbers, st.integers(10, 200), st.sampled_from(["ours", "paper"]))
def test_c11_every_sentence_of_an_extractive_summary_is_a_slice(
    n: int, limit: int, way: str
) -> None:
    stage = crag(EXTRACTIVE) if way == "ours" else paper()
    given_context = context("q", *reviews(n))
    texts = {p.document.id: p.document.text for p in given_context.passages}

    result = stage.compress(given_context, budget(limit))

    for summary in result.summaries:
        written = HEADER.sub("", summary.text)
        slices = [texts[s.document_id][s.start : s.end] for s in summary.document.sources]
        if summary.is_whole:
            assert written.split() == " ".join(slices).split()
        assert all(word in " ".join(slices).split() for word in written.split())
    for passage in result.originals:
        assert all(texts[passage.document.id][s.start : s.end] for s in passage.spans)


def test_c11_a_written_summary_cites_the_documents_of_its_cluster_and_no_other() -> None:
    given_context = context("q", *reviews(10))

    result = crag(FirstWords()).compress(given_context, budget(60))

    cited = [{s.document_id for s in p.document.sources} for p in result.summaries]
    ids = [p.document.id for p in given_context.passages]
    clusters = [{ids[place] for place in places} for places in clusters_of(given_context, None)]
    assert cited == clusters


def test_c11_a_written_summary_has_no_number_that_its_source_does_not_have() -> None:
    result = crag(Saying("There were 4 stars for it"), clusters=4).compress(
        context("q", *reviews(3), *["We gave it 4 stars. That was in May. It rained."] * 3),
        budget(36),
    )

    assert [{s.document_id for s in p.document.sources} for p in result.summaries] == [{"4"}]
    assert (
        result.notes.count(
            "summary refused (a number that its source does not hold), sentences instead"
        )
        == 3
    )


def test_c12_without_a_weight_the_query_is_not_read_and_clusters_are_the_papers() -> None:
    encoder, asked = BagEncoder(), FirstWords()
    ours = crag(asked, encoder=encoder, clusterer=EuclideanKMeans(), clusters=4, query_weight=0.0)

    results = [
        stage.compress(context("eggs for breakfast?", *reviews(10)), budget(60))
        for stage in (ours, paper(summarizer=FirstWords()))
    ]

    said = [[HEADER.sub("", p.text).strip() for p in r.summaries] for r in results]
    assert said[0] == said[1]
    assert "eggs for breakfast?" not in encoder.read
    assert {query for query, _ in asked.asked} == {""}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(2, 12),
    st.integers(1, 6),
)
def test_c12_more_weight_never_takes_what_is_kept_away_from_the_query(
    seed: int, n: int, kept: int
) -> None:
    """Of sentences of one length the best by (1 - w) * worth + w * closeness, for any number."""
    rng = np.random.default_rng(seed)
    words = ["eggs", "bed", "lamp", "tea", "rug", "bus", "bar"]
    texts = [" ".join([*rng.choice(words, 4), f"Guest{i}."]) for i in range(n)]
    encoder = BagEncoder()
    group = dict(enumerate(context("eggs bed", *texts).passages))

    def nearness(weight: float) -> float:
        ranker = Representatives(encoder, SEGMENTER, weight, diversity=0.0)
        (sentences,) = ranker.ranked("eggs bed", [group])
        best = [texts[part.passage] for (part,) in sentences[:kept]]
        vectors = encoder.encode([*best, "eggs bed"])
        return float((vectors[:-1] @ vectors[-1]).mean())

    values = [nearness(weight) for weight in (0.0, 0.25, 0.5, 0.75, 1.0)]

    assert all(after >= before - 1e-4 for before, after in pairwise(values))


def test_c12_summaries_closest_to_the_query_come_first() -> None:
    def first(query: str, weight: float) -> str:
        stage = crag(FirstWords(), query_weight=weight)
        return stage.compress(context(query, *reviews(12)), budget(60)).summaries[0].text

    assert "each" in first("Is the beach near?", 0.5)
    assert "taff" in first("Was the staff friendly?", 0.5)
    assert "reakfast" in first("Was the staff friendly?", 0.0)


def test_c13_the_ledger_tells_saved_spent_and_reused_tokens_apart() -> None:
    """Of the whole stage; the cache itself is in ``test_summary_cache``."""
    chain = Chain((crag(CachedSummarizer(FirstWords(), SummaryCache())),))

    cold, warm = (chain.compress(context("q", *reviews(12)), budget(40)) for _ in range(2))

    assert cold.passages == warm.passages
    (first,), (second,) = cold.trace, warm.trace
    assert first.tokens_in - first.tokens_out == second.tokens_in - second.tokens_out > 0
    assert (first.tokens_spent, first.tokens_reused) == (28, 0)
    assert (second.tokens_spent, second.tokens_reused) == (0, 28)


@dataclass(frozen=True)
class Slow(BagEncoder):
    """A ``BagEncoder`` after which so many seconds are left to the request."""

    seconds: float = 600.0

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = super().encode(texts)
        current().deadline = time.monotonic() + self.seconds
        return rows


SIX = ["bed soft", "egg cold", "bus late", "bar loud", "sea blue", "key lost"]
SIX_TOPICS = [f"{topic} {topic} {topic} Guest{n}." for n in range(4) for topic in SIX]


def test_c14_near_its_deadline_a_request_has_four_clusters_and_is_told_so() -> None:
    def detail(seconds: float) -> str:
        chain = Chain((crag(encoder=Slow(seconds=seconds)),))
        return chain.compress(context("q", *SIX_TOPICS), budget(60)).trace[0].detail

    assert detail(600.0) == "24 documents in 6 clusters: 4, 4, 4, 4, 4, 4"
    hurried, note = detail(0.15).split("; ")
    assert hurried.startswith("24 documents in 4 clusters: ")
    assert note == "no time to look for the number of clusters, 4 taken"


@pytest.mark.parametrize(("rows", "clusters", "expected"), [(12, 2, 2), (2, None, 2), (1, None, 1)])
def test_c14_no_more_clusters_than_were_given_or_than_there_are_rows(
    rows: int, clusters: int | None, expected: int
) -> None:
    vectors = BagEncoder().encode(SIX_TOPICS[:rows])

    with Work(deadline=time.monotonic() + 0.15).active() as work:
        labels = InTime(SphericalKMeans()).labels(vectors, clusters)

    assert len(set(labels)) == expected
    assert len(work.notes) == (clusters is None)


def test_c14_clustering_100_documents_takes_less_than_50_ms_of_a_core() -> None:
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(5, 384)), 20, axis=0)
    vectors = np.asarray(centres + rng.normal(size=centres.shape), dtype=np.float32)
    SphericalKMeans().labels(vectors, None)

    def seconds() -> float:
        start = time.thread_time()
        SphericalKMeans().labels(vectors, None)
        return time.thread_time() - start

    assert min(seconds() for _ in range(5)) < 0.05


def test_the_paper_reads_every_document_and_gives_equal_shares() -> None:
    summarizer = FirstWords(tokens=1000)
    texts = [*reviews(8), *reviews(4)[:1] * 8]

    result = paper(summarizer=summarizer, clusters=4).compress(context("why?", *texts), budget(40))

    assert {query for query, _ in summarizer.asked} == {""}
    assert {limit for _, limit in summarizer.asked} == {10}
    assert sizes(result) == (16, [10, 2, 2, 2])
    assert not any(HEADER.match(p.text) for p in result.summaries)
    assert result.notes[0] == "16 documents in 4 clusters: 10, 2, 2, 2"


def test_the_paper_makes_no_more_clusters_than_documents() -> None:
    result = paper(summarizer=FirstWords(3)).compress(context("q", *reviews(2)), budget(20))

    assert sizes(result) == (2, [1, 1])
    assert len(result.summaries) == 2


def test_protected_copies_stay() -> None:
    texts = [*reviews(8), *reviews(1) * 3]
    given_context = context("q", *texts, protected=["Visitor0 wrote."])

    for stage in (crag(), crag(FirstWords()), paper()):
        result = stage.compress(given_context, budget(60))

        assert sum("Visitor0 wrote." in p.text for p in result.originals) == 4
