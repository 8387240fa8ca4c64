"""A model for what it reads, something else for the rest, and every document marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from compressors import Chain, Exit, Llmlingua2, Pieces
from compressors.fusion import sigmoid
from compressors.matching import Matching
from compressors.rarity import Rarity
from compressors.reading import ReadSentences, ReadWords
from compressors.scores import LexicalScores
from compressors.segmentation import RuleSegmenter
from compressors.values import Context, Document, Scoring, Span
from compressors.work import Work
from tests.core.words_on_hand import LengthScorer, budget, context

SEGMENTER = RuleSegmenter()
ENGLISH = "The harbour freezes in winter. Nobody swims there."
GERMAN = "Der Hafen friert im Winter zu. Dort schwimmt niemand."


class Umlauts:
    """A ``Reading`` that takes every text with ``er`` in its first word for German."""

    def reads(self, texts: Sequence[str]) -> Sequence[bool]:
        return [not text.split()[0].lower().endswith("er") for text in texts]


@dataclass
class Constant:
    """A ``SentenceScorer`` and what it was asked."""

    value: float
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        self.asked.append(tuple(document.text for document in documents))
        return [[self.value] * len(document.ranges) for document in documents]


def pieces(text: str) -> Pieces:
    return Pieces(text, tuple(SEGMENTER.spans(text)))


def words(text: str) -> Pieces:
    starts = [at for at in range(len(text)) if not at or text[at - 1] == " "]
    return Pieces(text, tuple((at, (text + " ").index(" ", at)) for at in starts))


def test_documents_that_the_model_reads_never_reach_the_other_scorer() -> None:
    model, other = Constant(0.25), Constant(0.75)

    rows = ReadSentences(model, Umlauts(), other).score("when?", [pieces(ENGLISH)])

    assert rows == [[0.25, 0.25]]
    assert not isinstance(rows[0], LexicalScores)
    assert other.asked == []


def test_no_model_scores_what_it_reads_nothing_of() -> None:
    model, other = Constant(0.25), Constant(0.75)

    (row,) = ReadSentences(model, Umlauts(), other).score("der Hafen?", [pieces(GERMAN)])

    assert list(row) == [0.75, 0.75]
    assert isinstance(row, LexicalScores)
    assert model.asked == []


def test_each_document_is_scored_by_who_can_read_it() -> None:
    model, other = Constant(sigmoid(3)), Constant(sigmoid(-1))
    documents = [pieces(GERMAN), pieces(ENGLISH)]

    german, english = ReadSentences(model, Umlauts(), other).score("when?", documents)

    assert list(german) == pytest.approx([sigmoid(1)] * 2)
    assert list(english) == [sigmoid(3)] * 2
    assert [isinstance(row, LexicalScores) for row in (german, english)] == [True, False]
    assert other.asked == [(GERMAN, ENGLISH)]


def test_both_have_a_say_where_only_the_query_cannot_be_read() -> None:
    documents = [pieces(ENGLISH)]

    (row,) = ReadSentences(Constant(sigmoid(3)), Umlauts(), Constant(sigmoid(-1))).score(
        "der Hafen?", documents
    )

    assert list(row) == pytest.approx([sigmoid(1)] * 2)
    assert isinstance(row, LexicalScores)


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_a_certain_scorer_does_not_break_the_joint_score(certain: float) -> None:
    scorer = ReadSentences(Constant(certain), Umlauts(), Constant(0.5))

    (row,) = scorer.score("der Hafen?", [pieces(ENGLISH)])

    assert all(0.0 <= score <= 1.0 for score in row)


def test_how_many_were_not_read_is_noted_without_a_text() -> None:
    scorer = ReadSentences(Constant(0.5), Umlauts(), Constant(0.5))

    with Work().active() as work:
        scorer.score("when?", [pieces(GERMAN), pieces(ENGLISH)])

    assert work.notes == ("1 of 2 documents not read by the model, scored by their words",)


def test_nothing_is_noted_where_all_is_read() -> None:
    with Work().active() as work:
        ReadSentences(Constant(0.5), Umlauts(), Constant(0.5)).score("when?", [pieces(ENGLISH)])
        ReadWords(LengthScorer(), Umlauts(), Rarity(SEGMENTER)).score([words(ENGLISH)])

    assert work.notes == ()


def test_the_stage_exit_marks_each_document_and_reports_the_count() -> None:
    scorer = ReadSentences(Constant(0.6), Umlauts(), Matching())
    chain = Chain((Exit(scorer, SEGMENTER, "hand"),))

    result = chain.compress(context("when does it freeze?", GERMAN, ENGLISH), budget(8))

    assert [p.scoring for p in result.passages] == [Scoring.LEXICAL, Scoring.MODEL]
    assert result.trace[0].detail == "1 of 2 documents not read by the model, scored by their words"


def test_that_a_document_was_scored_lexically_is_not_forgotten_by_later_stages() -> None:
    lexical = Exit(ReadSentences(Constant(0.6), Umlauts(), Matching()), SEGMENTER, "hand")
    later = Llmlingua2(LengthScorer(), "hand", min_words=0)

    result = Chain((lexical, later)).compress(context("when?", GERMAN, ENGLISH), budget(4))

    assert [p.scoring for p in result.passages] == [Scoring.LEXICAL, Scoring.MODEL]


def test_a_document_that_no_stage_scored_has_no_mark() -> None:
    given = Context.of("when?", [Document("1", " "), Document("2", ENGLISH)])

    result = Exit(Constant(0.6), SEGMENTER, "hand").compress(given, budget())

    assert [p.scoring for p in result.passages] == [None, Scoring.MODEL]


def test_without_a_budget_words_that_nobody_reads_all_stay() -> None:
    stage = Llmlingua2(
        ReadWords(LengthScorer(), Umlauts(), Rarity(SEGMENTER)), "hand", threshold=0.4, min_words=0
    )

    result = stage.compress(context("when?", GERMAN, ENGLISH), budget())

    assert result.passages[0].is_whole
    assert result.passages[1].text == ""
    assert [p.scoring for p in result.passages] == [Scoring.LEXICAL, Scoring.MODEL]


def test_with_a_budget_words_that_nobody_reads_go_by_the_sentence() -> None:
    text = "Der Hund der Frau der Stadt. Gestern gewann Zoe Silber."
    stage = Llmlingua2(ReadWords(LengthScorer(), Umlauts(), Rarity(SEGMENTER)), "hand", min_words=0)

    result = stage.compress(context("when?", text), budget(4))

    assert result.passages[0].text == "Gestern gewann Zoe Silber"


def test_a_text_that_nobody_reads_keeps_about_the_share_of_the_others() -> None:
    english = "a bb ccc dddd eeeee ffffff ggggggg hhhhhhhh iiiiiiiii jjjjjjjjjj"
    german = "Der eins zwei drei vier sechs sieben acht neun zehn"
    stage = Llmlingua2(ReadWords(LengthScorer(), Umlauts(), Rarity(SEGMENTER)), "hand", min_words=0)

    result = stage.compress(context("when?", german, english), budget(10))

    assert [len(p.text.split()) for p in result.passages] == [5, 5]


def test_ties_of_unread_words_stay_in_their_order() -> None:
    scorer = ReadWords(LengthScorer(), Umlauts(), Rarity(SEGMENTER))

    unread, _ = scorer.score([words("Der eins zwei drei"), words("a bb ccc dddd")])

    assert list(unread) == sorted(unread, reverse=True)


def test_the_mark_takes_no_part_in_comparisons() -> None:
    given = context("when?", ENGLISH).passages[0]

    assert given.scored(Scoring.LEXICAL) == given
    assert (
        given.keeping([Span(0, 3)]).scored(Scoring.LEXICAL).keeping([]).scoring is Scoring.LEXICAL
    )
