from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors import Context, Document, InvalidInput, Passage, Span
from compressors.values import Outcome, join_slices, outcome_of


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 3), (4, 2)])
def test_refuses_what_is_not_a_span(start: int, end: int) -> None:
    with pytest.raises(InvalidInput, match=r"not a span"):
        Span(start, end)


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_refuses_a_score_that_is_no_probability(score: float) -> None:
    with pytest.raises(InvalidInput, match=r"not in \[0, 1\]"):
        Span(0, 1, score)


def test_refuses_spans_that_overlap_or_leave_the_document() -> None:
    document = Document("1", "One. Two.")

    with pytest.raises(InvalidInput, match="sorted"):
        Passage(document, (Span(0, 4), Span(3, 9)))
    with pytest.raises(InvalidInput, match="beyond"):
        Passage(document, (Span(5, 10),))


def test_joins_slices_with_one_white_space_of_the_gap() -> None:
    text = "One. Two. Three.\n\nFour. Five."

    assert join_slices(text, [Span(0, 4), Span(10, 16)]) == "One. Three."
    assert join_slices(text, [Span(0, 4), Span(18, 23)]) == "One.\nFour."
    assert join_slices(text, [Span(10, 16), Span(18, 23)]) == "Three.\n\nFour."


def test_inserts_no_space_where_the_script_has_none() -> None:
    text = "我喜欢喝茶。"

    assert join_slices(text, [Span(0, 1), Span(3, 5)]) == "我喝茶"


def test_says_what_became_of_a_document() -> None:
    document = Document("1", "One. Two.")

    assert outcome_of(Passage.whole(document)) is Outcome.KEPT_WHOLE
    assert outcome_of(Passage(document, (Span(0, 4), Span(5, 9)))) is Outcome.KEPT_WHOLE
    assert outcome_of(Passage(document, (Span(0, 4),))) is Outcome.COMPRESSED
    assert outcome_of(Passage(document, ())) is Outcome.DROPPED
    assert outcome_of(Passage(document, (), summarized=True)) is Outcome.SUMMARIZED
    assert outcome_of(Passage.whole(Document("1", " \n"))) is Outcome.BLANK


def test_leaves_blank_documents_out_of_the_text() -> None:
    context = Context.of("q", [Document("1", "One."), Document("2", "  "), Document("3", "Two.")])

    assert context.text == "One.\n\nTwo."


@given(st.text(max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_joined_slices_are_a_subsequence_and_never_longer(text: str, cuts: list[int]) -> None:
    edges = sorted({cut for cut in cuts if cut <= len(text)})
    spans = [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]

    joined = join_slices(text, spans)

    rest = iter(text)
    assert all(character in rest for character in joined)
