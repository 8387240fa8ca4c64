"""Sentences scored by what they share with the query, in languages that no model here reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors import Pieces
from compressors.matching import Matching, matches
from compressors.rarity import Rarity
from compressors.scores import LexicalScores
from compressors.segmentation import RuleSegmenter

SEGMENTER = RuleSegmenter()
# Written for this test.
DOCUMENTS = {
    "de": (
        "Die Brücke von Arlen wurde 1887 gebaut. Ihr Bogen ist aus Stein. Im Sommer angelt man.",
        "Woraus bestehen die Bögen aus rotem Stein?",
        1,
    ),
    "ru": (
        "Мост в Арлене построили летом. Его опоры сделаны из красного камня. Дети ловят там рыбу.",
        "Из чего сделана опора моста?",
        1,
    ),
    "zh": (
        "阿伦桥建于一八八七年。桥拱由红色石头砌成。夏天孩子们在那里钓鱼。",
        "桥拱是用什么砌成的？",
        1,
    ),
    "ja": (
        "アレン橋は一八八七年に建てられた。橋のアーチは赤い石でできている。夏には子供が釣りをする。",
        "橋のアーチは何でできていますか？",
        1,
    ),
    "ar": (
        "بُني جسر أرلن في الصيف. أقواسه من الحجر الأحمر. يصطاد الأطفال هناك السمك.",
        "من أي حجر صنعت أقواس الجسر؟",
        1,
    ),
}


def pieces(text: str, title: str = "") -> Pieces:
    return Pieces(text, tuple(SEGMENTER.spans(text)), title)


@pytest.mark.parametrize("language", DOCUMENTS)
def test_finds_the_sentence_that_answers_in_any_script(language: str) -> None:
    text, query, best = DOCUMENTS[language]

    (scores,) = Matching().score(query, [pieces(text)])

    assert max(range(len(scores)), key=scores.__getitem__) == best


def test_a_document_that_matches_lifts_its_sentences() -> None:
    near = pieces("Der Hafen von Arlen ist klein. Er friert selten zu.")
    far = pieces("Der Wald ist groß. Er friert selten zu.")

    first, second = Matching().score("Wann friert der Hafen von Arlen zu?", [near, far])

    assert first[1] > second[1]


def test_a_sentence_that_is_the_query_has_all_that_it_could() -> None:
    query = "Wann friert der Hafen zu"

    ((match,),) = matches(query, [Pieces(query, ((0, len(query)),))])

    assert (match.sentence, match.document) == (1.0, 1.0)


def test_what_shares_nothing_with_the_query_is_unlikely() -> None:
    (scores,) = Matching().score("桥拱", [pieces("Nothing here. Nor here.")])

    assert all(score < 0.001 for score in scores)
    assert isinstance(scores, LexicalScores)


@given(query=st.text(max_size=12), texts=st.lists(st.text(min_size=1, max_size=30), max_size=4))
def test_every_range_of_any_text_gets_a_probability(query: str, texts: list[str]) -> None:
    documents = [pieces(text) for text in texts]

    by_match = Matching().score(query, documents)
    by_rarity = Rarity(SEGMENTER).score(documents)

    for rows in (by_match, by_rarity):
        assert [len(row) for row in rows] == [len(document.ranges) for document in documents]
        assert all(0.0 <= score <= 1.0 for row in rows for score in row)


def test_words_of_a_sentence_are_worth_alike_and_rare_ones_more() -> None:
    text = "Der Hund der Frau. Gestern gewann Zoe."
    ranges = ((0, 3), (4, 8), (9, 12), (13, 17), (19, 26), (27, 33), (34, 37))

    (scores,) = Rarity(SEGMENTER).score([Pieces(text, ranges)])

    assert len(set(scores[:4])) == len(set(scores[4:])) == 1
    assert scores[4] > scores[0]
