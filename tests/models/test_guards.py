"""What a written summary is allowed to be."""

from __future__ import annotations

import pytest

from compressors.errors import ModelFailure
from compressors.guards import accepted, limit_of, sources_of, trimmed, without_fragment
from compressors.values import Document, Passage, Source, Span
from tests.models.texts import Words

SOURCE = Passage.whole(
    Document("a", "The Louvre is a museum in Paris. It opened in 1793. Entry costs 22.50 euros.")
)
WORDS = Words()


def test_accepts_what_its_source_says() -> None:
    assert accepted(" The Louvre opened in 1793. ", [SOURCE], WORDS.budget(8)) == (
        "The Louvre opened in 1793."
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The Louvre opened in 1794.", "a number"),
        ("Entry costs 22 euros.", "a number"),
        ("The Louvre in Berlin opened.", "a name"),
        ("It opened in May 1793.", "a date"),
        ("It has two museums.", "a number"),
        ("das haus wurde vor langer zeit erbaut.", "hardly a word"),
        ("in Paris in Paris in Paris in Paris in Paris in Paris in", "repeats itself"),
        ("", "is blank"),
        (" \n", "is blank"),
    ],
)
def test_t8_refuses_what_its_source_does_not_say(text: str, reason: str) -> None:
    """T8: numbers, names, another language, repetition, nothing."""
    with pytest.raises(ModelFailure, match=reason):
        accepted(text, [SOURCE], WORDS.budget(14))


def test_t2_cuts_at_the_end_of_a_sentence() -> None:
    """T2: the last repair."""
    text = "The Louvre is in Paris. It opened in 1793. Entry costs 22.50 euros."

    assert (
        accepted(text, [SOURCE], WORDS.budget(10)) == "The Louvre is in Paris. It opened in 1793."
    )
    assert accepted(text, [SOURCE], WORDS.budget(8)) == "The Louvre is in Paris."


def test_refuses_a_sentence_that_does_not_fit() -> None:
    with pytest.raises(ModelFailure, match="no sentence that fits into 4 tokens"):
        accepted("The Louvre is in Paris.", [SOURCE], WORDS.budget(4))


def test_drops_a_sentence_that_its_writer_did_not_end() -> None:
    text = "It opened in 1793. The Louvre is in"

    assert accepted(text, [SOURCE], WORDS.budget(14), ended=False) == "It opened in 1793."
    assert accepted(text, [SOURCE], WORDS.budget(14)) == text
    with pytest.raises(ModelFailure, match="ends within its first sentence"):
        accepted("The Louvre is in", [SOURCE], WORDS.budget(14), ended=False)


def test_t7_is_never_longer_than_its_source() -> None:
    """T7: cut to the source's size, whatever the budget."""
    short = Passage.whole(Document("b", "It opened in 1793."))

    assert accepted("It opened in 1793. In 1793 it opened.", [short], WORDS.budget(99)) == (
        "It opened in 1793."
    )


def test_knows_what_a_summary_may_have() -> None:
    """Without a budget, half of the source."""
    assert limit_of([SOURCE], WORDS.budget(5)) == 5
    assert limit_of([SOURCE], WORDS.budget(500)) == 15
    assert limit_of([SOURCE], WORDS.budget()) == 8


def test_names_the_spans_that_were_read() -> None:
    part = Passage(Document("a", "One. Two. Three."), (Span(0, 4), Span(10, 16)))
    written = Document("s", "Sum.", sources=(Source("x", 1, 5), Source("y", 0, 2)))

    assert sources_of([part, Passage.whole(written)]) == (
        Source("a", 0, 4),
        Source("a", 10, 16),
        Source("x", 1, 5),
        Source("y", 0, 2),
    )


def test_trims_to_whole_sentences() -> None:
    text = "One two. Three four five. Six."

    assert trimmed(text, WORDS.budget(6)) == text
    assert trimmed(text, WORDS.budget(5)) == "One two. Three four five."
    assert trimmed(text, WORDS.budget(1)) == ""


def test_finds_fragments() -> None:
    assert without_fragment("One. Two.") == "One. Two."
    assert without_fragment("One. Two") == "One."
    assert without_fragment("他说：好。然后") == "他说：好。"
    assert without_fragment("One") == ""
    assert without_fragment("He said “no.”") == "He said “no.”"
