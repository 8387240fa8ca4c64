"""Checks C1 to C3, C7, C8 and C14 of spec/cluster_and_summary.md on faiss itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from compressors.errors import InvalidInput, ModelFailure
from compressors.work import Work
from retrieval.clustering import (
    EuclideanKMeans,
    SphericalKMeans,
    canonical_order,
    farthest_first,
    isolated,
    k_means,
    numbered_by_first,
    silhouette,
)

Vectors = NDArray[np.float32]


def planted(
    topics: int, each: int, *, noise: float = 0.05, seed: int = 0, dimension: int = 64
) -> Vectors:
    """Unit vectors around random topics, topic after topic."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(topics, dimension))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rows = np.repeat(centres, each, axis=0) + noise * rng.normal(size=(topics * each, dimension))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def as_sets(labels: Sequence[int], names: Sequence[int]) -> set[frozenset[int]]:
    groups: dict[int, set[int]] = {}
    for label, name in zip(labels, names, strict=True):
        groups.setdefault(label, set()).add(name)
    return {frozenset(group) for group in groups.values()}


@pytest.mark.parametrize(("topics", "each"), [(2, 3), (3, 5), (4, 10), (6, 12)])
def test_finds_the_topics_that_are_there(topics: int, each: int) -> None:
    labels = SphericalKMeans().labels(planted(topics, each), None)

    assert labels == [topic for topic in range(topics) for _ in range(each)]


@pytest.mark.parametrize("n", [10, 20, 40, 75])
def test_sees_one_topic_where_there_is_but_one(n: int) -> None:
    labels = SphericalKMeans().labels(planted(1, n, noise=0.1, seed=n), None)

    assert set(labels) == {0}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 12) | st.none())
def test_every_row_is_in_one_cluster_and_none_is_empty(
    seed: int, n: int, clusters: int | None
) -> None:
    vectors = planted(1, n, noise=1.0, seed=seed, dimension=8)

    labels = SphericalKMeans().labels(vectors, clusters)

    assert len(labels) == n
    assert list(dict.fromkeys(labels)) == list(range(max(labels) + 1))
    assert max(labels) + 1 <= min(clusters or 10, n)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 40), st.integers(1, 8) | st.none())
def test_the_order_of_the_rows_does_not_matter(seed: int, n: int, clusters: int | None) -> None:
    vectors = planted(3, n, noise=0.3, seed=seed, dimension=16)
    order = np.random.default_rng(seed).permutation(len(vectors))

    straight = SphericalKMeans().labels(vectors, clusters)
    shuffled = SphericalKMeans().labels(vectors[order], clusters)

    assert as_sets(straight, range(len(vectors))) == as_sets(shuffled, order.tolist())


def test_gives_the_same_in_every_thread() -> None:
    vectors = planted(5, 15, noise=0.3)
    alone = SphericalKMeans().labels(vectors, None)

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: SphericalKMeans().labels(vectors, None), range(40)))

    assert all(labels == alone for labels in together)


def test_gives_the_same_in_other_processes_with_other_threads() -> None:
    program = (
        "from tests.retrieval.test_clustering import planted\n"
        "from retrieval.clustering import SphericalKMeans\n"
        "import sys\n"
        "labels = SphericalKMeans().labels(planted(5, 15, noise=0.3), None)\n"
        "sys.stdout.write(repr(list(labels)))\n"
    )

    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "OMP_NUM_THREADS": threads},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for threads in ("1", "4")
    }

    assert printed == {repr(list(SphericalKMeans().labels(planted(5, 15, noise=0.3), None)))}


@pytest.mark.parametrize("topics", [1, 3])
def test_a_row_far_from_all_others_is_a_cluster_of_its_own(topics: int) -> None:
    crowd = planted(topics, 20, noise=0.05)
    strangers = planted(2, 1, seed=99)

    labels = SphericalKMeans().labels(np.concatenate([crowd, strangers]), None)

    assert list(labels[-2:]) == [topics, topics + 1]
    assert set(labels[:-2]) == set(range(topics))


def test_outliers_are_the_farthest_and_not_too_many() -> None:
    crowd, strangers = planted(1, 20, noise=0.02), planted(8, 1, seed=5)
    rows = np.concatenate([crowd, strangers])

    found = isolated(rows, 3)

    assert len(found) == 3
    assert set(found) <= set(range(20, 28))
    assert len(isolated(rows, 10)) == 8
    assert isolated(rows[-7:], 10) == []


def test_copies_of_one_row_are_one_cluster() -> None:
    row = planted(1, 1)

    assert set(SphericalKMeans().labels(np.repeat(row, 20, axis=0), None)) == {0}
    assert set(SphericalKMeans().labels(np.repeat(row, 20, axis=0), 6)) == {0}


def test_copies_change_nothing_for_the_others() -> None:
    vectors = planted(3, 5, noise=0.2)
    copied = np.concatenate([vectors, np.repeat(vectors[:1], 30, axis=0)])

    labels = SphericalKMeans().labels(copied, None)

    assert list(labels[: len(vectors)]) == list(SphericalKMeans().labels(vectors, None))
    assert set(labels[len(vectors) :]) == {labels[0]}


@pytest.mark.parametrize("bad", [0.0, float("nan"), float("inf")])
def test_refuses_rows_that_are_no_direction(bad: float) -> None:
    vectors = planted(2, 4)
    vectors[3] = bad

    with pytest.raises(ModelFailure):
        SphericalKMeans().labels(vectors, None)


