"""TCRA, second way: drop the words without which a sentence still means the same.

Method: arXiv 2310.15556, semantic compression. Every word is left out once, always of the original
sentence; its worth is the distance by which the sentence's vector moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from compressors.budget import Budget, share_of
from compressors.errors import InvalidInput
from compressors.leave_one_out import group_size, units_of, worths
from compressors.lexical import words as words_of
from compressors.llmlingua2 import keep_words, word_candidates
from compressors.protocols import Encoder, Pieces, Segmenter
from compressors.selection import ORDINARY, PREFERRED, PROTECTED, Candidate
from compressors.values import Context
from compressors.words import is_negation, word_ranges

if TYPE_CHECKING:
    from compressors.leave_one_out import Unit

_FUNCTION_WORDS = frozenset(
    words_of(
        "a about am an and any are as at be been being but by can could did do does for from had"
        " has have he her his how i if in into is it its many may me much my of on or our she"
        " should so some than that the their them then there these they this those to us was we"
        " were what when where which who whom whose why will with would you your"
    )
)
"""Words of a query that ask, and name nothing."""


@dataclass(frozen=True, slots=True)
class TcraSemantic:
    """A ``Compressor`` that drops words by leave-one-out; ``worths`` says how they compare.

    One ranking over the whole request is cut where the budget ends, so a smaller budget keeps a
    part of what a larger one does; without a budget ``rate`` of the tokens stay. Numbers,
    negations, names (words capitalised inside a sentence, or written with capitals inside) and
    words of the query go last, and passages of fewer than ``min_words`` words stay whole as long
    as the budget allows. Sentences of more than ``max_words`` words are read in parts. A request
    that needs more than ``max_encodings`` texts to be read has neighbouring words left out
    together, and its note says so.
    """

    encoder: Encoder
    segmenter: Segmenter
    backend: str
    min_words: int = 5
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
        group = group_size(read, self.max_encodings)
        values = iter(worths(self.encoder, read, group))
        # Single characters would be particles in Chinese and Japanese, and stand everywhere.
        asked = {w for w in words_of(context.query) if len(w) > 1} - _FUNCTION_WORDS
        candidates: list[Candidate] = []
        for index, own in units.items():
            is_read = _words(own) >= self.min_words
            by_word: dict[tuple[int, int], float] = {}
            for unit in own:
                row = next(values) if is_read else [1.0] * len(unit.words)
                by_word |= dict(zip(unit.words, row, strict=True))
            candidates += self._of_passage(context, index, by_word, own, asked)
        return candidates, group

    def _of_passage(
        self,
        context: Context,
        index: int,
        by_word: dict[tuple[int, int], float],
        units: Sequence[Unit],
        asked: set[str],
    ) -> list[Candidate]:
        passage = context.passages[index]
        text = passage.document.text
        ranges = tuple(
            word for span in passage.spans for word in word_ranges(text, span.start, span.end)
        )
        piece = Pieces(text, ranges, passage.document.title)
        kept = context.protection.ranges(passage.document)
        # Punctuation has no worth of its own; it is brought down to that of the word before it.
        scores = [by_word.get(word, 1.0) for word in ranges]
        minimum = len(ranges) + 1 if _words(units) < self.min_words else 0
        firsts = {unit.words[0] for unit in units if unit.words}
        return [
            replace(c, rank=PREFERRED)
            if c.rank == ORDINARY
            and must_stay(text[c.start : c.end], asked, is_first=(c.start, c.end) in firsts)
            else c
            for c in word_candidates(index, piece, scores, kept, minimum)
        ]


def _words(units: Sequence[Unit]) -> int:
    return sum(len(unit.words) for unit in units)


def must_stay(word: str, asked: set[str], *, is_first: bool) -> bool:
    """Whether a word is one that a sentence should lose last.

    ``asked`` are the words of the query, in lower case. The first word of a sentence is a name
    only if it has capitals inside.
    """
    if is_negation(word) or any(character.isdigit() for character in word):
        return True
    capitals = word[1:] if is_first else word
    if any(character.isupper() for character in capitals):
        return True
    return not asked.isdisjoint(words_of(word))


def keep_best_words(context: Context, candidates: Sequence[Candidate], budget: Budget) -> Context:
    """As much of the one ranking as fits the budget, from its top on, with no gaps.

    Raises ``InvalidInput`` if protected texts do not fit.
    """
    ordered = sorted(candidates, key=lambda c: (-c.rank, -c.score, c.passage, c.start))
    freely = budget.limited_to(None)
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high + 1) // 2
        if budget.fits(keep_words(context, ordered[:middle], freely, threshold=0.0).text):
            low = middle
        else:
            high = middle - 1
    if low == 0 or low < sum(c.rank == PROTECTED for c in ordered):
        # Nothing fits whole, or not all that must: select cuts the one and refuses the other.
        return keep_words(context, ordered, budget, threshold=0.0)
    return keep_words(context, ordered[:low], freely, threshold=0.0)
