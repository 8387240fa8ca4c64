"""The extractive summarizer: exact slices, in order, within the budget."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compressors.errors import InvalidInput
from compressors.extractive import ExtractiveSummarizer
from compressors.segmentation import RuleSegmenter
from compressors.values import Document, Passage, Source, Span
from tests.core.words_on_hand import budget
from tests.retrieval.encoders_on_hand import BagEncoder

HOTEL = Document(
    "1",
    "The pool was cold. The pool water was cold and blue. Dinner came late. We saw a whale.",
)
SENTENCES = st.lists(
    st.lists(st.sampled_from(["pool", "cold", "water", "late", "whale"]), min_size=1, max_size=6),
    min_size=1,
    max_size=8,
)


def summarizer(**weights: Any) -> ExtractiveSummarizer:
    return ExtractiveSummarizer(BagEncoder(), RuleSegmenter(), **weights)


def test_takes_what_the_documents_have_in_common() -> None:
    summary = summarizer().summarize("", [Passage.whole(HOTEL)], budget(4))

    assert summary.text == "The pool was cold."
    assert summary.sources == (Source("1", 0, 18),)
    assert summary.tokens_spent == 0


def test_takes_what_the_query_asks_for() -> None:
    summary = summarizer(query_weight=0.9).summarize("whale", [Passage.whole(HOTEL)], budget(5))

    assert summary.text == "We saw a whale."


def test_keeps_the_order_of_the_documents() -> None:
    second = Document("2", "A whale swam by.")

    summary = summarizer(query_weight=0.9).summarize(
        "whale", [Passage.whole(HOTEL), Passage.whole(second)], budget(8)
    )

    assert summary.text == "We saw a whale.\n\nA whale swam by."


def test_does_not_say_the_same_twice() -> None:
    twice = Document("1", "The pool was cold. The pool was cold. Dinner came late.")

    summary = summarizer(diversity=0.5).summarize("", [Passage.whole(twice)], budget(7))

    assert summary.text == "The pool was cold. Dinner came late."


def test_prefers_the_beginning_where_all_else_is_equal() -> None:
    equal = Document("1", "Pool cold blue. Dinner late again. Whale seen today.")

    summary = summarizer(position_weight=0.5).summarize("", [Passage.whole(equal)], budget(3))

    assert summary.text == "Pool cold blue."


def test_gives_at_least_a_part_of_a_sentence() -> None:
    summary = summarizer().summarize("", [Passage.whole(HOTEL)], budget(2))

    assert len(summary.text.split()) == 2
    assert summary.text in HOTEL.text


def test_reads_only_what_is_kept_of_a_passage() -> None:
    short = Passage(HOTEL, (Span(53, 70),))

    summary = summarizer().summarize("pool", [short], budget(50))

    assert summary.text == "Dinner came late."


def test_without_a_limit_half_of_the_tokens_stay() -> None:
    summary = summarizer().summarize("", [Passage.whole(HOTEL)], budget())

    assert 0 < len(summary.text.split()) <= len(HOTEL.text.split()) // 2


def test_a_sentence_of_which_words_were_dropped_is_still_one_sentence() -> None:
    encoder = BagEncoder()
    text = "The pool was cold. Dinner came late."
    dropped = Passage(Document("1", text), (Span(4, 8), Span(13, 17), Span(19, 36)))

    ExtractiveSummarizer(encoder, RuleSegmenter()).summarize("", [dropped], budget(50))

    assert encoder.read == ["pool cold", "Dinner came late."]


def test_refuses_to_summarize_nothing() -> None:
    with pytest.raises(InvalidInput, match="hold no text"):
        summarizer().summarize("", [Passage.whole(Document("1", " "))], budget(5))


@pytest.mark.parametrize(
    ("name", "value"),
    [("query_weight", 1.5), ("position_weight", -0.1), ("diversity", 2.0), ("rate", 0.0)],
)
def test_refuses_weights_that_make_no_sense(name: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=name):
        summarizer(**{name: value})


@settings(max_examples=60, deadline=None)
@given(st.lists(SENTENCES, min_size=1, max_size=4), st.integers(1, 60))
def test_the_sources_are_the_text(documents: list[list[list[str]]], limit: int) -> None:
    passages = [
        Passage.whole(Document(str(n), " ".join(" ".join(s).capitalize() + "." for s in sentences)))
        for n, sentences in enumerate(documents)
    ]
    texts = {p.document.id: p.document.text for p in passages}

    summary = summarizer().summarize("whale", passages, budget(limit))

    assert 1 <= budget().count(summary.text) <= limit
    slices = [texts[s.document_id][s.start : s.end] for s in summary.sources]
    assert summary.text.split() == " ".join(slices).split()
    assert list(summary.sources) == sorted(
        summary.sources, key=lambda s: (int(s.document_id), s.start)
    )
