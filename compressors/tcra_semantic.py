"""TCRA, second way: drop the words without which a sentence still means the same.

Method: arXiv 2310.15556, semantic compression. Every word is left out once, always of the original
sentence; its worth is the distance by which the sentence's vector moves.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from compressors.budget import Budget, share_of
from compressors.deletion import keep_best_words
from compressors.errors import InvalidInput
from compressors.leave_one_out import Unit, group_size, units_of, worths
from compressors.llmlingua2 import word_candidates
from compressors.one_pass import TokenEncoder, one_pass_worths
from compressors.protocols import Encoder, Pieces, Segmenter
from compressors.selection import ORDINARY, PREFERRED, Candidate
from compressors.values import Context
from compressors.vital import Vital, asked_words
from compressors.words import Words


class Mode(Enum):
    """How the worth of words is found."""

    EXACT = "exact"
    """The paper's: a sentence is read again without each of its words."""
    FAST = "fast"
    """By one reading of each sentence, as ``one_pass`` approximates it."""


@dataclass(frozen=True, slots=True)
class TcraSemantic:
    """A ``Compressor`` that drops words by leave-one-out; ``worths`` says how they compare.

    One ranking over the whole request is cut where the budget ends, so a smaller budget keeps a
    part of what a larger one does; without a budget ``rate`` of the tokens stay. The words that
    ``Vital`` names go last, which is ours and not the paper's, and passages of fewer than
    ``min_words`` words stay whole as long as the budget allows. Sentences of more than
    ``max_words`` words are read in parts. A request that needs more than ``max_encodings`` texts to
    be read has neighbouring words left out together, and its note says so. ``Mode.FAST`` needs an
    encoder that is a ``TokenEncoder``.
    """

    encoder: Encoder
    segmenter: Segmenter
    backend: str
    min_words: int = 5
    mode: Mode = Mode.EXACT
    rate: float = 0.5
    max_words: int = 64
    max_encodings: int = 4_000
    name: str = "tcra-semantic"

    def __post_init__(self) -> None:
        if self.min_words < 0:
            raise InvalidInput(
                "tcra-semantic.min_words", f"must not be negative, is {self.min_words}"
            )
        if not 0.0 < self.rate <= 1.0:
            raise InvalidInput("tcra-semantic.rate", f"must be in (0, 1], is {self.rate}")
        if min(self.max_words, self.max_encodings) < 1:
            raise InvalidInput("tcra-semantic", "max_words and max_encodings must be at least 1")
        if self.mode is Mode.FAST and not isinstance(self.encoder, TokenEncoder):
            problem = f"fast needs an encoder that pools by the mean; {self.backend} is none"
            raise InvalidInput("tcra-semantic.mode", problem)

    def compress(self, context: Context, budget: Budget) -> Context:
        units = {
            index: units_of(passage, self.segmenter, self.max_words)
            for index, passage in enumerate(context.passages)
            if passage.spans
        }
        if not units:
            return context
        limit = budget.max_tokens or share_of(budget.count(context.text), self.rate)
        candidates, group = self.candidates(context, units)
        if group > 1:
            context = context.noting(f"words left out in groups of {group}")
        return keep_best_words(context, candidates, budget.limited_to(limit))

    def candidates(
        self, context: Context, units: dict[int, list[Unit]]
    ) -> tuple[list[Candidate], int]:
        """The words of passages, given their units, and how many were left out together."""
        # Few words are not ranked, so they need not be read.
        read = [u for own in units.values() if _words(own) >= self.min_words for u in own]
        rows, group = self._worths(read)
        values = iter(rows)
        asked = asked_words(context.query)
        candidates: list[Candidate] = []
        for index, own in units.items():
            is_read = _words(own) >= self.min_words
            by_word: dict[tuple[int, int], float] = {}
            for unit in own:
                row = next(values) if is_read else [1.0] * len(unit.words)
                by_word |= dict(zip(unit.words, row, strict=True))
            candidates += self._of_passage(context, index, by_word, own, asked)
        return candidates, group

    def _worths(self, units: Sequence[Unit]) -> tuple[list[list[float]], int]:
        if self.mode is Mode.FAST and isinstance(self.encoder, TokenEncoder):
            return one_pass_worths(self.encoder, units), 1
        group = group_size(units, self.max_encodings)
        return worths(self.encoder, units, group), group

    def _of_passage(
        self,
        context: Context,
        index: int,
        by_word: dict[tuple[int, int], float],
        units: Sequence[Unit],
        asked: frozenset[str],
    ) -> list[Candidate]:
        passage = context.passages[index]
        text = passage.document.text
        found = Words.of(text).within((span.start, span.end) for span in passage.spans)
        kept = context.protection.ranges(passage.document)
        minimum = len(found) + 1 if _words(units) < self.min_words else 0
        piece = Pieces(text, tuple(found), passage.document.title)
        candidates = word_candidates(index, piece, _scores(found, by_word), kept, minimum)
        firsts = frozenset(unit.words[0] for unit in units if unit.words)
        flags = Vital(text, found, firsts, asked).flags()
        return [
            replace(c, rank=PREFERRED) if is_vital and c.rank == ORDINARY else c
            for c, is_vital in zip(candidates, flags, strict=True)
        ]


def _words(units: Sequence[Unit]) -> int:
    return sum(len(unit.words) for unit in units)


def _scores(found: Sequence[tuple[int, int]], by_word: dict[tuple[int, int], float]) -> list[float]:
    """The worth of each range: that of the word, the most of those inside it.

    Punctuation has no worth of its own; it is brought down to that of the word before it.
    """
    known = sorted(by_word)
    scores: list[float] = []
    for start, end in found:
        inside = known[bisect_left(known, (start, 0)) : bisect_left(known, (end, 0))]
        scores.append(max((by_word[word] for word in inside), default=1.0))
    return scores
