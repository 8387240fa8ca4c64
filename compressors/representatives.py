"""Rank sentences by how well they stand for their group, and for what the query asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compressors.errors import InvalidInput
from compressors.protection import UNPROTECTED, Protection
from compressors.protocols import Encoder, Segmenter
from compressors.scores import DIGITS
from compressors.selection import ORDINARY, PROTECTED, Candidate
from compressors.values import Passage
from compressors.vectors import Ranges, encoded, mean_direction, sentences_of, slices
from compressors.words import touches

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Floats = NDArray[np.float64]

Sentence = tuple[Candidate, ...]
"""The parts of a sentence that are kept so far, of one score: they stand or fall together."""

_PICKS = 512
"""After so many sentences of a group the rest is ranked by what these leave new, at once."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """Ranges of the passage at an index, and their place in the passage: 0 first, 1 last."""

    passage: int
    ranges: Ranges
    text: str
    place: float
    rank: int

    def candidates(self, score: float) -> tuple[Candidate, ...]:
        ranges = self.ranges
        return tuple(Candidate(self.passage, *both, score, self.rank) for both in ranges)


@dataclass(frozen=True, slots=True)
class Representatives:
    """Ranks the sentences of groups of passages.

    The worth of a sentence is its cosine to the centroid of its group, mixed with its cosine to
    the query by ``query_weight`` (0: the query is not read), plus up to ``position_weight`` for
    standing early in its passage. Sentences are ranked one after the other by
    ``(1 - diversity) * worth - diversity * cosine to the nearest one ranked before`` (maximal
    marginal relevance), so what was said already sinks. The score of a candidate is that value
    moved linearly from [-1, 1] to [0, 1].
    """

    encoder: Encoder
    segmenter: Segmenter
    query_weight: float = 0.5
    position_weight: float = 0.0
    diversity: float = 0.3

    def __post_init__(self) -> None:
        for name in ("query_weight", "position_weight", "diversity"):
            if not 0.0 <= (value := getattr(self, name)) <= 1.0:
                raise InvalidInput(name, f"must be in [0, 1], is {value}")

    def ranked(
        self,
        query: str,
        groups: Sequence[Mapping[int, Passage]],
        protection: Protection = UNPROTECTED,
    ) -> list[list[Sentence]]:
        """The sentences of each group, best first; groups map indexes to passages with text."""
        sentences = [self._sentences(group, protection) for group in groups]
        texts = [sentence.text for row in sentences for sentence in row]
        weight = self.query_weight if query.strip() else 0.0
        vectors = encoded(self.encoder, [*texts, query] if weight else texts)
        wanted = vectors[-1] if weight else None
        ranked: list[list[Sentence]] = []
        start = 0
        for row in sentences:
            rows = vectors[start : start + len(row)]
            start += len(row)
            ranked.append(self._group(row, rows, wanted) if row else [])
        return ranked

    def _sentences(self, group: Mapping[int, Passage], protection: Protection) -> list[_Sentence]:
        found: list[_Sentence] = []
        for index, passage in group.items():
            text = passage.document.text
            own = sentences_of(passage, self.segmenter)
            kept = protection.ranges(passage.document)
            for place, ranges in enumerate(own):
                is_kept = any(touches(start, end, kept) for start, end in ranges)
                rank = PROTECTED if is_kept else ORDINARY
                share = place / max(1, len(own) - 1)
                found.append(_Sentence(index, ranges, slices(text, ranges), share, rank))
        return found

    def _group(
        self, sentences: Sequence[_Sentence], vectors: Vectors, wanted: Vectors | None
    ) -> list[Sentence]:
        worth = self._worth(sentences, vectors, wanted)
        return [
            sentences[index].candidates(min(1.0, max(0.0, (1.0 + value) / 2)))
            for index, value in _marginal(worth, vectors, self.diversity)
        ]

    def _worth(
        self, sentences: Sequence[_Sentence], vectors: Vectors, wanted: Vectors | None
    ) -> Floats:
        import numpy as np

        worth = (vectors @ _centroid(sentences, vectors)).astype(np.float64)
        if wanted is not None:
            worth = (1 - self.query_weight) * worth + self.query_weight * (vectors @ wanted)
        early = 1.0 - np.array([sentence.place for sentence in sentences])
        # Rounded, so that the last bits of a batch or a machine do not decide between two.
        return np.asarray(np.round(np.minimum(1.0, worth + self.position_weight * early), DIGITS))


def _centroid(sentences: Sequence[_Sentence], vectors: Vectors) -> Vectors:
    # Every passage counts once, however long it is.
    import numpy as np

    rows: dict[int, list[int]] = {}
    for row, sentence in enumerate(sentences):
        rows.setdefault(sentence.passage, []).append(row)
    return mean_direction(np.stack([mean_direction(vectors[own]) for own in rows.values()]))


def _marginal(worth: Floats, vectors: Vectors, diversity: float) -> list[tuple[int, float]]:
    """Rows in order of maximal marginal relevance, and the value that each was picked at."""
    import numpy as np

    nearest = np.zeros(len(worth))
    picked: list[tuple[int, float]] = []
    open_rows = np.ones(len(worth), dtype=bool)
    for _ in range(min(len(worth), _PICKS)):
        values = (1 - diversity) * worth - diversity * nearest
        best = int(np.where(open_rows, np.round(values, DIGITS), -np.inf).argmax())
        picked.append((best, float(values[best])))
        open_rows[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    values = np.round((1 - diversity) * worth - diversity * nearest, DIGITS)
    rest = [int(row) for row in np.argsort(-values, kind="stable") if open_rows[row]]
    return picked + [(row, float(values[row])) for row in rest]
