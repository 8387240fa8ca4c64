"""Sentences of groups within their shares: check C5 of spec/cluster_and_summary.md for spans."""

from __future__ import annotations

import pytest

from compressors import Context
from compressors.representatives import Representatives
from compressors.segmentation import RuleSegmenter
from compressors.shares import represented
from tests.core.words_on_hand import budget, context
from tests.retrieval.encoders_on_hand import BagEncoder

MIXED = " ".join(f"Lamp{n} rug{n} tea{n} bus{n}." for n in range(8))
ALIKE = " ".join(f"Bed room clean guest{n}." for n in range(8))
SENTENCES = 4 * 8
"""Tokens that eight of the sentences have."""


def kept(weights: list[int], query_weight: float, query: str = "clean room") -> list[int]:
    """How many sentences of each group stay of eight in all."""
    given = context(query, MIXED, ALIKE)
    representatives = Representatives(BagEncoder(), RuleSegmenter(), query_weight)
    groups = [{0: given.passages[0]}, {1: given.passages[1]}]
    result: Context = represented(given, groups, weights, budget(SENTENCES), representatives)
    return [len(passage.spans) for passage in result.passages]


@pytest.mark.parametrize(("weights", "expected"), [([1, 1], [4, 4]), ([3, 1], [6, 2])])
def test_c5_sentences_are_kept_by_the_weights_of_their_groups(
    weights: list[int], expected: list[int]
) -> None:
    assert kept(weights, query_weight=0.0) == expected
    assert kept(weights, query_weight=1.0, query=" ") == expected


def test_the_more_the_query_weighs_the_less_is_shared() -> None:
    # Of the mixed group a sentence stays in any case; with half of the weight 3 of 4 shared ones.
    assert kept([3, 1], query_weight=0.5) == [3, 5]
    assert kept([3, 1], query_weight=1.0) == [1, 7]


def test_what_a_group_cannot_use_others_get() -> None:
    given = context("q", "Only one sentence here.", MIXED)
    representatives = Representatives(BagEncoder(), RuleSegmenter(), 0.0)
    groups = [{0: given.passages[0]}, {1: given.passages[1]}]

    result = represented(given, groups, [9, 1], budget(SENTENCES), representatives)

    assert [len(passage.spans) for passage in result.passages] == [1, 7]


def test_a_long_best_sentence_costs_no_group_its_place() -> None:
    long = "The bed and the room were clean and so were all of the beds and rooms."
    given = context("q", f"{long} Clean room.", "Eggs were cold.")
    representatives = Representatives(BagEncoder(), RuleSegmenter(), 0.0)
    groups = [{0: given.passages[0]}, {1: given.passages[1]}]

    result = represented(given, groups, [9, 1], budget(7), representatives)

    assert [passage.text for passage in result.passages] == ["Clean room.", "Eggs were cold."]
