"""A sentence of any length has a score: a block of code is one, and may be longer than a prompt."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from compressors.models.causal_lm import CausalLmScorer
from compressors.models.exit.parts import parted
from compressors.models.exit.prompt import END, START, PromptTokenizer
from compressors.models.vocabulary import Vocabulary
from compressors.protocols import Pieces
from compressors.work import Work

if TYPE_CHECKING:
    from pathlib import Path

QUERY = "When did the museum open?"
CODE = "```\n" + "open(1931)\n" * 90 + "```\n"
TEXT = "It opened.\n" + CODE + "It closed."
DOCUMENT = Pieces(TEXT, ((0, 11), (11, 11 + len(CODE)), (11 + len(CODE), len(TEXT))))


@pytest.fixture(scope="module")
def tokenizer(gemma: Path) -> PromptTokenizer:
    return PromptTokenizer(Vocabulary.load(str(gemma), controls=(START, END)))


@pytest.mark.parametrize("most", [1, 7, 100])
def test_long_sentences_are_parted_and_no_others(tokenizer: PromptTokenizer, most: int) -> None:
    parts = parted(DOCUMENT, tokenizer, most)

    ranges = parts.document.ranges
    assert all(left < right for left, right in ranges)
    assert all(end == start for (_, end), (start, _) in pairwise(ranges))
    assert (ranges[0][0], ranges[-1][1]) == (0, len(TEXT))
    for place, (start, end) in enumerate(DOCUMENT.ranges):
        own = [r for r, owner in zip(ranges, parts.owners, strict=True) if owner == place]
        assert (own[0][0], own[-1][1]) == (start, end)
        is_long = len(tokenizer.tokens(TEXT[start:end])) > most
        assert (len(own) > 1) == is_long


def test_a_sentence_is_as_good_as_its_best_part(tokenizer: PromptTokenizer) -> None:
    parts = parted(DOCUMENT, tokenizer, 100)
    scores = [place / 100 for place in range(len(parts.owners))]

    joined = parts.joined(scores, 3)

    assert parts.long == 1
    assert joined == [0.0, scores[-2], scores[-1]]


def test_a_block_of_code_that_fits_no_prompt_is_scored_and_it_is_said_so(gemma: Path) -> None:
    scorer = CausalLmScorer.load(str(gemma), device="cpu", max_tokens=300)
    work = Work()

    with work.active():
        (scores,) = scorer.score(QUERY, [DOCUMENT])

    assert len(scores) == 3
    assert all(0.0 < score < 1.0 for score in scores)
    assert "sentences too long for a prompt, read in parts: 1" in work.notes
