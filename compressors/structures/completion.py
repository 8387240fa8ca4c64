"""Complete what is kept of a text: rows by their header, items by their marker, JSON to parse."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from compressors.structures.finding import structures
from compressors.structures.sections import Range, Structures
from compressors.values import Passage

Scored = tuple[int, int, float]
"""A range of a text and its score."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A passage, and what must not be cut in its document."""

    text: str
    given: tuple[Range, ...]
    structures: Structures

    @classmethod
    def of(cls, passage: Passage) -> Layout:
        given = tuple((span.start, span.end) for span in passage.spans)
        text = passage.document.text
        return cls(text, given, structures(text))

    def is_worded(self, start: int, end: int) -> bool:
        """Whether a range holds anything but white space and what stays for the sake of others."""
        if not self.structures:
            return not self.text[start].isspace() or not self.text[start:end].isspace()
        return next(self._members(start, end), None) is not None

    def core(self, start: int, end: int) -> Range | None:
        """A range from its first to its last character that is there for its own sake, if any."""
        if not self.structures:
            return (start, end) if self.is_worded(start, end) else None
        members = list(self._members(start, end))
        return trimmed(self.text, members[0][0], members[-1][1]) if members else None

    def completed(self, kept: Sequence[Scored]) -> list[Scored]:
        """Ranges, none blank, with the frames and commas that they need, and no others; sorted.

        Nothing is added that is not in the passage. A range of nothing but a frame asks for the
        section of that frame.
        """
        if not self.structures:
            return self._trimmed(sorted(kept))
        members: list[Scored] = []
        inside: dict[int, _Noted] = {}
        for start, end, score in kept:
            own = list(self._members(start, end))
            for left, right in own:
                members.append((*trimmed(self.text, left, right), score))
                self._note(inside, left, score)
            if not own:
                self._note(inside, start, score, is_member=False)
        companions = [
            (left, right, noted.score)
            for place, noted in inside.items()
            for left, right in self._companions(place, noted.starts)
        ]
        return _united(members, companions)

    def _trimmed(self, kept: Iterable[Scored]) -> list[Scored]:
        text = self.text
        return [
            one
            if not text[one[0]].isspace() and not text[one[1] - 1].isspace()
            else (*trimmed(text, one[0], one[1]), one[2])
            for one in kept
        ]

    def sections(self, start: int, end: int, known: Container[int] = ()) -> list[int]:
        """The sections that a range has members in, and those around them; inner ones first.

        Without those ``known``, which is to hold with a section all those around it.
        """
        found: dict[int, None] = {}
        positions = [left for left, _ in self._members(start, end)] or [start]
        for position in positions:
            place = self.structures.section_at(position)
            while place is not None and place not in found and place not in known:
                found[place] = None
                place = self.structures.sections[place].parent
        return list(found)

    def _members(self, start: int, end: int) -> Iterator[Range]:
        for left, right in self.structures.members(start, end):
            if not self.text[left:right].isspace():
                yield left, right

    def _note(
        self, inside: dict[int, _Noted], start: int, score: float, *, is_member: bool = True
    ) -> None:
        """Enter a member with its section, and that with the one around it, up to the outermost."""
        place = self.structures.section_at(start)
        while place is not None:
            noted = inside.setdefault(place, _Noted())
            if is_member:
                noted.starts.add(start)
            if noted.score >= score:
                return  # and so do all those around it
            noted.score = score
            section = self.structures.sections[place]
            place, start, is_member = section.parent, section.start, True

    def _companions(self, number: int, starts: Iterable[int]) -> Iterator[Range]:
        section = self.structures.sections[number]
        wanted = list(section.frame)
        for one, following in pairwise(sorted(starts) if section.commas else ()):
            place = bisect_right(section.commas, one)
            if place < len(section.commas) and section.commas[place] < following:
                wanted.append((section.commas[place], section.commas[place] + 1))
        yield from self._given(wanted)

    def _given(self, ranges: Iterable[Range]) -> Iterator[Range]:
        for start, end in ranges:
            place = bisect_right(self.given, start, key=lambda one: one[1])
            while place < len(self.given) and self.given[place][0] < end:
                yield max(start, self.given[place][0]), min(end, self.given[place][1])
                place += 1


@dataclass(slots=True)
class _Noted:
    """What is kept of a section: where its members begin, and the best of their scores."""

    starts: set[int] = field(default_factory=set)
    score: float = -1.0


def trimmed(text: str, start: int, end: int) -> Range:
    """The range without the white space at its ends; empty if it holds nothing else."""
    if not text[start].isspace() and not text[end - 1].isspace():
        return start, end
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece) - len(piece.rstrip())
    return (start + left, end - right) if left < len(piece) else (start, start)


def _united(members: Sequence[Scored], companions: Sequence[Scored]) -> list[Scored]:
    """Both, sorted and disjoint; a companion is one with the member that it touches."""
    united: list[Scored] = []
    is_alone = False
    ranges = [(*one, False) for one in members] + [(*one, True) for one in companions]
    for start, end, score, is_companion in sorted(ranges):
        left, right, best = united[-1] if united else (0, -1, 0.0)
        if start < right or (start == right and (is_companion or is_alone)):
            united[-1] = (left, max(right, end), max(best, score))
            is_alone = is_alone and is_companion
        else:
            united.append((start, end, score))
            is_alone = is_companion
    return united
