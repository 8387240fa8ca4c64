"""What a caller protects by literal, pattern or place stays, whole, in every kind of stage."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compressors import Context, Document, Exit, InvalidInput, Llmlingua2
from compressors.fitting import fit
from compressors.protection import Protection, check_pattern, merged, occurrences
from compressors.segmentation import RuleSegmenter
from compressors.structures.segmenter import StructuredSegmenter
from compressors.values import Passage, Span
from tests.core.words_on_hand import LengthScorer, OverlapScorer, budget

EXIT = Exit(OverlapScorer(), StructuredSegmenter(RuleSegmenter()), "overlap")
WORDS = Llmlingua2(LengthScorer(), "length", min_words=0)
TEXT = "A harbor froze. Ship X-17 sank in 1927, they say. Nobody saw the enormous lanterns."


def ranges(text: str, **protected: object) -> list[tuple[int, int]]:
    return Protection(**protected).ranges(Document("1", text))  # type: ignore[arg-type] - by name


def protecting(text: str, **protected: object) -> Context:
    protection = Protection(**protected)  # type: ignore[arg-type] - by name
    return Context.of("lanterns", [Document("1", text)], protected=protection)


@pytest.mark.parametrize(
    "protected",
    [{"texts": ("17 sa",)}, {"patterns": (r"\d{2} sa",)}, {"spans": {"1": ((23, 28),)}}],
)
def test_b4_touched_words_and_sentences_stay_whole(protected: dict[str, object]) -> None:
    given_ = protecting(TEXT, **protected)

    assert WORDS.compress(given_, budget(3)).text == "X-17 sank enormous"
    assert EXIT.compress(given_, budget(8)).text == "Ship X-17 sank in 1927, they say."


def test_what_does_not_fit_is_refused_by_the_fields_that_named_it() -> None:
    given_ = protecting(TEXT, patterns=("sank",), spans={"1": ((0, 1),)})

    for stage in (EXIT, WORDS):
        with pytest.raises(InvalidInput, match="protected_patterns, protected_spans: do not fit"):
            stage.compress(given_, budget(1))


def test_the_last_fit_keeps_what_is_protected() -> None:
    assert fit(protecting(TEXT, texts=("X-17",)), budget(1)).text == "X-17"
    assert fit(protecting(TEXT, texts=("froze",)), budget(3)).text == "A harbor froze"
    kept = fit(protecting(TEXT, texts=("froze", "1927")), budget(12)).text
    assert "froze" in kept
    assert "1927" in kept


def test_a_protected_cell_keeps_its_row_and_the_header() -> None:
    given_ = protecting(
        "Some enormous words.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |", texts=("3",)
    )

    for stage in (EXIT, WORDS):
        assert stage.compress(given_, budget(11)).text == "| a | b |\n|---|---|\n| 3 | 4 |"


def test_a_protected_key_keeps_its_container_and_the_result_parses() -> None:
    given_ = protecting('{"rows": ["river", "%s"], "note": 1}' % ("long " * 60), texts=('"rows"',))

    for stage in (EXIT, WORDS):
        assert stage.compress(given_, budget(5)).text.replace(" ", "")[:9] == '{"rows":['


def test_literals_that_stand_over_each_other_are_all_found() -> None:
    assert occurrences("xaaay", ["aa"]) == [(1, 4)]
    assert occurrences("ababab abab", ["abab"]) == [(0, 6), (7, 11)]
    assert occurrences("abcabc x", ["abc", "cab", "x", ""]) == [(0, 6), (7, 8)]


@given(text=st.text("ab ", max_size=30), literal=st.text("ab ", min_size=1, max_size=4))
def test_a_literal_is_found_wherever_it_stands(text: str, literal: str) -> None:
    size = len(literal)
    starts = [i for i in range(len(text)) if text.startswith(literal, i)]

    assert occurrences(text, [literal]) == merged((i, i + size) for i in starts)


def test_patterns_count_in_characters_whatever_these_are() -> None:
    assert ranges("😀é 12 und 34", patterns=(r"\d+",)) == [(3, 5), (10, 12)]
    assert ranges("a\ud800 12", patterns=(r"\d+",)) == [(3, 5)]


def test_empty_matches_and_white_space_protect_nothing() -> None:
    assert ranges("a b\n", patterns=("x*", r"\s"), texts=(" ", "")) == []
    assert ranges("a b", patterns=("b*",)) == [(2, 3)]


@pytest.mark.parametrize("pattern", ["(", "a{5000}", r"(?=a)", "\ud800"])
def test_patterns_that_cannot_be_read_are_refused_without_their_text(pattern: str) -> None:
    with pytest.raises(InvalidInput, match=r"protected_patterns\[3\]") as error:
        check_pattern(pattern, 3)
    assert pattern not in str(error.value)


@pytest.mark.parametrize("place", [(-1, 2), (2, 2), (0, 4)])
def test_places_beyond_the_text_are_refused(place: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput, match="protected_spans"):
        ranges("abc", spans={"1": (place,)})


def test_places_of_other_documents_protect_nothing_here() -> None:
    assert ranges("abc", spans={"2": ((0, 1),)}) == []


@pytest.mark.parametrize(
    ("text", "protected"),
    [
        ("a" * 1_000_000, {"texts": ("a" * 1_000,)}),
        ("ab" * 500_000, {"texts": ("ab" * 500 + "a",)}),
        ("a" * 200_000, {"patterns": ("(a+)+b", "a")}),
        ("1 " * 100_000, {"patterns": (r"\d",)}),
    ],
)
def test_hostile_protection_takes_linear_time(text: str, protected: dict[str, object]) -> None:
    start = time.perf_counter()

    ranges(text, **protected)

    assert time.perf_counter() - start < 5.0


@given(limit=st.integers(1, 20), literal=st.sampled_from(TEXT.split()))
@settings(deadline=None)
def test_protected_text_is_there_or_refused(limit: int, literal: str) -> None:
    given_ = protecting(TEXT, texts=(literal,))
    whole = Passage(given_.passages[0].document, (Span(0, 50), Span(50, len(TEXT))))

    for stage in (EXIT, WORDS):
        try:
            kept = stage.compress(given_, budget(limit))
        except InvalidInput:
            continue
        assert literal in kept.text
        assert literal in fit(Context("q", (whole,), given_.protection), budget(limit)).text
