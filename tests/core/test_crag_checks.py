"""Checks C1 to C14 of spec/cluster_and_summary.md on the whole stage, each by its number."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from compressors import Chain, Context, ModelFailure, Outcome, StageOutcome
from compressors.clusters import Clustering, parted
from compressors.crag import Crag, PaperCrag
from compressors.extractive import ExtractiveSummarizer
from compressors.representatives import Representatives
from compressors.segmentation import RuleSegmenter
from compressors.summaries import apportion
from compressors.summary_cache import CachedSummarizer, SummaryCache
from compressors.values import outcome_of
from compressors.work import Work
from retrieval.clustering import EuclideanKMeans, SphericalKMeans
from tests.core.test_crag import OUTLIER, FirstWords, Saying, crag, reviews
from tests.core.words_on_hand import budget, context
from tests.retrieval.encoders_on_hand import BagEncoder

SEGMENTER = RuleSegmenter()
EXTRACTIVE = ExtractiveSummarizer(BagEncoder(), SEGMENTER)
HEADER = re.compile(r"(\d+) of (\d+) documents:")

numbers = st.integers(4, 24)
limits = st.integers(1, 300)
ks = st.none() | st.integers(1, 12)
mixed = st.lists(
    st.sampled_from([*reviews(12), OUTLIER, " ", "", "Breakfast tasted great."]), max_size=24
)


def paper(**changes: Any) -> PaperCrag:
    made = PaperCrag(BagEncoder(), EuclideanKMeans(), SEGMENTER, "bag", EXTRACTIVE)
    return replace(made, **changes)


def clusters_of(given_context: Context, k: int | None) -> list[set[int]]:
    """The documents of each cluster by their places."""
    members, copies = parted(given_context)
    if not members:
        return []
    clustering = Clustering(BagEncoder(), SphericalKMeans(), SEGMENTER)
    found = clustering.of(members, k, copies=copies)
    return [{*cluster.members, *cluster.copies} for cluster in found]


def sizes(result: Context) -> tuple[int, list[int]]:
    """What the first note says: the number of documents, and that of each cluster."""
    note = re.match(r"(\d+) documents in (\d+) clusters: ([\d, ]+)", result.notes[0])
    assert note
    found = [int(size) for size in note[3].split(",")]
    assert len(found) == int(note[2])
    return int(note[1]), found


@settings(max_examples=60, deadline=None)
@given(mixed, ks)
def test_c1_no_more_clusters_than_asked_for_or_than_there_are_texts(
    texts: list[str], k: int | None
) -> None:
    given_context = context("q", *texts)
    distinct = {" ".join(text.split()) for text in texts if text.strip()}

    found = clusters_of(given_context, k)

    assert len(found) <= min(k or 10, len(distinct))
    assert all(found)
    assert bool(found) == bool(distinct)


@pytest.mark.parametrize("stage", [crag(), crag(FirstWords()), paper()])
@pytest.mark.parametrize("texts", [(), (" ",), ("One text. Two sentences.",)])
def test_c1_nothing_and_a_single_document_are_not_clustered(
    stage: Crag | PaperCrag, texts: Sequence[str]
) -> None:
    given_context = context("q", *texts)

    assert stage.compress(given_context, budget(1)).passages == given_context.passages


@settings(max_examples=60, deadline=None)
@given(mixed, ks)
def test_c2_every_document_with_text_is_in_one_cluster(texts: list[str], k: int | None) -> None:
    found = clusters_of(context("q", *texts), k)

    places = [place for cluster in found for place in cluster]
    assert sorted(places) == [place for place, text in enumerate(texts) if text.strip()]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(reviews(12)), min_size=4, max_size=24))
def test_c2_the_note_counts_every_document_once(texts: list[str]) -> None:
    total, by_cluster = sizes(crag().compress(context("q", *texts, " "), budget(30)))

    assert total == sum(by_cluster) == len(texts)


PROGRAM = """
import sys
from tests.core.test_crag_checks import everything
sys.stdout.write(repr(everything()))
"""


def everything() -> list[tuple[Any, ...]]:
    """What all ways to cluster make of one request, to the last digit."""
    given_context = context("clean room", *reviews(23), OUTLIER)
    stages = [crag(query_weight=0.5), crag(EXTRACTIVE, query_weight=0.5), paper()]
    return [stage.compress(given_context, budget(70)).passages for stage in stages]


def test_c3_other_processes_with_other_threads_give_the_same_bytes() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "OMP_NUM_THREADS": threads, "PYTHONHASHSEED": threads},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for threads in ("1", "2", "4")
    }

    assert printed == {repr(everything())}


@dataclass(frozen=True)
class Trembling(BagEncoder):
    """A ``BagEncoder`` whose last bits depend on what else is in the batch, as those of GPUs."""

    step: list[int] = field(default_factory=lambda: [0])

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.step[0] += 1
        rows = super().encode(texts)
        noise = np.random.default_rng(self.step[0] + len(texts)).normal(size=rows.shape)
        return np.asarray(rows + 1e-8 * noise, dtype=np.float32)


@pytest.mark.parametrize("summarizer", [None, EXTRACTIVE])
def test_c3_the_last_bits_of_a_batch_decide_nothing(
    summarizer: ExtractiveSummarizer | None,
) -> None:
    given_context = context("clean room", *reviews(21), OUTLIER)
    encoder = Trembling()

    stage = crag(summarizer, encoder=encoder, query_weight=0.5)
    spans = {
        tuple((p.document.id, p.text) for p in stage.compress(given_context, budget(60)).passages)
        for _ in range(10)
    }

    assert encoder.step[0] >= 10
    assert len(spans) == 1


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(16)), ks)
def test_c3_documents_in_another_order_are_in_the_same_clusters(
    order: Sequence[int], k: int | None
) -> None:
    texts = [*reviews(13), OUTLIER, "Breakfast tasted great.", "A large clean room."]

    straight = clusters_of(context("q", *texts), k)
    shuffled = clusters_of(context("q", *(texts[place] for place in order)), k)

    assert {frozenset(cluster) for cluster in straight} == {
        frozenset(order[place] for place in cluster) for cluster in shuffled
    }


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(12)))
def test_c3_summaries_of_documents_in_another_order_say_the_same(order: Sequence[int]) -> None:
    texts = reviews(12)
    stage = crag(CachedSummarizer(EXTRACTIVE, SummaryCache()))

    straight = stage.compress(context("q", *texts), budget(60))
    shuffled = stage.compress(context("q", *(texts[place] for place in order)), budget(60))

    assert {p.text for p in straight.summaries} == {p.text for p in shuffled.summaries}


@settings(max_examples=40, deadline=None)
@given(numbers, limits, st.sampled_from(["spans", "summaries", "paper"]))
def test_c4_nothing_gets_longer(n: int, limit: int, way: str) -> None:
    writer = FirstWords(tokens=1000)
    stage = {"spans": crag(), "summaries": crag(writer), "paper": paper(summarizer=writer)}[way]
    given_context = context("q", *reviews(n))
    tokens = {p.document.id: budget().count(p.text) for p in given_context.passages}

    result = stage.compress(given_context, budget(limit))

    assert budget().count(result.text) <= sum(tokens.values())
    for summary in result.summaries:
        cluster = {source.document_id for source in summary.document.sources}
        assert budget().count(summary.text) <= sum(tokens[name] for name in cluster)


def test_c4_what_does_not_get_shorter_passes_and_is_said_to_have() -> None:
    given_context = context("q", *reviews(8))

    result = Chain((crag(FirstWords(), rate=1.0),)).compress(given_context, budget())

    assert result.passages == given_context.passages
    assert result.trace[0].outcome is StageOutcome.SKIPPED_INPUT


@settings(max_examples=60, deadline=None)
@given(numbers, limits, st.booleans())
def test_c5_headers_and_summaries_are_within_the_budget_together(
    n: int,
    limit: int,
    is_paper: bool,  # noqa: FBT001 - hypothesis calls it
) -> None:
    stage = paper() if is_paper else crag(EXTRACTIVE)

    result = stage.compress(context("q", *reviews(n), OUTLIER), budget(limit))

    assert sum(budget().count(p.text) for p in result.passages) <= limit


@given(
    st.integers(0, 500),
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 90)), max_size=9),
    st.integers(0, 40),
)
def test_c5_shares_add_up_and_what_one_cannot_use_others_get(
    total: int, rows: list[tuple[int, int]], floor: int
) -> None:
    weights, most = [w for w, _ in rows], [limit for _, limit in rows]

    shares = apportion(total, weights, most, floor=floor)

    assert sum(shares) == min(total, sum(most))
    assert all(share <= limit for share, limit in zip(shares, most, strict=True))
    least = min(floor, total // max(1, len(rows)))
    assert all(share >= min(least, limit) for share, limit in zip(shares, most, strict=True))


def test_c5_the_larger_cluster_has_more_but_by_the_root_of_its_size() -> None:
    summarizer = FirstWords(tokens=1000)
    texts = [f"Our room was clean and large indeed, said Visitor{n}." for n in range(16)]
    texts += [f"Breakfast eggs tasted great to all of us, said Guest{n}." for n in range(4)]

    crag(summarizer, clusters=2).compress(context("q", *texts), budget(68))

    (large, small) = sorted((limit for _, limit in summarizer.asked), reverse=True)
    # 24 tokens of 68 go to each, the other 20 as 4 to 2, and 4 of each are its header.
    assert (large, small) == (24 + 13 - 4, 24 + 7 - 4)


@pytest.mark.parametrize("way", ["spans", "summaries", "paper"])
def test_c6_tokens_hardly_grow_with_the_number_of_documents(way: str) -> None:
    """On planted topics; on real reviews in ``test_crag_reviews``."""
    stage = {
        "spans": crag(clusters=4),
        "summaries": crag(EXTRACTIVE, clusters=4),
        "paper": paper(),
    }[way]

    def tokens(n: int) -> tuple[int, int]:
        given_context = context("q", *reviews(n))
        result = stage.compress(given_context, budget(30))
        return budget().count(given_context.text), budget().count(result.text)

    counts = {n: tokens(n) for n in (4, 10, 20, 40, 75)}

    assert counts[75][0] >= 8 * counts[4][0]
    assert max(after for _, after in counts.values()) <= 1.6 * counts[4][1]
    assert counts[4][1] <= 0.54 * counts[4][0]
    assert counts[75][1] <= 0.1 * counts[75][0]


@pytest.mark.parametrize("limit", [6, 20, 300])
@pytest.mark.parametrize("copies", [4, 30])
def test_c7_copies_of_one_document_are_kept_as_one(copies: int, limit: int) -> None:
    text = "The bed was soft. Breakfast tasted great. A bus goes to the beach. Staff smiled."

    result = crag().compress(context("q", *[text] * copies), budget(limit))

    assert sizes(result) == (copies, [copies])
    assert result.notes[0].endswith(f"; {copies - 1} of them copies")
    assert [bool(p.spans) for p in result.passages] == [True] + [False] * (copies - 1)
    assert result.text == text or limit < 15


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 30), st.integers(0, 8), st.integers(10, 200))
def test_c7_copies_change_nothing_but_counts(copies: int, place: int, limit: int) -> None:
    texts = reviews(9)

    once = crag().compress(context("q", *texts), budget(limit))
    often = crag().compress(context("q", *texts, *[texts[place]] * copies), budget(limit))

    assert often.text == once.text
    assert sum(sizes(often)[1]) == sum(sizes(once)[1]) + copies


def test_c7_a_summary_stands_for_copies_too_and_nobody_reads_them() -> None:
    encoder = BagEncoder()
    texts = reviews(8)

    result = crag(FirstWords(), encoder=encoder).compress(
        context("q", *texts, *[texts[0]] * 5), budget(40)
    )

    assert [outcome_of(p) for p in result.originals[8:]] == [Outcome.SUMMARIZED] * 5
    assert result.summaries[0].document.metadata == {"documents": 7, "of": 13}
    assert encoder.read.count(texts[0]) <= 1


def test_c7_near_duplicates_are_merged_before_they_pull_a_centroid() -> None:
    # All but the same: cosine .99 between any two, which none of them is to the other topics.
    many = [f"{'room clean ' * 20} visitor{n}" for n in range(30)]
    others = ["eggs breakfast cook", "beach bus near", "staff friendly smile"]
    encoder = BagEncoder({f"visitor{n}": 2.0 for n in range(30)})
    clustering = Clustering(encoder, SphericalKMeans(), SEGMENTER)
    members, copies = parted(context("q", *many, *others))

    found = clustering.of(members, 4, copies=copies)

    assert not copies
    assert [set(cluster.members) for cluster in found] == [set(range(30)), {30}, {31}, {32}]


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


def test_c14_near_its_deadline_a_request_has_four_clusters_and_is_told_so() -> None:
    topics = ["bed soft", "egg cold", "bus late", "bar loud", "sea blue", "key lost"]
    texts = [f"{topic} {topic} {topic} Guest{n}." for n in range(4) for topic in topics]
    given_context = context("q", *texts)

    with Work(deadline=time.monotonic() + 0.15).active():
        hurried = crag().compress(given_context, budget(60))
    with Work(deadline=time.monotonic() + 600).active():
        patient = crag().compress(given_context, budget(60))

    assert len(sizes(hurried)[1]) == 4
    assert hurried.notes[1] == "no time to look for the number of clusters, 4 taken"
    assert len(sizes(patient)[1]) == 6
    assert len(patient.notes) == 1


def test_c14_a_number_that_is_given_needs_no_time() -> None:
    with Work(deadline=time.monotonic() + 0.15).active():
        result = crag(clusters=2).compress(context("q", *reviews(12)), budget(60))

    assert len(sizes(result)[1]) == 2
    assert len(result.notes) == 1


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
