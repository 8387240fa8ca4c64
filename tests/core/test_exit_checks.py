"""EXIT's numbered checks of spec/exit.md 1.7 on documents, spans and segmenters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors import Context, Document, Exit, Pieces
from compressors.budget import Budget
from compressors.fragments import Fragment, documents_of
from compressors.protocols import Segmenter
from compressors.segmentation import RuleSegmenter
from tests.core.words_on_hand import budget


@dataclass(frozen=True)
class Named:
    """A ``SentenceScorer`` that says Yes to these sentences, and No to all others."""

    useful: Sequence[str]

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        return [
            [
                0.9 if one.text[start:end].strip() in self.useful else 0.1
                for start, end in one.ranges
            ]
            for one in documents
        ]


@dataclass(frozen=True)
class Semicolons:
    """A ``Segmenter`` that nobody else has."""

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"[^;]+;?", text)]


def kept(
    documents: Sequence[Document],
    *useful: str,
    limit: Budget | None = None,
    segmenter: Segmenter | None = None,
    allow_empty: bool = False,
) -> Context:
    stage = Exit(Named(useful), segmenter or RuleSegmenter(), "named")
    given_ = Context.of("q", documents, allow_empty=allow_empty)
    return stage.compress(given_, limit or budget())


def test_e4_records_of_one_document_are_one_document_though_others_lie_between() -> None:
    records = [
        Fragment((1, 11), "A1.", "A"),
        Fragment((1, 22), "B1."),
        Fragment((1, 11), " A2. "),
        Fragment((1, 22), "B2.", "B"),
        Fragment((2, 11), "C1."),
        Fragment((1, 22), " \n"),
    ]

    documents = documents_of(records)

    assert [(d.id, d.title, d.text) for d in documents] == [
        ("0", "A", "A1. A2."),
        ("1", "B", "B1. B2."),
        ("2", "", "C1."),
    ]
    assert kept(documents, "A1.", "B1.").text == "A1.\n\nB1."


def test_e13_what_is_kept_are_spans_with_the_id_of_their_document() -> None:
    """Citations: which document, where, what was said of it; the text there is the sentence."""
    documents = [Document("x", "One. Two.\nThree."), Document("y", "Four.")]

    passages = kept(documents, "Two.", "Three.").passages

    assert [
        (p.document.id, p.document.text[s.start : s.end], s.score)
        for p in passages
        for s in p.spans
    ] == [("x", "Two.", 0.9), ("x", "Three.", 0.9)]


def test_e13_separators_inside_a_run_of_kept_sentences_stay() -> None:
    document = Document("x", "One.   Two.\n\nThree. Four.\tFive.")

    assert kept([document], "One.", "Two.", "Three.").text == "One.   Two.\n\nThree."
    assert kept([document], "One.", "Five.").text == "One.\nFive."


def test_e13_the_best_sentence_stays_where_nothing_may_not_be_the_answer() -> None:
    document = Document("x", "One. Two.")

    assert kept([document]).text == "One."
    assert kept([document], allow_empty=True).text == ""


def test_e13_a_budget_takes_the_best_and_gives_them_in_order() -> None:
    documents = [Document("x", "One is here. Two is there. Three."), Document("y", "Four is.")]

    found = kept(documents, "Two is there.", "Four is.", limit=budget(5))

    assert found.text == "Two is there.\n\nFour is."


def test_e14_any_segmenter_serves() -> None:
    found = kept([Document("x", "one; two; three")], "two;", segmenter=Semicolons())

    assert found.text == "two;"


@given(st.text(st.sampled_from("aB .!?\n\t。！-•1"), max_size=80))
def test_e14_the_segmenter_loses_nothing(text: str) -> None:
    """What it gives, and nothing between, is the text."""
    assert "".join(text[start:end] for start, end in RuleSegmenter().spans(text)) == text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Dr. Who came. He left.", 2),
        ("It costs 1.50 in the U.S. today. Fine.", 2),
        ("第一句。第二句！", 2),
        ("# Heading\n- one\n- two\n", 3),
    ],
)
def test_e14_abbreviations_decimals_lists_and_chinese(text: str, count: int) -> None:
    assert len(RuleSegmenter().spans(text)) == count
