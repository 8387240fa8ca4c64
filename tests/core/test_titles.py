"""Titles in the text that goes to the LLM: with their sentences, and paid for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors import (
    Budget,
    Chain,
    Compressor,
    Context,
    Document,
    Exit,
    InvalidInput,
    Llmlingua2,
    Source,
)
from compressors.deletion import RandomSentences, RandomWords
from compressors.segmentation import RuleSegmenter
from tests.core.words_on_hand import LengthScorer, OverlapScorer, budget

LOUVRE = Document("1", "The Louvre is in Paris. Cats sleep a lot.", "Museums  of\nFrance")
DOGS = Document("2", "Dogs bark all day. Birds sing at dawn.", "Animals")
EXIT = Exit(OverlapScorer(), RuleSegmenter(), "overlap")
LINGUA = Llmlingua2(LengthScorer(), "length", min_words=0)


def given_(*documents: Document, protected: Sequence[str] = ()) -> Context:
    query = "Where is the Louvre?"
    return Context.of(query, documents, protected=protected, with_titles=True)


def run(stage: Compressor, limit: int | None, *documents: Document) -> Context:
    return Chain((stage,)).compress(given_(*documents), budget(limit))


def test_each_document_begins_with_its_title_on_one_line() -> None:
    assert given_(LOUVRE, DOGS).text == (
        "Museums of France\nThe Louvre is in Paris. Cats sleep a lot.\n\n"
        "Animals\nDogs bark all day. Birds sing at dawn."
    )


def test_a_document_of_which_nothing_is_kept_shows_no_title() -> None:
    assert run(EXIT, None, LOUVRE, DOGS).text == "Museums of France\nThe Louvre is in Paris."


def test_documents_without_a_title_begin_with_their_text() -> None:
    assert given_(Document("a", "Text.", " \n"), Document("b", "More.")).text == "Text.\n\nMore."


def test_a_summary_shows_no_title() -> None:
    summary = Document("s", "Cats sleep.", "2 of 3 documents", sources=(Source("1", 0, 5),))

    assert given_(summary).text == "Cats sleep."


def test_the_budget_pays_for_titles() -> None:
    assert run(EXIT, 8, LOUVRE, DOGS).text == "Museums of France\nThe Louvre is in Paris."
    # The best sentence and its title are one token too many; the next one is shorter.
    assert run(EXIT, 7, LOUVRE, DOGS).text == "Museums of France\nCats sleep a lot."
    assert run(EXIT, 6, LOUVRE, DOGS).text == "Animals\nDogs bark all day."


def test_a_title_is_paid_for_once() -> None:
    assert run(EXIT, 12, LOUVRE, DOGS).text.startswith(
        "Museums of France\nThe Louvre is in Paris. Cats sleep a lot."
    )


def test_titles_give_way_where_they_leave_no_room_for_text() -> None:
    result = run(EXIT, 3, LOUVRE)

    assert result.text == "The Louvre is"
    assert result.trace[0].detail == "no room for titles"


def test_titles_that_give_way_at_the_end_of_a_chain_are_reported_too() -> None:
    result = run(Nothing(), 3, LOUVRE)

    assert result.text == "The Louvre is"
    assert result.trace[-1].detail == "nothing to do; no room for titles"


def test_what_is_protected_is_not_cut_for_a_title() -> None:
    context = given_(LOUVRE, protected=["The Louvre is in Paris."])

    with pytest.raises(InvalidInput, match="do not fit into 7 tokens"):
        Chain((EXIT,)).compress(context, budget(7))


@dataclass(frozen=True)
class Nothing:
    """A ``Compressor`` that leaves all work to the limit."""

    name: str = "nothing"
    backend: str = "none"

    def compress(self, context: Context, budget: Budget) -> Context:
        return context


STAGES = (EXIT, LINGUA, Nothing(), RandomWords(1), RandomSentences(1, RuleSegmenter()))
WORDS = st.lists(st.sampled_from(["Louvre", "is", "a", "b.", "\n", "| x |"]), max_size=12)
DOCUMENTS = st.lists(
    st.builds(
        lambda text, title: Document("", " ".join(text), " ".join(title)),
        WORDS,
        st.lists(st.sampled_from(["T", "Louvre", "\n"]), max_size=4),
    ),
    min_size=1,
    max_size=4,
)


@given(DOCUMENTS, st.integers(1, 30), st.sampled_from(STAGES))
def test_the_limit_holds_and_every_title_stands_by_its_text(
    documents: list[Document], limit: int, stage: Compressor
) -> None:
    named = [Document(str(n), one.text, one.title) for n, one in enumerate(documents)]
    whole = given_(*named)

    result = run(stage, limit, *named)

    assert budget(limit).fits(result.text)
    assert len(result.text) <= len(whole.text)
    assert result.text or not whole.text
    parts = [
        f"{title}\n{passage.text}" if title and result.with_titles else passage.text
        for passage in result.passages
        if passage.text
        for title in [" ".join(passage.document.title.split())]
    ]
    assert result.text == "\n\n".join(parts)


@given(
    titles=st.lists(st.lists(st.just("T"), min_size=1, max_size=9), min_size=1, max_size=3),
    limit=st.integers(1, 12),
)
def test_titles_give_way_only_where_none_leaves_room_for_a_word(
    titles: list[list[str]], limit: int
) -> None:
    documents = [
        Document(str(n), "Some words. More of them.", " ".join(title))
        for n, title in enumerate(titles)
    ]

    result = run(EXIT, limit, *documents)

    assert result.with_titles == (limit > min(len(title) for title in titles))
