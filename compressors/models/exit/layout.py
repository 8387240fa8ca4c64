"""Where the tokens of a step lie, and which of them look at which.

All tokens of a step lie in one row, without padding: prefixes of documents, each with branches
behind it. A token looks at those of its own branch and of the document's prefix that are not
behind it, by position; in every branch positions go on from the prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from compressors.models.exit.branches import Branched, Part

if TYPE_CHECKING:
    from torch import Tensor

_PREFIX: Final = -1


@dataclass(frozen=True, slots=True)
class Sizes:
    """Limits, in tokens, of what is computed at once, and so of the memory that it takes."""

    step: int = 2048
    """What the model reads at once."""
    tile: int = 256
    """Queries of branches in one call of attention; they see no siblings, but pay for them."""
    whole: int = 512
    """Documents that have no more than that together are one tile."""

    @classmethod
    def of(cls, device: str) -> Sizes:
        """On a GPU starting a kernel costs more than some thousand tokens of attention do."""
        return cls(step=8192, tile=1024, whole=4096) if device.startswith("cuda") else cls()


@dataclass(frozen=True, slots=True)
class Tile:
    """Queries of a step, and the keys that they may look at: half-open ranges of its tokens."""

    queries: tuple[int, int]
    keys: tuple[tuple[int, int], ...]
    kept: bool = False
    """Whether the keys of a prefix that an earlier step has read come before these."""
    causal: bool = False
    """Whether each looks at itself and all before it, so that no mask is needed."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """What later steps of a row need of its prefix.

    Keys and values by layer, each ``[heads, tokens, width]``; filled by the first step.
    """

    length: int
    layers: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a document lies in a step, where its branches begin, and where each ends."""

    start: int
    behind: int
    ends: tuple[int, ...]


class Layout:
    """One step: ids and positions, tiles, masks, and the place of each branch's last token.

    ``served`` are the layers whose attention was computed by it.
    """

    def __init__(
        self, rows: Sequence[Branched], parts: Sequence[Part], sizes: Sizes, prefix: Prefix
    ) -> None:
        self.prefix = prefix
        self.keeps_prefix = parts[0].kept and parts[0].reads_prefix
        self.served: set[int] = set()
        self.ids: list[int] = []
        self.positions: list[int] = []
        self._documents: list[int] = []
        self._owners: list[int] = []
        places = [self._add(rows[part.row], part, n) for n, part in enumerate(parts)]
        self._farthest = max(self.positions)
        self.lasts = [end - 1 for place in places for end in place.ends]
        kept = not parts[0].reads_prefix
        self.tiles = tuple(_kept(places[0], sizes) if kept else _tiles(places, sizes))
        self._masks: dict[tuple[Tile, int | None], Tensor] = {}
        self._every: Tensor | None = None

    def _add(self, row: Branched, part: Part, document: int) -> _Place:
        start, ends, length = len(self.ids), [], len(row.ids)
        if part.reads_prefix:
            self._append(row.ids, 0, _PREFIX)
        behind = len(self.ids)
        for number in range(part.first, part.last):
            self._append(row.branches[number], length, number)
            ends.append(len(self.ids))
        self._documents += [document] * (len(self.ids) - start)
        return _Place(start, behind, tuple(ends))

    def _append(self, ids: Sequence[int], position: int, owner: int) -> None:
        self.ids += ids
        self.positions += range(position, position + len(ids))
        self._owners += [owner] * len(ids)

    def mask(self, tile: Tile, window: int | None, like: Tensor) -> Tensor | None:
        """What to add to the products of ``tile``, ``[queries, keys]``: 0, or minus infinity.

        ``window`` is how far a token looks back, itself included; ``None`` is without end. Gives
        ``None`` where every key is looked at that is not behind its query.
        """
        if window is not None and self._farthest < window:
            window = None
        if tile.causal and window is None:
            return None
        key = (tile, window)
        if key not in self._masks:
            self._masks[key] = self._made(tile, window, like)
        return self._masks[key]

    def _made(self, tile: Tile, window: int | None, like: Tensor) -> Tensor:
        import torch

        if self._every is None:
            self._every = self._places().to(like.device)
        every, kept = self._every, self._every.shape[1] - len(self.ids)
        first, last = tile.queries
        position, owner, document = (part[:, None] for part in every[:, kept + first : kept + last])
        ranges = [(kept + first, kept + last) for first, last in tile.keys]
        ranges = [(0, kept), *ranges] if tile.kept else ranges
        keys = torch.cat([every[:, first:last] for first, last in ranges], 1)
        seen = (keys[1] == owner) | (keys[1] == _PREFIX)
        seen &= (keys[2] == document) & (keys[0] <= position)
        if window is not None:
            seen &= keys[0] > position - window
        nothing = torch.zeros((), dtype=like.dtype, device=like.device)
        return torch.where(seen, nothing, -torch.inf)

    def _places(self) -> Tensor:
        """Position, owner and document of the prefix that is kept, if it is, and of all tokens."""
        import torch

        every = torch.tensor([self.positions, self._owners, self._documents])
        if not any(tile.kept for tile in self.tiles):
            return every
        before = torch.zeros((3, self.prefix.length), dtype=every.dtype)
        before[0], before[1] = torch.arange(self.prefix.length), _PREFIX
        return torch.cat((before, every), 1)


def _tiles(places: Sequence[_Place], sizes: Sizes) -> Iterator[Tile]:
    group: list[_Place] = []
    for place in places:
        if group and place.ends[-1] - group[0].start > sizes.whole:
            yield from _grouped(group, sizes)
            group = []
        group.append(place)
    yield from _grouped(group, sizes)


def _grouped(group: Sequence[_Place], sizes: Sizes) -> Iterator[Tile]:
    start, end = group[0].start, group[-1].ends[-1]
    if end - start <= sizes.whole:
        yield Tile((start, end), ((start, end),))
        return
    (place,) = group
    prefix = (place.start, place.behind)
    if place.behind > place.start:
        yield Tile(prefix, (prefix,), causal=True)
    for queries in _siblings(place, sizes.tile):
        yield Tile(queries, (prefix, queries))


def _kept(place: _Place, sizes: Sizes) -> Iterator[Tile]:
    for queries in _siblings(place, sizes.tile):
        yield Tile(queries, (queries,), kept=True)


def _siblings(place: _Place, max_tokens: int) -> Iterator[tuple[int, int]]:
    """Ranges of whole branches of at most ``max_tokens``, or of one that is longer."""
    start = last = place.behind
    for end in place.ends:
        if last > start and end - start > max_tokens:
            yield start, last
            start = last
        last = end
    yield start, last
