"""Checks C1 to C7 of spec/cluster_and_summary.md: clusters, budgets and copies.

C8 to C14 are in ``test_crag_more_checks``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from compressors import Chain, Outcome, StageOutcome
from compressors.clusters import Clustering, parted
from compressors.crag import Crag, PaperCrag
from compressors.extractive import ExtractiveSummarizer
from compressors.summaries import apportion
from compressors.summary_cache import CachedSummarizer, SummaryCache
from compressors.values import outcome_of
from retrieval.clustering import SphericalKMeans
from tests.core.crag_on_hand import (
    EXTRACTIVE,
    OUTLIER,
    SEGMENTER,
    FirstWords,
    clusters_of,
    crag,
    ks,
    limits,
    mixed,
    numbers,
    paper,
    reviews,
    sizes,
)
from tests.core.words_on_hand import budget, context
from tests.retrieval.encoders_on_hand import BagEncoder


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


def test_c5_the_cluster_closest_to_the_query_has_more() -> None:
    def limits(query_weight: float) -> list[int]:
        summarizer = FirstWords(tokens=1000)
        texts = [f"Our room was clean and large indeed, said Visitor{n}." for n in range(6)]
        texts += [f"Breakfast eggs tasted great to all of us, said Guest{n}." for n in range(6)]
        stage = crag(summarizer, clusters=2, query_weight=query_weight)
        stage.compress(context("breakfast eggs", *texts), budget(78))
        return sorted((limit for _, limit in summarizer.asked), reverse=True)

    # 24 tokens of 78 go to each and 4 of each are its header; the other 30 as 1 to 1 - weight.
    assert limits(0.0) == [24 + 15 - 4, 24 + 15 - 4]
    assert limits(0.5) == [24 + 20 - 4, 24 + 10 - 4]


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


def test_c7_white_space_makes_no_other_text() -> None:
    text = "The bed was soft. Breakfast tasted great."

    result = crag().compress(context("q", *reviews(4), text, text.replace(" ", "\n ")), budget(60))

    assert result.notes[0].endswith("; 1 of them copies")


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