def test_few_rows_are_one_cluster_unless_more_are_asked_for() -> None:
    vectors = planted(3, 1)

    assert list(SphericalKMeans().labels(vectors[:0], None)) == []
    assert list(SphericalKMeans().labels(vectors[:1], 4)) == [0]
    assert list(SphericalKMeans().labels(vectors, None)) == [0, 0, 0]
    assert list(SphericalKMeans().labels(vectors, 2)).count(0) in {1, 2}
    assert list(SphericalKMeans().labels(vectors, 9)) == [0, 1, 2]


def test_refuses_less_than_one_cluster() -> None:
    with pytest.raises(InvalidInput, match=r"crag\.clusters"):
        SphericalKMeans().labels(planted(2, 4), 0)


def test_does_not_search_for_a_number_with_too_many_rows() -> None:
    vectors = planted(6, 5)

    large = SphericalKMeans(max_sweep=20).labels(vectors, None)

    assert len(set(large)) == 4
    assert len(set(SphericalKMeans().labels(vectors, None))) == 6


def test_makes_nothing_of_the_time_that_is_left() -> None:
    vectors = planted(6, 5)

    with Work(deadline=time.monotonic() + 0.1).active():
        hurried = SphericalKMeans().labels(vectors, None)

    assert hurried == SphericalKMeans().labels(vectors, None)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 8) | st.none())
def test_the_papers_k_means_makes_a_partition_in_any_order(
    seed: int, n: int, clusters: int | None
) -> None:
    vectors = planted(1, n, noise=1.0, seed=seed, dimension=8)
    order = np.random.default_rng(seed).permutation(n)

    straight = EuclideanKMeans().labels(vectors, clusters)
    shuffled = EuclideanKMeans().labels(vectors[order], clusters)

    assert as_sets(straight, range(n)) == as_sets(shuffled, order.tolist())
    assert list(dict.fromkeys(straight)) == list(range(max(straight) + 1))
    assert max(straight) + 1 <= min(clusters or 4, n)


def test_the_papers_k_means_finds_four_topics_and_counts_equal_rows_once() -> None:
    vectors = planted(4, 6)
    copied = np.concatenate([vectors, np.repeat(vectors[:1], 20, axis=0)])

    assert EuclideanKMeans().labels(vectors, None) == [
        topic for topic in range(4) for _ in "123456"
    ]
    assert set(EuclideanKMeans().labels(copied, None)[24:]) == {0}
    assert set(EuclideanKMeans().labels(copied[24:], 3)) == {0}
    assert set(EuclideanKMeans().labels(copied[-3:], 4)) == {0}


@pytest.mark.parametrize("seed", range(10))
def test_the_papers_k_means_is_that_of_the_textbook(seed: int) -> None:
    vectors = planted(4, 10, noise=0.1, seed=seed)
    points = vectors[canonical_order(vectors)]
    centroids = points[farthest_first(points, 4)]
    for _ in range(25):
        nearest = ((points[:, None] - centroids[None]) ** 2).sum(axis=2).argmin(axis=1)
        centroids = np.stack([points[nearest == label].mean(axis=0) for label in range(4)])

    labels = EuclideanKMeans().labels(points, 4)

    assert labels == numbered_by_first(nearest.tolist())


def test_takes_less_than_50_ms_of_a_core_for_100_rows() -> None:
    vectors = planted(5, 20, noise=0.1, dimension=384)
    SphericalKMeans().labels(vectors, None)

    def seconds() -> float:
        start = time.thread_time()
        SphericalKMeans().labels(vectors, None)
        return time.thread_time() - start

    assert min(seconds() for _ in range(5)) < 0.05


@pytest.mark.parametrize("seed", range(20))
def test_faiss_finds_what_plain_numpy_finds(seed: int) -> None:
    vectors = planted(4, 10, noise=0.1, seed=seed)
    points = vectors[canonical_order(vectors)]

    assert numbered_by_first(k_means(points, 4).tolist()) == _by_hand(points, 4)


def _by_hand(points: Vectors, k: int) -> list[int]:
    centroids = points[farthest_first(points, k)]
    for _ in range(25):
        labels = (points @ centroids.T).argmax(axis=1)
        means = np.stack([points[labels == label].mean(axis=0) for label in range(k)])
        centroids = means / np.linalg.norm(means, axis=1, keepdims=True)
    return numbered_by_first((points @ centroids.T).argmax(axis=1).tolist())


def test_the_silhouette_is_that_of_the_textbook() -> None:
    points = planted(3, 6, noise=0.4)
    labels = k_means(points[canonical_order(points)], 4)
    distances = 1 - points[canonical_order(points)] @ points[canonical_order(points)].T

    expected = [_silhouette_of(row, distances, labels.tolist()) for row in range(len(points))]

    assert silhouette(distances, labels) == pytest.approx(sum(expected) / len(points), abs=1e-5)


def _silhouette_of(row: int, distances: Vectors, labels: Sequence[int]) -> float:
    def mean_to(label: int) -> float:
        others = [i for i, own in enumerate(labels) if own == label and i != row]
        return sum(float(distances[row, i]) for i in others) / len(others)

    if labels.count(labels[row]) == 1:
        return 0.0
    within = mean_to(labels[row])
    between = min(mean_to(label) for label in set(labels) - {labels[row]})
    return (between - within) / max(between, within)
