"""Put vectors into groups by k-means, the same for the same rows in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from compressors.errors import InvalidInput
from compressors.scores import DIGITS
from compressors.vectors import unit_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Labels = NDArray[np.int64]

_FEWEST = 4
"""With fewer rows than this there is nothing to tell apart."""
_USUAL: Final = 4
"""Clusters where none are searched for; what is said of the paper's own choice."""
_CROWD = 8
_SAME: Final = 1 - 1e-6
"""Cosine above which two rows are one text."""
_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class SphericalKMeans:
    """A ``Clusterer``: k-means by cosine in FAISS, on rows that are centred first.

    Rows closer than ``duplicate`` (cosine) count as one, so copies neither pull a centroid nor
    make a cluster of their own. With ``clusters=None`` the number of clusters, up to
    ``max_clusters``, is the one of the best mean silhouette; if that is below
    ``min_silhouette`` there is one cluster. Above ``max_sweep`` distinct rows there are four.
    Three rows or fewer are one cluster unless a number is given.

    Without a number, rows far from all others are set apart first, each in a cluster of its own:
    k-means would lay them to the nearest crowd, where what a single document says is lost.

    Rows are sorted first and the centroids start from the rows farthest apart, so the partition
    depends on nothing but the set of rows: no seed, no order, no number of threads.
    """

    max_clusters: int = 10
    min_silhouette: float = 0.12
    """On centred MiniLM vectors (``benchmarks.clustering --silhouettes``) the best silhouettes of
    one topic and of several overlap: 20 reviews of one hotel reach .13 to .21, of two hotels .14
    to .33. So this is low: a needless cut costs nothing, a missing one silences the smaller
    side."""
    duplicate: float = 0.97
    max_sweep: int = 1000

    def __post_init__(self) -> None:
        if self.max_clusters < 1:
            raise InvalidInput("max_clusters", f"must be at least 1, is {self.max_clusters}")
        if not 0.0 < self.duplicate <= 1.0:
            raise InvalidInput("duplicate", f"must be in (0, 1], is {self.duplicate}")

    def labels(self, vectors: Vectors, clusters: int | None) -> Sequence[int]:
        """Labels 0 … k-1 by first row. Raises ``ModelFailure`` for zero rows and NaN."""
        rows = _checked(vectors, clusters)
        if len(rows) <= 1 or (clusters is None and len(rows) < _FEWEST):
            return [0] * len(rows)
        return _in_any_order(rows, self.duplicate, lambda own: self._partition(own, clusters))

    def _partition(self, points: Vectors, clusters: int | None) -> Labels:
        import numpy as np

        if clusters is not None:
            return k_means(centred(points), min(clusters, len(points)))
        is_small = len(points) <= self.max_sweep
        alone = isolated(points, self.max_clusters // 2) if is_small else []
        crowd = np.setdiff1d(np.arange(len(points)), alone)
        labels = np.empty(len(points), dtype=np.int64)
        labels[crowd] = self._searched(centred(points[crowd]), self.max_clusters - len(alone))
        labels[alone] = self.max_clusters + np.arange(len(alone))
        return labels

    def _searched(self, points: Vectors, most: int) -> Labels:
        if len(points) < _FEWEST:
            return k_means(points, 1)
        if len(points) > self.max_sweep:
            return k_means(points, min(_USUAL, most))
        distances = 1.0 - points @ points.T
        best, best_value = k_means(points, 1), self.min_silhouette
        for k in range(2, min(most, len(points) - 1) + 1):
            labels = k_means(points, k)
            # Rounded, so that the last bits of another machine do not decide between two.
            value = round(silhouette(distances, labels), DIGITS)
            if value > best_value or (k == 2 and value == best_value):  # noqa: PLR2004
                best, best_value = labels, value
        return best


@dataclass(frozen=True, slots=True)
class EuclideanKMeans:
    """A ``Clusterer``: plain k-means on the vectors, four clusters if no number is given.

    What the CRAG paper names, without its settings, which are not known. Equal rows count as one.
    The start and the order are those of ``SphericalKMeans``, so there is no seed here either.
    """

    def labels(self, vectors: Vectors, clusters: int | None) -> Sequence[int]:
        """Labels 0 … k-1 by first row. Raises ``ModelFailure`` for zero rows and NaN."""
        rows = _checked(vectors, clusters)
        if len(rows) <= 1:
            return [0] * len(rows)
        k = clusters or _USUAL
        return _in_any_order(
            rows, _SAME, lambda own: k_means(own, min(k, len(own)), spherical=False)
        )


def _checked(vectors: Vectors, clusters: int | None) -> Vectors:
    import numpy as np

    if clusters is not None and clusters < 1:
        raise InvalidInput("crag.clusters", f"must be at least 1, is {clusters}")
    return unit_rows(np.asarray(vectors), len(vectors)) if len(vectors) else vectors


def _in_any_order(
    rows: Vectors, duplicate: float, partition: Callable[[Vectors], Labels]
) -> list[int]:
    import numpy as np

    order = canonical_order(rows)
    leaders, follows = _merged(rows[order], duplicate)
    labels = np.empty(len(rows), dtype=np.int64)
    labels[order] = partition(rows[order][leaders])[follows]
    return numbered_by_first(labels.tolist())


def isolated(points: Vectors, most: int) -> list[int]:
    """Rows whose nearest other row is much farther than is usual, at most so many, farthest first.

    Much is 3.5 robust standard deviations (of the median) and .15 in cosine. A handful of rows
    has nothing usual to measure that by, and no outliers.
    """
    import numpy as np

    if len(points) < _CROWD:
        return []
    cosines = points @ points.T
    np.fill_diagonal(cosines, -1.0)
    nearest = np.round(cosines.max(axis=1), DIGITS)
    middle = float(np.median(nearest))
    deviation = 1.4826 * float(np.median(np.abs(nearest - middle)))
    limit = middle - max(3.5 * deviation, 0.15)
    order = np.argsort(nearest, kind="stable")
    return [int(row) for row in order if nearest[row] < limit][:most]


def canonical_order(rows: Vectors) -> Labels:
    """The order of the rows that does not depend on how they were given."""
    import numpy as np

    return np.lexsort(np.round(rows, DIGITS).T[::-1])


def _merged(rows: Vectors, duplicate: float) -> tuple[list[int], Labels]:
    # Leaders in canonical order: each row follows the nearest leader that is close enough.
    import numpy as np

    leaders: list[int] = []
    known = np.empty_like(rows)
    follows = np.empty(len(rows), dtype=np.int64)
    for index, row in enumerate(rows):
        near = known[: len(leaders)] @ row
        if leaders and float(near.max()) > duplicate:
            follows[index] = int(near.argmax())
        else:
            follows[index] = len(leaders)
            known[len(leaders)] = row
            leaders.append(index)
    return leaders, follows


def centred(rows: Vectors) -> Vectors:
    """The directions of unit rows seen from their mean."""
    # Sentence vectors share a direction that says nothing of the topic and flattens every
    # silhouette. A row that is the mean itself has no direction of its own and stays.
    import numpy as np

    moved = rows - rows.mean(axis=0)
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(np.where(norms > _SMALLEST, moved / np.maximum(norms, _SMALLEST), rows))


def k_means(points: Vectors, k: int, *, spherical: bool = True) -> Labels:
    """A label for each of the unit rows, which are distinct and in canonical order; k at most."""
    import faiss
    import numpy as np

    if k == 1:
        return np.zeros(len(points), dtype=np.int64)
    if k >= len(points):
        return np.arange(len(points), dtype=np.int64)
    # Holds for the calling thread only. With two threads such small work takes 30 times longer.
    faiss.omp_set_num_threads(1)
    means = faiss.Kmeans(
        points.shape[1],
        k,
        niter=25,
        spherical=spherical,
        seed=42,
        min_points_per_centroid=1,
        max_points_per_centroid=10**7,
    )
    start = farthest_first(points, k)
    means.train(np.ascontiguousarray(points), init_centroids=np.ascontiguousarray(points[start]))
    _, nearest = means.index.search(np.ascontiguousarray(points), 1)
    return np.asarray(nearest[:, 0], dtype=np.int64)


def farthest_first(points: Vectors, k: int) -> list[int]:
    """Rows to start from: the nearest to the mean, then always the farthest from those chosen."""
    import numpy as np

    chosen = [int(np.round(points @ points.mean(axis=0), DIGITS).argmax())]
    nearest = points @ points[chosen[0]]
    while len(chosen) < k:
        rounded = np.round(nearest, DIGITS)
        rounded[chosen] = np.inf
        chosen.append(int(rounded.argmin()))
        nearest = np.maximum(nearest, points @ points[chosen[-1]])
    return chosen


def silhouette(distances: Vectors, labels: Labels) -> float:
    """The mean silhouette of a partition, in [-1, 1]; a row alone in its cluster counts 0."""
    import numpy as np

    members = labels[:, None] == np.unique(labels)[None, :]
    sizes = members.sum(axis=0)
    if len(sizes) < 2:  # noqa: PLR2004 - one cluster has no other to compare with
        return 0.0
    sums = distances @ members
    own_size = sizes[members.argmax(axis=1)]
    within = sums[members] / np.maximum(own_size - 1, 1)
    between = np.where(members, np.inf, sums / sizes).min(axis=1)
    largest = np.maximum(np.maximum(within, between), _SMALLEST)
    return float(np.where(own_size > 1, (between - within) / largest, 0.0).mean())


def numbered_by_first(labels: Sequence[int]) -> list[int]:
    """The same partition, its labels 0 … k-1 in the order in which they first appear."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(label, len(numbers)) for label in labels]
