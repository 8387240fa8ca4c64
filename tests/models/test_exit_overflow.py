"""E8: documents that are too long for the model lose their far ends, and nothing in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from compressors.errors import InvalidInput, ModelFailure
from compressors.models.causal_lm import CausalLmScorer
from compressors.models.exit.overflow import Overflow
from compressors.work import Work
from tests.models import models_made_here
from tests.models.exit_prompts import asked_of, prompts_of, text_of
from tests.models.texts import QUERY, pieces

if TYPE_CHECKING:
    from pathlib import Path

    from compressors.protocols import Pieces


def long_document() -> Pieces:
    return pieces("".join(f"Sentence {number} of many. " for number in range(120)), "The title")


def test_e8_a_long_document_is_read_in_a_window_around_the_sentence(gemma: Path) -> None:
    """Title, question and the whole sentence stay; the document loses its far ends."""
    document = long_document()

    prompts = prompts_of(gemma, QUERY, [document], max_tokens=300)

    assert len(prompts) == 120
    assert max(map(len, prompts)) <= 300
    assert min(map(len, prompts)) > 250
    for number, prompt in enumerate(prompts):
        text = text_of(gemma, prompt)
        context = text.split("Full context:\n")[1].split("\nSentence:\n")[0]
        assert context.startswith("The title\n")
        assert f"Sentence {number} of many." in context
        assert f"\nSentence:\nSentence {number} of many.\nIs this" in text
        assert QUERY in text
        body = context.removeprefix("The title\n")
        assert body in document.text


def test_e8_the_sentence_is_in_the_middle_of_its_window(gemma: Path) -> None:
    prompts = prompts_of(gemma, QUERY, [long_document()], max_tokens=300)

    text = text_of(gemma, prompts[60])
    before, after = text.split("context:\n")[1].split("\nSentence:\n")[0].split("Sentence 60 of")
    assert abs(len(before) - len(after)) < 0.2 * len(before)


def test_e8_neighbours_share_a_window_which_is_read_once(gemma: Path) -> None:
    document = long_document()

    rows = asked_of(gemma, QUERY, document, max_tokens=300)

    assert sorted(place for asked in rows for place in asked.places) == list(range(120))
    assert all(asked.cut for asked in rows)
    assert len(rows) < 60
    apart = sum(len(prompt) for asked in rows for prompt in asked.row.prompts)
    assert sum(len(asked.row) for asked in rows) < 0.6 * apart


def test_e8_a_short_document_beside_a_long_one_is_read_whole(gemma: Path) -> None:
    """Only what overflows is cut."""
    (asked,) = asked_of(gemma, QUERY, pieces("It opened."), max_tokens=300)

    assert "Full context:\nIt opened.\nSentence:\nIt opened.\n" in text_of(
        gemma, asked.row.prompts[0]
    )
    assert not asked.cut


@pytest.mark.parametrize("overflow", [Overflow.WINDOW, Overflow.HEAD_TAIL])
def test_e8_what_is_cut_is_noted_without_a_word_of_it(gemma: Path, overflow: Overflow) -> None:
    scorer = CausalLmScorer.load(str(gemma), device="cpu", max_tokens=300).overflowing(overflow)
    how = "a window" if overflow is Overflow.WINDOW else "the head and the tail"
    with Work().active() as work:
        scorer.score(QUERY, [pieces("It opened."), long_document()])
    with Work().active() as nothing_cut:
        scorer.score(QUERY, [pieces("It opened.")])

    assert work.notes == (f"120 of 121 sentences read in {how} of their document",)
    assert nothing_cut.notes == ()


def test_e8_the_models_own_limit_holds(tmp_path: Path) -> None:
    folder = models_made_here.causal("qwen", tmp_path, positions=256)
    scorer = CausalLmScorer.load(str(folder), device="cpu")
    with Work().active() as work:
        (scores,) = scorer.score(QUERY, [long_document()])

    assert len(scores) == 120
    assert all(0.0 < score < 1.0 for score in scores)
    assert work.notes == ("120 of 120 sentences read in a window of their document",)


def test_e8_head_and_tail_are_the_same_for_all_sentences_which_are_one_row(gemma: Path) -> None:
    """As the authors' fix of 2026 has it: the larger half is the head's."""
    document = long_document()

    rows = asked_of(gemma, QUERY, document, max_tokens=300, overflow=Overflow.HEAD_TAIL)

    contexts = set()
    for asked in rows:
        for place, prompt in zip(asked.places, asked.row.prompts, strict=True):
            text = text_of(gemma, prompt)
            context = text.split("Full context:\n")[1].split("\nSentence:\n")[0]
            contexts.add(context)
            assert f"\nSentence:\nSentence {place} of many.\nIs this" in text
            assert 250 < len(prompt) <= 300
    assert len(rows) == len(contexts) <= 3
    for context in contexts:
        head, tail = context.removeprefix("The title\n").split("\n")
        assert document.text.startswith(head)
        assert document.text.strip().endswith(tail)
        assert "Sentence 0 of many." in head
        assert "Sentence 119 of many." in tail


def test_e8_a_document_that_is_too_long_may_be_refused(gemma: Path) -> None:
    """As the authors' final code does; the message has no word of it."""
    with pytest.raises(InvalidInput, match=r"a document of \d+ tokens is too long") as caught:
        asked_of(gemma, QUERY, long_document(), max_tokens=300, overflow=Overflow.ERROR)

    assert caught.value.field == "documents"
    assert "many" not in str(caught.value)
    assert asked_of(gemma, QUERY, pieces("It opened."), overflow=Overflow.ERROR)


def test_e8_a_query_that_leaves_no_room_is_the_callers_mistake(gemma: Path) -> None:
    """Never cut."""
    with pytest.raises(InvalidInput, match="query: too long for the model") as caught:
        asked_of(gemma, "why " * 400, pieces("It opened."), max_tokens=300)

    assert caught.value.field == "query"


@pytest.mark.parametrize("overflow", [Overflow.WINDOW, Overflow.HEAD_TAIL])
def test_e8_a_sentence_that_leaves_no_room_is_a_failure(gemma: Path, overflow: Overflow) -> None:
    """Never cut; the chain then hands on what it was given."""
    with pytest.raises(ModelFailure, match="a sentence has"):
        asked_of(gemma, QUERY, pieces("very " * 400), max_tokens=300, overflow=overflow)


@pytest.mark.parametrize("overflow", [Overflow.WINDOW, Overflow.HEAD_TAIL])
def test_e8_a_sentence_of_nearly_all_the_room_is_read_alone(
    gemma: Path, overflow: Overflow
) -> None:
    """The context shrinks, in the end to nothing, and of a window the title goes first."""
    document = pieces("Short one. " + "x" * 150 + ". Short two. ", "A long title " * 30)

    prompts = prompts_of(gemma, QUERY, [document], max_tokens=300, overflow=overflow)

    assert "\nSentence:\n" + "x" * 150 + ".\nIs this" in text_of(gemma, prompts[1])
    assert len(prompts) == 3
    assert max(map(len, prompts)) <= 300
