"""Check T8 of spec/cluster_and_summary.md: a summary says nothing that its source does not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors.claims import invention
from compressors.languages import language

SOURCE = (
    "The mill at Harrow was built on 3 March 1742 by Edwin Tarrant for two brothers. It burned on"
    " 2006-10-05, and was opened again in April 2009. It has seven wheels and 1,250 visitors a"
    " year; entry costs 4.50 euros."
)
GERMAN = "Die Mühle wurde im Jahr 1742 von dem Müller gebaut und ist nicht mehr in Betrieb."


@pytest.mark.parametrize(
    "summary",
    [
        "It was built in March 1742 for two brothers.",
        "It was built on March 3, 1742.",
        "It burned on 5 October 2006 and opened in April 2009.",
        "It burned in 2006.",
        "The mill has 7 wheels, and entry costs 4.50 euros.",
        "The mill of Edwin Tarrant has 1,250 visitors.",
        "Edwin Tarrant built the mill for 2 brothers.",
    ],
)
def test_t8_what_the_source_says_may_be_said_otherwise(summary: str) -> None:
    assert invention(summary, SOURCE) == ""


@pytest.mark.parametrize(
    ("summary", "reason"),
    [
        ("It was built in 1743.", "a number"),
        ("It has 8 wheels.", "a number"),
        ("It has nine wheels.", "a number"),
        ("Entry costs 4 euros.", "a number"),
        ("It was built on 4 March 1742.", "a date"),
        ("It was built in April 1742.", "a date"),
        ("It burned on 3 October 2006.", "a date"),
        ("It burned in March 2006.", "a date"),
        ("It opened on 3 April 2009.", "a date"),
        ("The mill of Edwin Brandt burned.", "a name"),
        ("Die Mühle wurde von dem Müller gebaut und ist nicht mehr in Betrieb.", "language"),
        ("the wheels of the mill " * 6, "repeats itself"),
    ],
)
def test_t8_an_invention_is_named(summary: str, reason: str) -> None:
    assert reason in invention(summary, SOURCE)


def test_t8_dates_of_other_languages_are_known_too() -> None:
    source = "Der Bau begann am 4. Mai 1903 und endete am 12. Oktober 1905 mit dem Dach."

    assert invention("Er begann im Mai 1903.", source) == ""
    assert "a date" in invention("Der Bau begann am 4. Oktober 1903.", source)
    assert "a date" in invention("茶馆2012年4月重开。", "茶馆2012年3月5日着火，后来重开。")
    assert invention("茶馆2012年3月着火。", "茶馆2012年3月5日着火，后来重开。") == ""


def test_t8_repetition_is_seen_without_spaces_between_words() -> None:
    source = "茶馆有二十四张桌子，最有名的是桂花绿茶。"

    assert invention("最有名的是桂花绿茶。" * 6, source) == "repeats itself"


def test_t8_a_text_says_nothing_that_itself_does_not() -> None:
    for text in (SOURCE, GERMAN):
        assert invention(text, text) == ""


@given(st.text(max_size=200))
def test_t8_no_text_whatever_invents_what_it_says(text: str) -> None:
    assert invention(text, text) == ""


def test_t8_the_time_grows_with_the_text_only() -> None:
    seconds = []
    for size in (2_000, 8_000):
        text = "12 march 1742 and May " * size
        start = time.process_time()
        invention(text, text)
        seconds.append(time.process_time() - start)

    # Four times the text: far from sixteen times the time.
    assert seconds[1] < 8 * seconds[0] + 0.1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SOURCE, "en"),
        (GERMAN, "de"),
        ("Le pont est fermé et les voitures ne passent plus dans la rue.", "fr"),
        ("El faro se encendió por primera vez y es un lugar que gusta a los niños.", "es"),
        ("Школа открылась в 1953 году.", "Cyrl"),
        ("青石镇的老茶馆", "zh"),
        ("この店は月曜日に休みです。", "ja"),
        ("학교는 월요일에 쉽니다", "ko"),
        ("Tarrant, Brandt, Vale", ""),
        ("1742", ""),
        ("", ""),
    ],
)
def test_t8_knows_languages_where_it_can(text: str, expected: str) -> None:
    assert language(text) == expected
