"""Parts of a text that must not be cut, and what must stay beside them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

Range = tuple[int, int]
"""Half-open, in characters."""


@dataclass(frozen=True, slots=True)
class Section:
    """A table, a list item or a JSON container: its members mean nothing without its frame.

    ``frame`` are the ranges that stay whenever anything else of the section does: a header, a
    marker, brackets. Of the ``commas`` those stay that stand between two members that stay.
    ``parent`` is the place of the section around it among the sections of the same text.
    """

    start: int
    end: int
    frame: tuple[Range, ...]
    commas: tuple[int, ...] = ()
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a text with structure.

    ``atoms`` are sorted, disjoint ranges that stay or go as a whole, those of frames among them.
    Sentences begin at ``cuts`` and do not end inside ``solids``; both are sorted. ``sections`` come
    parents first, and their ``parent`` counts within the block.
    """

    atoms: tuple[Range, ...]
    sections: tuple[Section, ...] = ()
    cuts: tuple[int, ...] = ()
    solids: tuple[Range, ...] = ()

    @property
    def start(self) -> int:
        """Where the first atom begins."""
        return self.atoms[0][0]

    @property
    def end(self) -> int:
        """Where the last atom ends."""
        return self.atoms[-1][1]

    @classmethod
    def solid(cls, text: str, pieces: Iterable[Range], sections: tuple[Section, ...] = ()) -> Block:
        """A block whose atoms are sentences of their own, with the white space behind them."""
        atoms = tuple(pieces)
        solids = tuple((start, after_space(text, end)) for start, end in atoms)
        return cls(atoms, sections, edges(solids), solids)


@dataclass(frozen=True)
class Structures:
    """All that must not be cut in a text; ``atoms``, ``cuts`` and ``solids`` as in a block."""

    atoms: tuple[Range, ...] = ()
    sections: tuple[Section, ...] = ()
    cuts: tuple[int, ...] = ()
    solids: tuple[Range, ...] = ()
    glue: tuple[Range, ...] = field(default=(), init=False)
    """Frames and commas: what stays only because of something else."""

    def __post_init__(self) -> None:
        frames = [part for section in self.sections for part in section.frame]
        commas = [(comma, comma + 1) for section in self.sections for comma in section.commas]
        object.__setattr__(self, "glue", tuple(sorted(frames + commas)))

    def __bool__(self) -> bool:
        return bool(self.atoms)

    @classmethod
    def of(cls, blocks: Iterable[Block]) -> Structures:
        """What blocks say that come one after the other."""
        atoms: list[Range] = []
        sections: list[Section] = []
        cuts: list[int] = []
        solids: list[Range] = []
        for block in blocks:
            first = len(sections)
            atoms += block.atoms
            cuts += block.cuts
            solids += block.solids
            sections += (
                s if s.parent is None else replace(s, parent=s.parent + first)
                for s in block.sections
            )
        return cls(tuple(atoms), tuple(sections), tuple(cuts), tuple(solids))

    def section_at(self, position: int) -> int | None:
        """The place of the innermost section that holds a position."""
        borders, owners = self._map
        place = bisect_right(borders, position) - 1
        return owners[place] if place >= 0 else None

    def members(self, start: int, end: int) -> Iterator[Range]:
        """The parts of a range that are not glue; they may be blank."""
        place = bisect_right(self._glue_ends, start)
        while place < len(self.glue) and self.glue[place][0] < end:
            left, right = self.glue[place]
            if left > start:
                yield start, left
            start = right
            place += 1
        if start < end:
            yield start, end

    @cached_property
    def _glue_ends(self) -> tuple[int, ...]:
        return tuple(end for _, end in self.glue)

    @cached_property
    def _map(self) -> tuple[tuple[int, ...], tuple[int | None, ...]]:
        """Positions from which on another section is the innermost, and that section."""
        borders: list[int] = []
        owners: list[int | None] = []
        around: list[int] = []
        for place, section in enumerate(self.sections):
            while around and self.sections[around[-1]].end <= section.start:
                borders.append(self.sections[around.pop()].end)
                owners.append(around[-1] if around else None)
            around.append(place)
            borders.append(section.start)
            owners.append(place)
        while around:
            borders.append(self.sections[around.pop()].end)
            owners.append(around[-1] if around else None)
        return tuple(borders), tuple(owners)


def after_space(text: str, position: int) -> int:
    """Where the white space at a position ends."""
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def edges(solids: Iterable[Range]) -> tuple[int, ...]:
    """The starts and ends of sorted ranges, each once."""
    return tuple(dict.fromkeys(edge for solid in solids for edge in solid))
