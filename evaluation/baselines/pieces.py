"""Pieces of an example's documents, and as many of them as a budget has room for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compressors.budget import Counter
from compressors.segmentation import RuleSegmenter
from compressors.values import join_ranges
from compressors.words import word_ranges
from evaluation.values import Example, Kept, Range, Shortened


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """Characters ``start`` up to, not including, ``end`` of the document at an index."""

    document: int
    start: int
    end: int

    def text(self, example: Example) -> str:
        return example.documents[self.document].text[self.start : self.end]


def all_sentences(example: Example) -> list[Piece]:
    """Those of every document."""
    return [one for index in range(len(example.documents)) for one in sentences(example, index)]


def sentences(example: Example, document: int) -> list[Piece]:
    """The sentences of a document, without the white space around them; none is blank."""
    spans = RuleSegmenter().spans(example.documents[document].text)
    found = [trimmed(Piece(document, start, end), example) for start, end in spans]
    return [piece for piece in found if piece.start < piece.end]


def words(example: Example) -> list[Piece]:
    """The words and runs of punctuation of every document, as the product's stages have them."""
    return [
        Piece(index, start, end)
        for index, source in enumerate(example.documents)
        for start, end in word_ranges(source.text)
    ]


def wholes(example: Example) -> list[Piece]:
    """Every document that is not blank, without the white space around it."""
    found = [
        trimmed(Piece(index, 0, len(source.text)), example)
        for index, source in enumerate(example.documents)
    ]
    return [piece for piece in found if piece.start < piece.end]


def trimmed(piece: Piece, example: Example) -> Piece:
    text = piece.text(example)
    start = piece.start + len(text) - len(text.lstrip())
    return Piece(piece.document, start, max(start, piece.start + len(text.rstrip())))


def shortened(example: Example, pieces: Sequence[Piece]) -> Shortened:
    """The disjoint pieces in the order of the text, joined as the product joins what it keeps."""
    ranges: dict[int, list[Range]] = {}
    for piece in sorted(pieces):
        ranges.setdefault(piece.document, []).append((piece.start, piece.end))
    return from_ranges(example, ranges)


def from_ranges(example: Example, ranges: Mapping[int, Sequence[Range]]) -> Shortened:
    """The same of sorted, disjoint ranges for the index of each document."""
    return tuple(
        Kept(index, join_ranges(example.documents[index].text, own), tuple(own))
        for index, own in sorted(ranges.items())
    )


def size(result: Shortened, counter: Counter) -> int:
    """Tokens of all that is kept."""
    return sum(counter.count([kept.text for kept in result]))


class BestFirst:
    """Fills budgets with pieces, the best first, whatever still fits.

    Greedy, as the product's own selection. Where not even one piece fits, the best is cut, so that
    no method is marked down for giving nothing at all.
    """

    def __init__(self, example: Example, pieces: Sequence[Piece], counter: Counter) -> None:
        self._example = example
        self._pieces = pieces
        self._counter = counter
        self._costs = counter.count([piece.text(example) for piece in pieces])

    def within(self, budget: int) -> Shortened:
        """At most ``budget`` tokens."""
        chosen: list[Piece] = []
        left = budget
        for piece, cost in zip(self._pieces, self._costs, strict=True):
            if cost <= left:
                chosen.append(piece)
                left -= cost
        if not chosen and self._pieces:
            best = shortened(self._example, self._pieces[:1])[0]
            return beginning(self._example, best, self._counter, budget)
        # Joined texts may have a token more than their pieces together: from as many as fit.
        count = bisect_left(range(len(chosen)), x=True, key=lambda n: self._over(chosen, n, budget))
        return shortened(self._example, chosen[:count])

    def _over(self, chosen: list[Piece], count: int, budget: int) -> bool:
        return size(shortened(self._example, chosen[: count + 1]), self._counter) > budget


def beginning(example: Example, kept: Kept, counter: Counter, budget: int) -> Shortened:
    """What is kept of one document, cut behind the last word that fits; empty if none does.

    Of several spans the places are given up. A word is what ``words`` has; scripts without spaces
    are cut between characters.
    """
    ends = [end for _, end in word_ranges(kept.text)]
    starts = counter.starts(kept.text)
    # Tokens that begin before a word's end are those of the text up to there.
    count = bisect_left(ends, budget + 1, key=lambda end: bisect_left(starts, end))
    while count and counter.count([kept.text[: ends[count - 1]]])[0] > budget:
        count -= 1
    if not count:
        return ()
    if kept.spans is None or len(kept.spans) > 1:
        return (Kept(kept.document, kept.text[: ends[count - 1]], None),)
    start = kept.spans[0][0]
    return from_ranges(example, {kept.document: [(start, start + ends[count - 1])]})
