"""Documents and their vectors, on disk and in memory, found by inner product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compressors.errors import InvalidInput
from compressors.protocols import Encoder
from compressors.values import Document
from compressors.vectors import encoded, unit_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_BATCH = 1024
_DIGITS = 6
"""Scores that agree to so many digits are equal: the last bits differ between machines."""


def _nobody(_: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found, and the cosine of its vector and the query's."""

    document: Document
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Documents with ids that differ, and a FAISS index of their unit vectors, row by row.

    ``encoder`` is the name of the model that made the vectors. An index is a value: ``adding``
    gives a new one and leaves the old one to those who search it.
    """

    documents: tuple[Document, ...]
    vectors: Any
    encoder: str

    def __post_init__(self) -> None:
        if not self.documents:
            raise InvalidInput("index.documents", "there are none")
        if self.vectors.ntotal != len(self.documents):
            raise InvalidInput(
                "index", f"{len(self.documents)} documents, {self.vectors.ntotal} vectors"
            )
        seen: set[str] = set()
        for number, document in enumerate(self.documents):
            if not document.id or document.id in seen:
                problem = "is empty" if not document.id else f"is there twice: {document.id!r}"
                raise InvalidInput(f"index.documents[{number}].id", problem)
            seen.add(document.id)

    @classmethod
    def build(
        cls,
        documents: Sequence[Document],
        encoder: Encoder,
        name: str,
        *,
        progress: Callable[[int], None] = _nobody,
    ) -> Index:
        """Encode documents, title before text, with the encoder of that name.

        ``progress`` hears the number of documents done after every batch. What the encoder does
        not read of a long document (MiniLM: beyond 256 tokens) is not found; index passages.
        Raises ``InvalidInput`` for no documents, blank ones and ids that are not unique.
        """
        import faiss

        vectors = _vectors(documents, encoder, progress)
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return cls(tuple(documents), index, name)

    def adding(self, documents: Sequence[Document], encoder: Encoder) -> Index:
        """The index with more documents. Raises like ``build``, and for another dimension."""
        import faiss

        vectors = _vectors(documents, encoder, _nobody)
        self._check(vectors)
        index = faiss.clone_index(self.vectors)
        index.add(vectors)
        return Index((*self.documents, *documents), index, self.encoder)

    @property
    def dimension(self) -> int:
        return int(self.vectors.d)

    def __len__(self) -> int:
        return len(self.documents)

    def search(self, queries: Vectors, k: int) -> list[list[Hit]]:
        """The ``k`` documents nearest to each query ``[n, dimension]``, or all if there are fewer.

        Best first; of equal ones the one that was added first. Raises ``InvalidInput`` for ``k``
        below 1 and another dimension, ``ModelFailure`` for zero vectors and NaN.
        """
        if k < 1:
            raise InvalidInput("index.top_k", f"must be at least 1, is {k}")
        rows = unit_rows(queries, len(queries))
        self._check(rows)
        return [self._nearest(row, min(k, len(self))) for row in rows]

    def _nearest(self, row: Vectors, k: int) -> list[Hit]:
        # FAISS breaks ties as its heap happens to. So take more, until what comes last is worse
        # than the k-th, and sort.
        wide = min(len(self), 2 * k)
        while True:
            scores, places = self.vectors.search(row[None], wide)
            found = sorted(
                (-round(float(score), _DIGITS), int(place))
                for score, place in zip(scores[0], places[0], strict=True)
            )
            if wide == len(self) or found[-1][0] > found[k - 1][0]:
                return [Hit(self.documents[place], -score) for score, place in found[:k]]
            wide = min(len(self), 2 * wide)

    def _check(self, vectors: Vectors) -> None:
        if vectors.shape[1] != self.dimension:
            raise InvalidInput(
                "index.encoder", f"has dimension {vectors.shape[1]}, the index {self.dimension}"
            )


def _vectors(
    documents: Sequence[Document], encoder: Encoder, progress: Callable[[int], None]
) -> Vectors:
    import numpy as np

    if not documents:
        raise InvalidInput("index.documents", "there are none")
    for number, document in enumerate(documents):
        if document.is_blank:
            raise InvalidInput(f"index.documents[{number}].text", "is blank")
    batches: list[Vectors] = []
    for start in range(0, len(documents), _BATCH):
        batch = documents[start : start + _BATCH]
        batches.append(encoded(encoder, [f"{d.title}\n{d.text}".strip() for d in batch]))
        progress(start + len(batch))
    return np.concatenate(batches)
