from __future__ import annotations

import pytest

from compressors.lexical import bm25, words


def test_words_are_lower_case_and_of_any_script() -> None:
    assert words("The Élan-vital of 東京, 2024!") == [
        "the",
        "élan",
        "vital",
        "of",
        "東",
        "京",
        "2024",
    ]


def test_a_rare_word_counts_more_than_one_that_all_sentences_hold() -> None:
    sentences = ["the red fox", "the blue fox", "the red whale"]

    scores = bm25("the whale", sentences)

    assert max(range(3), key=scores.__getitem__) == 2
    assert scores[0] == pytest.approx(scores[1])


def test_a_sentence_without_a_word_of_the_query_scores_nothing() -> None:
    assert bm25("whale", ["a fox", "", "two foxes"]) == [0.0, 0.0, 0.0]


def test_a_shorter_sentence_scores_more_for_the_same_match() -> None:
    short, long = bm25("fox", ["a fox", "a fox that went on and on and on for hours"])

    assert short > long


def test_nothing_to_rank_gives_nothing() -> None:
    assert bm25("fox", []) == []
