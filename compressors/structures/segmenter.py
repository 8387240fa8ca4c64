"""Sentences that leave whole what must not be cut: rows, code, JSON, dates, quantities."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from compressors.protocols import Segmenter
from compressors.structures.finding import structures
from compressors.structures.inline import inline_atoms, marked_atoms
from compressors.structures.sections import Range

_LOOK: Final = 100
"""Characters around an end in which something may reach over it."""
_STOPS: Final = frozenset(".!?…。！？｡؟।॥‽\"'”’»›)]}")


@dataclass(frozen=True, slots=True)
class StructuredSegmenter:
    """A ``Segmenter`` around another one: structures of the text go before sentences.

    A row of a table, a block of code and a member of JSON is a sentence each; the header of a
    table comes with its first row. A list item begins a sentence. No sentence ends inside a date, a
    quantity, a citation, a link, code or a formula.
    """

    segmenter: Segmenter

    def spans(self, text: str) -> Sequence[Range]:
        inner = self.segmenter.spans(text)
        ends = [end for _, end in inner[:-1]]
        kept = list(_apart(text, ends))
        if marked := marked_atoms(text):
            kept = list(_outside(kept, marked))
        if found := structures(text):
            free = _outside(kept, found.solids)
            kept = list(_worded(text, sorted({*free, *found.cuts} - {0, len(text)})))
        elif len(kept) == len(ends):
            return inner
        return tuple(pairwise([0, *kept, len(text)])) if text else ()


def _apart(text: str, ends: Sequence[int]) -> Iterator[int]:
    """Ends of sentences that no date and no quantity reaches over."""
    start = 0
    for end in ends:
        if not _may_reach(text, start, end) or not _is_reached(text, start, end):
            yield end
            start = end


def _may_reach(text: str, start: int, end: int) -> bool:
    before = text[max(start, end - 5) : end].rstrip()
    if before[-1:] not in _STOPS:
        return True
    # A day before its month, or an abbreviation before a number.
    is_day = before[-2:-1].isdigit() and not before[-4:-1].isdigit()
    return before[-1] == "." and (is_day or text[end : end + 1].isdigit())


def _is_reached(text: str, start: int, end: int) -> bool:
    atoms = inline_atoms(text, max(start, end - _LOOK), min(len(text), end + _LOOK))
    return any(left < end < right for left, right in atoms)


def _outside(ends: Sequence[int], ranges: Sequence[Range]) -> Iterator[int]:
    """The ends that are not inside any of sorted, disjoint ranges."""
    for end in ends:
        place = bisect_left(ranges, (end,)) - 1
        if place < 0 or ranges[place][1] <= end:
            yield end


def _worded(text: str, ends: Sequence[int]) -> Iterator[int]:
    """The ends without those that would make a sentence of nothing but white space."""
    start = 0
    for end in ends:
        if not text[start:end].isspace():
            yield end
            start = end
