"""What must not be cut, in every stage and at every budget: tables, lists, code, JSON, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compressors import Chain, Compressor, Context, Exit, Llmlingua2, Pieces
from compressors.crag import Crag
from compressors.extractive import ExtractiveSummarizer
from compressors.fitting import fit
from compressors.segmentation import RuleSegmenter
from compressors.structures.finding import structures
from compressors.structures.segmenter import StructuredSegmenter
from compressors.tcra_semantic import TcraSemantic
from compressors.tcra_summary import TcraSummary
from compressors.values import Passage
from compressors.words import word_ranges
from retrieval.clustering import SphericalKMeans
from tests.core import texts_on_hand
from tests.core.texts_on_hand import Text, check_all
from tests.core.words_on_hand import budget, context
from tests.retrieval.encoders_on_hand import BagEncoder

SEGMENTER = StructuredSegmenter(RuleSegmenter())


@dataclass(frozen=True)
class Arbitrary:
    """A scorer of words and sentences by their letters alone, another one for each seed."""

    seed: int

    def score(self, *given_: object) -> Sequence[Sequence[float]]:
        pieces = given_[-1]
        assert isinstance(pieces, list)
        return [[self._one(piece, *both) for both in piece.ranges] for piece in pieces]

    def _one(self, piece: Pieces, start: int, end: int) -> float:
        return crc32(f"{self.seed}{piece.text[start:end].strip()}".encode()) / 2**32


STAGES: dict[str, Compressor] = {
    "exit": Exit(Arbitrary(1), SEGMENTER, "arbitrary"),
    "llmlingua2": Llmlingua2(Arbitrary(2), "arbitrary", min_words=0),
    "crag": Crag(BagEncoder(), SphericalKMeans(), SEGMENTER, "bag"),
    "tcra-summary": TcraSummary(ExtractiveSummarizer(BagEncoder(), SEGMENTER), "bag"),
    "tcra-semantic": TcraSemantic(BagEncoder(), SEGMENTER, "bag", min_words=0),
}
SEVERAL = st.lists(texts_on_hand.texts(), min_size=1, max_size=4)


OTHERS = ("A stone bridge. It opened in May 1927.", "The harbor froze.", "Letters came. Few left.")
"""CRAG leaves fewer than four documents alone."""


def documents(made: Sequence[Text]) -> Context:
    return context("copper ledger", *(text.text for text in made), *OTHERS)


def places(passage: Passage) -> set[int]:
    """Where what is kept is not white space."""
    text = passage.document.text
    kept = (place for span in passage.spans for place in range(span.start, span.end))
    return {place for place in kept if not text[place].isspace()}


@pytest.mark.parametrize("name", STAGES)
@given(made=SEVERAL, limit=st.integers(1, 120))
@settings(deadline=None, max_examples=40)
def test_every_stage_keeps_whole_what_must_not_be_cut(
    name: str, made: list[Text], limit: int
) -> None:
    given_ = documents(made)
    half = STAGES["exit"].compress(given_, budget(2 * limit))
    for before in (given_, half):
        kept = Chain((STAGES[name],)).compress(before, budget(limit))

        check_all(made, kept)
        assert budget(limit).fits(kept.text)
        assert kept.text
        for one, other in zip(before.passages, kept.passages, strict=True):
            assert places(other) <= places(one)


@given(made=SEVERAL, limit=st.integers(1, 80))
@settings(deadline=None, max_examples=40)
def test_chains_keep_whole_what_must_not_be_cut(made: list[Text], limit: int) -> None:
    chain = Chain((STAGES["exit"], STAGES["llmlingua2"], STAGES["tcra-summary"]))

    kept = chain.compress(documents(made), budget(limit))

    check_all(made, kept)
    assert budget(limit).fits(kept.text)
    half = budget(max(1, limit // 2))
    check_all(made, fit(kept, half))
    assert half.fits(fit(kept, half).text)


@given(made=SEVERAL)
@settings(deadline=None, max_examples=40)
def test_thresholds_keep_whole_what_must_not_be_cut(made: list[Text]) -> None:
    for name in ("exit", "llmlingua2"):
        once = STAGES[name].compress(documents(made), budget())

        check_all(made, once)
        if name == "exit":
            assert STAGES[name].compress(once, budget()).text == once.text


@given(text=texts_on_hand.texts())
@settings(deadline=None)
def test_sentences_cover_the_text_and_leave_whole_what_must_not_be_cut(text: Text) -> None:
    spans = SEGMENTER.spans(text.text)

    assert "".join(text.text[start:end] for start, end in spans) == text.text
    assert all(not text.text[start:end].isspace() for start, end in spans)
    borders = {end for _, end in spans}
    rows = [row for table in text.tables for row in table]
    for start, end in [*text.atoms, *rows]:
        assert borders.isdisjoint(range(start + 1, end))


@given(st.text(alphabet='ab1 \n`~|-[]{}<>:,"$.#*()', max_size=200))
@settings(max_examples=500)
def test_any_text_has_structures_that_are_sorted_and_disjoint(text: str) -> None:
    found = structures(text)

    for ranges in (found.atoms, found.glue, found.solids):
        assert all(0 <= start < end <= len(text) for start, end in ranges)
        assert all(end <= start for (_, end), (start, _) in pairwise(ranges))
    assert list(found.cuts) == sorted(found.cuts)
    spans = SEGMENTER.spans(text)
    assert "".join(text[start:end] for start, end in spans) == text
    ranges = word_ranges(text)
    assert all(start < end for start, end in ranges)
    assert all(end <= start for (_, end), (start, _) in pairwise(ranges))
