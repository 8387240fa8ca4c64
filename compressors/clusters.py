"""Put the passages of a context into clusters, each text once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compressors.errors import ModelFailure
from compressors.protocols import Clusterer, Encoder, Segmenter
from compressors.scores import DIGITS
from compressors.values import Context, Passage
from compressors.vectors import encoded, mean_direction, passage_vectors
from compressors.work import current

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

USUAL = 4
"""Clusters where none are searched for; what is said of the paper's own choice."""
_SEARCH = 0.2
"""Seconds that should be left to look for the best number of clusters."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Passages by their index in the context, none blank; never without members.

    ``copies`` say nothing that a member does not say in the same words. ``closeness`` is the
    cosine of what the members have in common to the query; 0 where that is not read.
    """

    members: Mapping[int, Passage]
    copies: Mapping[int, Passage]
    closeness: float = 0.0

    @property
    def size(self) -> int:
        """Documents, copies among them."""
        return len(self.members) + len(self.copies)


@dataclass(frozen=True, slots=True)
class InTime:
    """A ``Clusterer`` that looks for no number of clusters where the deadline is near.

    It then takes four, or as many as there are rows, and notes it: which number is best depends on
    the documents alone, and whether there is time to ask does not.
    """

    clusterer: Clusterer

    def labels(self, vectors: Vectors, clusters: int | None) -> Sequence[int]:
        work = current()
        if clusters is None and work.remaining is not None and work.remaining < _SEARCH:
            clusters = max(1, min(USUAL, len(vectors)))
            work.note(f"no time to look for the number of clusters, {clusters} taken")
        return self.clusterer.labels(vectors, clusters)


@dataclass(frozen=True, slots=True)
class Clustering:
    """Reads passages as vectors, and has a ``Clusterer`` say which belong together."""

    encoder: Encoder
    clusterer: Clusterer
    segmenter: Segmenter

    def of(
        self,
        members: Mapping[int, Passage],
        clusters: int | None,
        *,
        copies: Mapping[int, tuple[int, Passage]],
        query: str = "",
    ) -> list[Cluster]:
        """Clusters in the order of their first documents; a copy comes with whose copy it is.

        A blank query is not read. Raises ``ModelFailure`` for vectors and labels of no use.
        """
        vectors = passage_vectors(self.encoder, self.segmenter, list(members.values()))
        labels = self.clusterer.labels(vectors, clusters)
        if len(labels) != len(members):
            raise ModelFailure(f"{len(members)} labels expected, {len(labels)} given")
        rows: dict[int, list[int]] = {}
        for row, label in enumerate(labels):
            rows.setdefault(label, []).append(row)
        closeness = self._closeness(query, vectors, list(rows.values()))
        indexes = list(members)
        return [
            _cluster([indexes[row] for row in own], members, copies, close)
            for own, close in zip(rows.values(), closeness, strict=True)
        ]

    def _closeness(self, query: str, vectors: Vectors, rows: list[list[int]]) -> list[float]:
        if not query.strip():
            return [0.0] * len(rows)
        (wanted,) = encoded(self.encoder, [query])
        # Rounded, so that the last bits of a batch or a machine do not decide between two.
        return [round(float(mean_direction(vectors[own]) @ wanted), DIGITS) for own in rows]


def _cluster(
    own: list[int],
    members: Mapping[int, Passage],
    copies: Mapping[int, tuple[int, Passage]],
    closeness: float,
) -> Cluster:
    known = set(own)
    return Cluster(
        {index: members[index] for index in own},
        {index: passage for index, (of, passage) in copies.items() if of in known},
        closeness,
    )


def parted(context: Context) -> tuple[dict[int, Passage], dict[int, tuple[int, Passage]]]:
    """The passages with text by index, and apart from them copies, each with whose copy it is.

    Passages of the same words are one text; white space makes no difference. What the caller
    protects is no copy: it stays wherever it stands.
    """
    members: dict[int, Passage] = {}
    copies: dict[int, tuple[int, Passage]] = {}
    known: dict[str, int] = {}
    for index, passage in enumerate(context.passages):
        if not passage.spans:
            continue
        first = known.setdefault(" ".join(passage.text.split()), index)
        if first == index or context.protection.ranges(passage.document):
            members[index] = passage
        else:
            copies[index] = first, passage
    return members, copies
