"""Checks T1 to T7 of spec/cluster_and_summary.md for leave-one-out, on rankings known by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from compressors.budget import share_of
from compressors.errors import InvalidInput, ModelFailure
from compressors.leave_one_out import group_size, units_of, worths
from compressors.segmentation import RuleSegmenter
from compressors.tcra_semantic import TcraSemantic
from compressors.values import Context, Document, Passage, Span
from tests.core.words_on_hand import budget, context
from tests.retrieval.encoders_on_hand import BagEncoder

WEIGHTS = {"river": 9.0, "carried": 7.0, "heavy": 5.0, "stones": 6.0, "down": 2.0, "slowly": 3.0}
RIVER = "the river carried heavy stones down slowly"
PROSE = (
    "Pumps in Delft moved 30 tons of sand, but they never ran at night. The crew of the second"
    " boat waited for the tide. Nobody saw the lamp until it went out!"
)


def stage(encoder: BagEncoder | None = None, **changes: Any) -> TcraSemantic:
    made = TcraSemantic(encoder or BagEncoder(WEIGHTS), RuleSegmenter(), "bag")
    return replace(made, **changes)


def kept(text: str, limit: int, **changes: Any) -> str:
    return stage(**changes).compress(context("?", text), budget(limit)).text


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, "river"),
        (2, "river carried"),
        (3, "river carried stones"),
        (4, "river carried heavy stones"),
        (5, "river carried heavy stones slowly"),
        (6, "river carried heavy stones down slowly"),
        (7, RIVER),
    ],
)
def test_drops_the_lightest_words_first(limit: int, expected: str) -> None:
    assert kept(RIVER, limit) == expected


def test_reads_every_sentence_once_whole_and_once_without_each_word() -> None:
    encoder = BagEncoder(WEIGHTS)

    stage(encoder).compress(context("?", "Slowly, the river rose. Stones moved down."), budget(4))

    assert encoder.read == [
        "Slowly, the river rose.",
        ", the river rose.",
        "Slowly, river rose.",
        "Slowly, the rose.",
        "Slowly, the river .",
        "Stones moved down.",
        "moved down.",
        "Stones down.",
        "Stones moved .",
    ]


def test_leaves_no_space_between_words_that_had_none() -> None:
    encoder = BagEncoder()

    stage(encoder, min_words=0).compress(context("?", "河流运石头。"), budget(1))

    assert encoder.read[:3] == ["河流运石头。", "流运石头。", "河运石头。"]


def test_worth_is_the_distance_relative_to_that_of_the_sentence() -> None:
    passage = Passage.whole(Document("1", RIVER))
    units = units_of(passage, RuleSegmenter(), 64)

    (found,) = worths(BagEncoder(WEIGHTS), units)

    words = RIVER.split()
    texts = [RIVER, *(" ".join(words[:i] + words[i + 1 :]) for i in range(len(words)))]
    vectors = BagEncoder(WEIGHTS).encode(texts)
    distances = np.linalg.norm(vectors[1:] - vectors[0], axis=1)
    assert found == pytest.approx(distances / (distances + distances.mean()), abs=1e-4)


def test_words_of_long_and_short_sentences_compete_on_equal_terms() -> None:
    short, long = "one two three four five.", " ".join(f"l{'o' * n}ng" for n in range(40)) + "."

    result = stage().compress(context("?", short, long), budget(22))

    assert [bool(p.spans) for p in result.passages] == [True, True]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([PROSE, RIVER, "Short one."]), min_size=1, max_size=3),
    st.lists(st.floats(0.01, 1.0), min_size=2, max_size=2).map(sorted),
)
def test_what_a_lower_rate_keeps_a_higher_one_keeps_too(
    texts: list[str], rates: list[float]
) -> None:
    given_context = context("tide", *texts)
    tokens = budget().count(given_context.text)

    def characters(rate: float) -> set[tuple[int, int]]:
        limited = budget(share_of(tokens, rate))
        result = stage().compress(given_context, limited)
        assert limited.fits(result.text)
        return {
            (index, place)
            for index, passage in enumerate(result.passages)
            for span in passage.spans
            for place in range(span.start, span.end)
            if not passage.document.text[place].isspace()
        }

    low, high = (characters(rate) for rate in rates)
    assert low <= high
    assert low


def test_rate_1_is_the_identity() -> None:
    given_context = context("tide", PROSE, RIVER, "Short.")
    tokens = budget().count(given_context.text)

    assert stage().compress(given_context, budget(tokens)).text == given_context.text


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7])
def test_is_within_two_words_of_what_was_asked(rate: float) -> None:
    given_context = context("?", RIVER + ".", RIVER + ".")
    limit = share_of(budget().count(given_context.text), rate)

    achieved = budget().count(stage().compress(given_context, budget(limit)).text)

    assert limit - 2 <= achieved <= limit


def test_without_a_budget_half_of_the_tokens_stay() -> None:
    result = stage().compress(context("?", PROSE), budget())

    words = len(PROSE.split())
    assert words // 2 - 2 <= len(result.text.split()) <= words // 2


def test_numbers_negations_names_and_words_of_the_query_go_last() -> None:
    limit = 8

    result = stage().compress(context("when is the tide?", PROSE), budget(limit))

    # Every other word would be worth more: these four kinds have the weight of all the rest.
    for word in ("Delft", "30", "never", "tide"):
        assert word in result.text.split(" ") or f"{word}." in result.text


def test_words_that_only_ask_are_not_protected() -> None:
    text = "what when where is the river doing with this heavy load of stones"

    with_query = stage().compress(context("what is the river doing?", text), budget(3)).text

    assert set(with_query.split()) == {"river", "doing", "stones"}


def test_few_words_stay_whole_and_are_not_read() -> None:
    encoder = BagEncoder(WEIGHTS)

    result = stage(encoder).compress(context("?", "Look out below!", RIVER), budget(4))

    assert result.passages[0].text == "Look out below!"
    assert result.passages[1].text == "river"
    assert not any("Look" in text for text in encoder.read)


def test_protected_text_stays() -> None:
    result = stage().compress(context("?", RIVER, protected=["the", "down"]), budget(3))

    assert result.text == "the river down"
    with pytest.raises(InvalidInput, match="protected_texts"):
        stage().compress(context("?", RIVER, protected=["the", "down"]), budget(1))


def test_keeps_inside_the_spans_that_it_is_given() -> None:
    passage = Passage(Document("1", RIVER), (Span(0, 3), Span(10, 35)))
    encoder = BagEncoder(WEIGHTS)

    result = stage(encoder, min_words=0).compress(Context("?", (passage,)), budget(3))

    assert encoder.read[0] == "the carried heavy stones down"
    assert result.text == "carried heavy stones"


def test_long_sentences_are_read_in_parts() -> None:
    encoder = BagEncoder()
    text = " ".join(f"word{n}" for n in range(100))

    stage(encoder, max_words=40).compress(context("?", text), budget(50))

    assert max(len(read.split()) for read in encoder.read) == 40
    assert len(encoder.read) == 100 + 3


def test_a_request_that_is_too_long_has_words_left_out_together() -> None:
    encoder = BagEncoder()
    text = " ".join(f"word{n}" for n in range(60))

    result = stage(encoder, max_encodings=25).compress(context("?", text), budget(30))

    assert len(encoder.read) == 21
    assert result.notes == ("words left out in groups of 3",)
    assert budget().count(result.text) == 30


def test_groups_are_as_small_as_they_can_be() -> None:
    passage = Passage.whole(Document("1", "a b c d e f g h i j."))
    units = units_of(passage, RuleSegmenter(), 64)

    assert [group_size(units, most) for most in (11, 10, 6, 5, 1)] == [1, 2, 2, 3, 10]


def test_a_sentence_that_cannot_lose_a_word_is_not_read() -> None:
    encoder = BagEncoder()

    result = stage(encoder, min_words=0).compress(context("?", "Stop!"), budget(1))

    assert encoder.read == []
    assert result.text == "Stop!"


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_nothing_to_compress_is_given_back(text: str) -> None:
    given_context = context("?", text)

    assert stage().compress(given_context, budget(3)) is given_context


@pytest.mark.parametrize("text", ["." * 10_000, "x" * 100_000, "no " * 5_000])
def test_strange_texts_are_within_the_budget(text: str) -> None:
    result = stage(max_encodings=2_000).compress(context("?", text), budget(1))

    assert budget(1).fits(result.text)


@dataclass(frozen=True)
class Nan:
    """An ``Encoder`` that gives NaN."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.full((len(texts), 8), np.nan, dtype=np.float32)


def test_a_broken_encoder_is_a_failure_of_the_model() -> None:
    broken = TcraSemantic(Nan(), RuleSegmenter(), "nan")

    with pytest.raises(ModelFailure, match="not finite"):
        broken.compress(context("?", RIVER), budget(3))


@pytest.mark.parametrize(
    ("field", "value"),
    [("min_words", -1), ("rate", 0.0), ("max_words", 0), ("max_encodings", 0)],
)
def test_refuses_options_that_make_no_sense(field: str, value: float) -> None:
    with pytest.raises(InvalidInput, match="tcra-semantic"):
        replace(stage(), **{field: value})  # type: ignore[arg-type]  # by name
