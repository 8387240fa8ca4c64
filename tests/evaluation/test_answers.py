"""Answers in texts and predictions, compared by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.answers import exact_match, findable, mentions, occurrences, overlap

words = st.text("aB1 .,-é東京", max_size=12)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("They met in New-York, once.", "new york"),
        ("It cost $1,200.", "1,200"),
        ("L'été fut long", "Été"),
        ("黑豹队的防守只丢了308分。", "308"),
        ("黑豹队的防守只丢了 308分。", "308 分"),
        ("1939年にソ連で", "1939年"),
        ("수도는 서울이다.", "서울"),
    ],
)
def test_finds_an_answer_as_whole_words(text: str, answer: str) -> None:
    assert mentions(text, ["nothing", answer])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It starts here.", "art"),
        ("In 1939 it ended.", "193"),
        ("new ways to York", "new york"),
        ("丢了3080分", "308"),
        ("anything", ""),
        ("anything -", "-"),
        ("", "a"),
    ],
)
def test_does_not_find_a_part_of_a_word_or_nothing(text: str, answer: str) -> None:
    assert not mentions(text, [answer])


@given(st.text("ab .東", max_size=30), st.lists(st.text("ab .東", max_size=4), max_size=3))
def test_an_answer_occurs_where_it_is_mentioned(text: str, answers: list[str]) -> None:
    places = list(occurrences(text, answers))

    assert bool(places) == mentions(text, answers)
    assert all(mentions(text[start:end], answers) for start, end in places)


def test_every_occurrence_is_given() -> None:
    assert set(occurrences("So, so: it is so.", ["SO", "it is"])) == {
        (0, 2),
        (4, 6),
        (8, 13),
        (14, 16),
    }


def test_yes_no_and_nothing_cannot_be_found() -> None:
    assert findable(["Yes", " no. ", "", "…", "No. 5", "none"]) == ("No. 5", "none")


@pytest.mark.parametrize(
    ("prediction", "answers", "em", "f1"),
    [
        ("The Eiffel Tower!", ["eiffel tower"], 1, 1),
        ("Eiffel", ["The Eiffel Tower"], 0, 2 / 3),
        ("in the year 1889", ["1889", "year 1889"], 0, 4 / 5),
        ("x b b", ["b b c"], 0, 4 / 6),
        ("nineteen", ["1889"], 0, 0),
        ("", ["1889"], 0, 0),
        ("the", ["an"], 1, 1),
        ("e-mail", ["email"], 1, 1),
        ("308分", ["308"], 0, 2 / 3),
        ("黑豹队。", ["黑豹队"], 1, 1),
        ("黑豹", ["黑豹队"], 0, 4 / 5),
    ],
)
def test_predictions_are_scored_as_squads_script_does(
    prediction: str, answers: list[str], em: float, f1: float
) -> None:
    assert exact_match(prediction, answers) == em
    assert overlap(prediction, answers) == pytest.approx(f1)


@given(words, words)
def test_f1_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0 <= overlap(one, [other]) <= 1
    assert overlap(one, [other]) == overlap(other, [one])


@given(words, words)
def test_what_matches_exactly_overlaps_wholly(one: str, other: str) -> None:
    assert exact_match(one, [one]) == overlap(one, [one]) == 1
    assert overlap(one, [other]) >= exact_match(one, [other])


@given(words, st.lists(words, min_size=1, max_size=3), words)
def test_another_answer_never_hurts(prediction: str, answers: list[str], more: str) -> None:
    assert overlap(prediction, [*answers, more]) >= overlap(prediction, answers)
    assert exact_match(prediction, [*answers, more]) >= exact_match(prediction, answers)
