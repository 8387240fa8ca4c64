"""CRAG on real clusters of vectors made by hand; spec checks by number: ``test_crag_checks``."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from compressors.budget import Budget
from compressors.errors import (
    Cancelled,
    CompressionError,
    DeadlineExceeded,
    InvalidInput,
    ModelFailure,
    Overloaded,
    Unavailable,
)
from compressors.extractive import ExtractiveSummarizer
from compressors.protocols import Summarizer, Summary
from compressors.segmentation import RuleSegmenter
from compressors.values import Context, Document, Outcome, Passage, Source, outcome_of
from compressors.work import Work
from tests.core.crag_on_hand import OUTLIER, TOPICS, FirstWords, Saying, crag, reviews
from tests.core.words_on_hand import budget, context
from tests.retrieval.encoders_on_hand import BagEncoder


@dataclass(frozen=True)
class Broken:
    """A ``Summarizer`` that fails whenever a text holds the word."""

    word: str
    error: CompressionError = field(default_factory=lambda: ModelFailure("broken"))
    name: str = "broken"

    def summarize(self, query: str, passages: Sequence[Passage], limit: Budget) -> Summary:
        if any(self.word in passage.text for passage in passages):
            raise self.error
        return FirstWords().summarize(query, passages, limit)


@pytest.mark.parametrize(
    "texts", [(), ("One.",), ("One.", "Two.", "Three."), ("A.", "", " ", "B.")]
)
def test_leaves_fewer_than_four_documents_alone(texts: tuple[str, ...]) -> None:
    given_context = context("q", *texts)

    result = crag().compress(given_context, budget(1))

    assert result.passages == given_context.passages
    assert result.notes == ("fewer than 4 documents",)


def test_says_how_many_documents_are_in_each_cluster() -> None:
    result = crag().compress(context("q", *reviews(10), " "), budget(60))

    assert result.notes[0] == "10 documents in 4 clusters: 3, 3, 2, 2"


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 24), st.integers(1, 300), st.sampled_from([None, 1, 3]))
def test_keeps_slices_in_order_within_the_budget(n: int, limit: int, clusters: int | None) -> None:
    given_context = context("breakfast", *reviews(n))

    result = crag(clusters=clusters, query_weight=0.5).compress(given_context, budget(limit))

    assert budget(limit).fits(result.text)
    assert result.text
    assert [p.document for p in result.passages] == [p.document for p in given_context.passages]


@pytest.mark.parametrize("n", [8, 20, 40])
def test_every_cluster_keeps_a_sentence_if_the_budget_allows(n: int) -> None:
    result = crag().compress(context("q", *reviews(n), OUTLIER), budget(25))

    assert OUTLIER in result.text
    for word in ("Breakfast", "room", "each", "taff"):
        assert word in result.text


def test_says_how_many_clusters_had_no_room() -> None:
    result = crag().compress(context("q", *reviews(20)), budget(4))

    assert re.fullmatch(r"no room for cluster \d, \d", result.notes[-1])


def test_a_representative_outranks_all_others_by_its_score_too() -> None:
    # So a later cut by scores alone takes the others first.
    result = crag().compress(context("q", *reviews(20)), budget(90))
    scores = sorted((s.score for p in result.passages for s in p.spans), reverse=True)

    assert min(scores[:4]) >= 2 / 3 >= max(scores[4:])


def test_without_a_budget_half_of_the_tokens_stay() -> None:
    given_context = context("q", *reviews(20))
    tokens = budget().count(given_context.text)

    result = crag().compress(given_context, budget())

    assert 0.4 * tokens < budget().count(result.text) <= 0.5 * tokens


def test_copies_of_a_document_are_no_new_opinion() -> None:
    texts = reviews(8)

    once = crag().compress(context("q", *texts), budget(30)).text
    often = crag().compress(context("q", *texts, *[texts[0]] * 20), budget(30)).text

    assert set(once.split()) == set(often.split())


def test_protected_text_stays() -> None:
    given_context = context("q", *reviews(12), protected=["Visitor7"])

    result = crag().compress(given_context, budget(20))

    assert "Visitor7 wrote." in result.text
    with pytest.raises(InvalidInput, match="protected_texts"):
        crag().compress(given_context, budget(1))


def test_reads_what_earlier_stages_left_and_nothing_else() -> None:
    encoder = BagEncoder()
    whole = context("q", *reviews(6), "The secret is out. Fine.")
    first = whole.passages[-1]
    start = first.document.text.index("Fine")
    short = first.keeping([replace(first.spans[0], start=start)])

    crag(encoder=encoder).compress(
        replace(whole, passages=(*whole.passages[:-1], short)), budget(30)
    )

    assert "Fine." in encoder.read
    assert not any("secret" in text for text in encoder.read)


def test_a_query_weight_of_0_never_reads_the_query() -> None:
    encoder = BagEncoder()

    one = crag(encoder=encoder).compress(context("beach", *reviews(9)), budget(30))
    other = crag().compress(context("eggs", *reviews(9)), budget(30))

    assert one.passages == other.passages
    assert "beach" not in encoder.read


WORDS = st.lists(st.sampled_from(["eggs", "bed", "lamp", "tea", "rug"]), min_size=3, max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(WORDS, min_size=2, max_size=4), min_size=4, max_size=4))
def test_the_more_the_query_weighs_the_nearer_is_what_stays(
    topics: list[list[list[str]]],
) -> None:
    # Four topics, one sentence of each fits; all sentences are of four words.
    names = "Kitchen", "Garage", "Office", "Cellar"
    texts = [
        " ".join(f"{name} {' '.join(words)}." for words in sentences)
        for name, sentences in zip(names, topics, strict=True)
    ]
    encoder = BagEncoder({name.lower(): 20.0 for name in names})

    def nearness(weight: float) -> float:
        stage = crag(encoder=encoder, clusters=4, query_weight=weight)
        kept = stage.compress(context("eggs bed", *texts), budget(16))
        vectors = encoder.encode([*(p.text for p in kept.passages), "eggs bed"])
        return float((vectors[:-1] @ vectors[-1]).mean())

    values = [nearness(weight) for weight in (0.0, 0.25, 0.5, 0.75, 1.0)]

    assert all(after >= before - 1e-4 for before, after in pairwise(values))


@pytest.mark.parametrize("summarizer", [None, FirstWords(tokens=25)])
def test_grows_little_with_the_number_of_documents(summarizer: Summarizer | None) -> None:
    def tokens(n: int) -> tuple[int, int]:
        given_context = context("q", *reviews(n))
        result = crag(summarizer, clusters=4).compress(given_context, budget(30))
        return budget().count(given_context.text), budget().count(result.text)

    (few_in, few_out), (many_in, many_out) = tokens(4), tokens(75)

    assert many_in / few_in >= 8
    assert many_out / few_out <= 1.6
    assert few_out <= 0.54 * few_in
    assert many_out <= 0.1 * many_in


def test_one_summary_stands_for_each_cluster() -> None:
    result = crag(FirstWords()).compress(context("q", *reviews(10)), budget(60))

    ids = [p.document.id for p in result.passages]
    assert ids == [
        *(x for n in range(1, 5) for x in (f"cluster-{n}", str(n))),
        *map(str, range(5, 11)),
    ]
    assert all(outcome_of(p) is Outcome.SUMMARIZED for p in result.originals)
    assert [p.document.metadata["documents"] for p in result.summaries] == [3, 3, 2, 2]
    assert {p.document.metadata["of"] for p in result.summaries} == {10}
    assert result.text.splitlines()[:2] == [
        "3 of 10 documents:",
        "breakfast tasted great. the cook",
    ]
    assert {s.document_id for s in result.summaries[0].document.sources} == {"1", "5", "9"}


def test_summaries_have_ids_of_their_own() -> None:
    documents = [Document(f"cluster-{n}", text) for n, text in enumerate(reviews(8), 1)]

    result = crag(FirstWords()).compress(Context.of("q", documents), budget(60))

    ids = [p.document.id for p in result.passages]
    assert len(set(ids)) == len(ids) == 12
    assert "cluster-1-2" in ids


def test_shares_go_by_size_and_what_one_cannot_use_goes_to_others() -> None:
    summarizer = FirstWords(tokens=1000)
    texts = [*reviews(4)] + [f"{TOPICS['food']} Again{i} here." for i in range(16)]

    result = crag(summarizer, clusters=4).compress(context("q", *texts), budget(120))

    assert 110 <= budget().count(result.text) <= 120
    # Small clusters fit their share, so nobody summarizes them, and the rest may have more.
    assert len(summarizer.asked) < 4
    assert max(limit for _, limit in summarizer.asked) > 120 / 4


def test_the_paper_does_not_show_the_query_to_the_summarizer() -> None:
    paper, ours = FirstWords(), FirstWords()

    crag(paper).compress(context("why?", *reviews(8)), budget(40))
    crag(ours, query_weight=0.5).compress(context("why?", *reviews(8)), budget(40))

    assert {query for query, _ in paper.asked} == {""}
    assert {query for query, _ in ours.asked} == {"why?"}


def test_what_summarizers_spend_is_on_the_account() -> None:
    with Work().active() as work:
        crag(FirstWords()).compress(context("q", *reviews(8)), budget(40))

    assert work.tokens_spent == 4 * 7


@pytest.mark.parametrize(
    "error", [ModelFailure("broken"), Unavailable("gone"), Overloaded("busy", retry_after=1.0)]
)
def test_a_cluster_whose_summary_fails_keeps_its_sentences(error: CompressionError) -> None:
    result = crag(Broken("Breakfast", error)).compress(context("q", *reviews(12)), budget(80))

    assert len(result.summaries) == 3
    assert result.notes[-1] == f"summary refused ({error}), sentences instead"
    assert any(p.spans and "Breakfast" in p.text for p in result.originals)
    assert budget(80).fits(result.text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" ", "blank"),
        ("word " * 200, "over its budget"),
        ("It cost 99 dollars", "a number that its source does not hold"),
        ("it was in Paris then", "a name that its source does not hold"),
        ("no no no no no no no", "repeats itself"),
    ],
)
def test_refuses_summaries_that_do_not_hold(text: str, reason: str) -> None:
    result = crag(Saying(text)).compress(context("q", *reviews(8)), budget(60))

    assert not result.summaries
    assert f"summary refused ({reason}), sentences instead" in result.notes
    assert budget(60).fits(result.text)


@pytest.mark.parametrize("error", [Cancelled("gone"), DeadlineExceeded("late")])
def test_goes_on_for_nobody_who_waits_no_more(error: CompressionError) -> None:
    with pytest.raises(type(error)):
        crag(Broken("Breakfast", error)).compress(context("q", *reviews(12)), budget(80))


def test_passes_clusters_through_that_fit_their_share() -> None:
    given_context = context("q", *reviews(8))

    result = crag(FirstWords()).compress(given_context, budget(1000))

    assert result.passages == given_context.passages


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 20), st.integers(1, 200), st.integers(1, 50), st.booleans())
def test_summaries_are_within_the_budget(
    n: int,
    limit: int,
    tokens: int,
    is_protecting: bool,  # noqa: FBT001 - hypothesis calls it
) -> None:
    protected = ["Visitor2"] if is_protecting and limit > 2 else []
    given_context = context("q", *reviews(n), protected=protected)

    result = crag(FirstWords(tokens)).compress(given_context, budget(limit))

    assert budget(limit).fits(result.text)
    assert result.text
    assert [p.document for p in result.originals] == [p.document for p in given_context.passages]
    assert all(text in result.text for text in protected)


def test_protected_text_stays_beside_the_summary() -> None:
    given_context = context("q", *reviews(12), protected=["Visitor4"])

    result = crag(FirstWords()).compress(given_context, budget(60))

    kept = result.originals[4]
    assert kept.text == "Visitor4 wrote."
    assert outcome_of(kept) is Outcome.COMPRESSED
    assert result.summaries
    with pytest.raises(InvalidInput, match="protected_texts"):
        crag(FirstWords()).compress(given_context, budget(1))


def test_a_summary_of_summaries_names_the_documents_behind_them() -> None:
    behind = Source("original", 3, 9)
    documents = [Document(str(n), text, sources=(behind,)) for n, text in enumerate(reviews(8))]

    result = crag(FirstWords()).compress(Context.of("q", documents), budget(40))

    opening = next(p for p in result.passages if p.document.id == "cluster-1")
    assert opening.document.sources == (behind,)


def test_every_sentence_of_an_extractive_summary_stands_in_its_source() -> None:
    summarizer = ExtractiveSummarizer(BagEncoder(), RuleSegmenter())
    given_context = context("eggs", *reviews(12))

    result = crag(summarizer).compress(given_context, budget(60))

    texts = {p.document.id: p.document.text for p in given_context.passages}
    assert len(result.summaries) == 4
    for summary in result.summaries:
        slices = [texts[s.document_id][s.start : s.end] for s in summary.document.sources]
        header, _, text = summary.text.partition("\n")
        assert header == "3 of 12 documents:"
        assert re.sub(r"\s+", " ", text) == " ".join(slices)


def test_summaries_are_written_at_once() -> None:
    barrier = threading.Barrier(4, timeout=30)

    class Waiting(FirstWords):
        def summarize(self, query: str, passages: Sequence[Passage], limit: Budget) -> Summary:
            barrier.wait()  # passes only when all four clusters are being summarized
            return super().summarize(query, passages, limit)

    assert len(crag(Waiting()).compress(context("q", *reviews(8)), budget(40)).summaries) == 4


@pytest.mark.parametrize(
    ("field_name", "value"), [("clusters", 0), ("query_weight", 1.1), ("rate", 0.0)]
)
def test_refuses_options_that_make_no_sense(field_name: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=rf"crag\.{field_name}"):
        replace(crag(), **{field_name: value})  # type: ignore[arg-type]  # by name


@dataclass(frozen=True)
class Dead:
    """An ``Encoder`` that gives zeros."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.zeros((len(texts), 8), dtype=np.float32)


def test_a_dead_encoder_is_a_failure_of_the_model() -> None:
    with pytest.raises(ModelFailure, match="zero"):
        crag(encoder=Dead()).compress(context("q", *reviews(6)), budget(20))
