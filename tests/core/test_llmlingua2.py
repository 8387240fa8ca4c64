"""LLMLingua-2's numbered checks (spec/llmlingua2.md 2.9) that need no checkpoint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors import Budget, Chain, Context, Document, InvalidInput, Llmlingua2
from compressors.protection import occurrences
from compressors.values import Passage, Span
from compressors.words import tied_scores, touches, word_ranges
from tests.core.words_on_hand import LengthScorer, WordCounter, budget, context

STAGE = Llmlingua2(LengthScorer(), "length", min_words=0)


def kept(text: str, limit: int | None, **options: object) -> str:
    given_ = context("q", text, **options)  # type: ignore[arg-type] - only `protected`
    return STAGE.compress(given_, budget(limit)).text


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_ranges(text)]


def test_b1_keeps_slices_of_the_source_in_order() -> None:
    assert kept("a magnificent old castle stood upon hills", 3) == "magnificent castle stood"


@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=4), limit=st.integers(1, 30))
def test_b1_what_is_kept_is_a_subsequence_of_each_source(texts: list[str], limit: int) -> None:
    result = STAGE.compress(context("q", *texts), budget(limit))

    for text, passage in zip(texts, result.passages, strict=True):
        left = iter(text)
        assert all(character in left for character in passage.text)
        found = {edge for word in word_ranges(text) for edge in word}
        if limit > 1:
            assert all({span.start, span.end} <= found for span in passage.spans)
    assert budget(limit).fits(result.text)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_b1_at_rate_one_the_text_is_the_same_byte_for_byte(texts: list[str]) -> None:
    given_ = context("q", *texts)
    tokens = max(1, budget().count(given_.text))

    assert Chain((STAGE,)).compress(given_, budget(tokens)).text == given_.text
    own = [passage.text.strip() for passage in STAGE.compress(given_, budget(tokens)).passages]
    assert own == [text.strip() for text in texts]


@given(
    text=st.lists(st.text("abcdefg", min_size=1, max_size=9), min_size=1, max_size=40),
    limit=st.integers(1, 40),
)
def test_b3_the_budget_is_filled_to_the_last_word(text: list[str], limit: int) -> None:
    assert budget().count(kept(" ".join(text), limit)) == min(limit, len(text))


def test_b3_one_rank_over_all_documents_not_one_threshold_for_each() -> None:
    result = STAGE.compress(context("q", "a b c d", "wonderful magnificent"), budget(2))

    assert result.text == "wonderful magnificent"


def test_b3_keeps_a_word_when_the_budget_is_one() -> None:
    assert kept("tiny word", 1) == "tiny"


def test_b3_a_single_word_and_equal_scores_stay() -> None:
    assert kept("word", 1) == "word"
    assert kept("aa bb cc dd", 2) == "aa bb"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on 2024-10-05 at 12:30", ["on", "2024-10-05", "at", "12:30"]),
        ("1,234.5 and 50%", ["1,234.5", "and", "50%"]),
        ("see https://a.example/b?c=d now", ["see", "https://a.example/b?c=d", "now"]),
        ("get_user_id(x)", ["get_user_id", "(", "x", ")"]),
        ("don't stop.", ["don't", "stop", "."]),
        ("我喝茶 now", ["我", "喝", "茶", "now"]),
    ],
)
def test_b4_b6_cuts_text_into_words_that_make_sense_alone(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_b4_a_negation_is_worth_what_it_negates() -> None:
    text = "do not eat mushrooms"

    assert tied_scores(text, word_ranges(text), [0.1, 0.2, 0.9, 0.8]) == [0.1, 0.9, 0.9, 0.8]


def test_b4_a_word_does_not_stay_without_its_negation() -> None:
    """Where the budget ends between the two, or the word is protected."""

    class Letters(WordCounter):
        """A negation is three tokens, all else is one."""

        def count(self, texts: Sequence[str]) -> Sequence[int]:
            return [len(self.starts(text)) for text in texts]

        def starts(self, text: str) -> Sequence[int]:
            words = re.finditer(r"\S+", text)
            return [w.start() + i for w in words for i in range(3 if w[0] == "not" else 1)]

    given_ = context("q", "do not swallow mushrooms ever")

    for limit, expected in {
        1: "mushrooms",
        4: "do mushrooms ever",
        5: "not swallow mushrooms",
    }.items():
        assert STAGE.compress(given_, Budget(Letters(), limit)).text == expected
    assert kept("do not eat magnificent mushrooms", 2, protected=["eat"]) == "not eat"
    left = Passage(Document("1", "never swallow enormous rocks"), (Span(0, 5), Span(14, 28)))
    assert STAGE.compress(Context("q", (left,)), budget(2)).text == "never enormous"
    assert STAGE.compress(Context("q", (left,)), budget(3)).text == "never enormous rocks"


def test_b4_a_number_is_worth_what_stands_beside_it() -> None:
    text = "opened in 1927 by Brandt"

    assert tied_scores(text, word_ranges(text), [0.9, 0.3, 0.1, 0.2, 0.8]) == [
        0.9,
        0.3,
        0.3,
        0.2,
        0.8,
    ]


def test_b4_protected_texts_stay() -> None:
    assert kept("a ab magnificent castle", 2, protected=["ab"]) == "ab magnificent"


def test_b5_keeps_the_white_space_before_a_kept_word() -> None:
    assert kept("wonderful\n\nmagnificent a b", 2) == "wonderful\n\nmagnificent"


def test_b6_inserts_no_spaces_between_characters() -> None:
    assert " " not in kept("我喜欢在早上喝热茶", 1)


def test_b8_of_a_blank_document_nothing_is_left_and_nothing_breaks() -> None:
    assert STAGE.compress(context("q", " \n", ""), budget(3)).text == ""


@pytest.mark.parametrize(
    "text", ["[UNK]" * 3, "\u200b", "....", "\ud800 x", "a" * 100_000, "我" * 9_999]
)
def test_b8_strange_and_huge_documents_have_a_defined_result(text: str) -> None:
    result = STAGE.compress(context("q", text), budget(1))

    assert budget(1).fits(result.text)
    assert result.text
    assert all(text[span.start : span.end] in text for span in result.passages[0].spans)


def test_b10_spares_documents_of_few_words_while_the_budget_allows() -> None:
    stage = Llmlingua2(LengthScorer(), "length", min_words=4)

    result = stage.compress(
        context("q", "a b c", "wonderful magnificent castle hills x y"), budget(6)
    )

    assert result.text == "a b c\n\nwonderful magnificent castle"


def test_finds_protected_texts_that_overlap() -> None:
    found = occurrences("abcabc x", ["abc", "cab", "x"])

    assert found == [(0, 6), (7, 8)]
    assert touches(5, 7, found)
    assert not touches(6, 7, found)
    assert not touches(0, 3, [])


def test_refuses_options_out_of_range() -> None:
    with pytest.raises(InvalidInput, match="threshold"):
        Llmlingua2(LengthScorer(), "length", threshold=-1)
    with pytest.raises(InvalidInput, match="min_words"):
        Llmlingua2(LengthScorer(), "length", min_words=-1)


@given(st.text(max_size=200))
def test_words_are_disjoint_sorted_and_cover_all_but_white_space(text: str) -> None:
    ranges = word_ranges(text)

    assert all(a < b for a, b in ranges)
    assert all(b <= c for (_, b), (c, _) in pairwise(ranges))
    covered = {i for a, b in ranges for i in range(a, b)}
    assert all(i in covered or c.isspace() or c == "_" for i, c in enumerate(text))


@pytest.mark.parametrize("text", ["." * 100_000, "a" * 1_000_000, "a+" * 50_000, "www." * 50_000])
def test_takes_linear_time_on_hostile_text(text: str) -> None:
    assert max(end - start for start, end in word_ranges(text)) <= 200
