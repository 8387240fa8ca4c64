"""CRAG, Clustered RAG: group the documents by what they say, and keep each group's gist.

Method: arXiv 2406.00029, Clustered Retrieved Augmented Generation. This is not Corrective RAG
(arXiv 2401.15884), nor the benchmark of the same name. ``PaperCrag`` is the paper's way as far as
it is known, ``Crag`` is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from compressors.budget import Budget, share_of
from compressors.clusters import USUAL, Cluster, Clustering, InTime, parted
from compressors.errors import InvalidInput
from compressors.groups import Group, GroupSummaries
from compressors.protocols import Clusterer, Encoder, Segmenter, Summarizer
from compressors.representatives import Representatives
from compressors.shares import represented
from compressors.values import Context, Passage

_FEWEST = 4
"""The paper's smallest case; fewer documents have no groups to speak of."""
_FINE = 1000
"""Weights are whole numbers; of so many parts of that of a cluster of one document."""


@dataclass(frozen=True, slots=True)
class Crag:
    """A ``Compressor`` that clusters the documents and keeps what represents each cluster.

    A text that came several times is read once. The budget is shared by the square roots of the
    sizes of the clusters, so that few who say something else are heard, and by their closeness to
    the query. With a ``summarizer``: one summary a cluster under a line that says of how many
    documents it is, those closest to the query first. Without: representative sentences, ranked
    by ``Representatives``, at least one of every cluster if the budget allows that, and by the
    ``query_weight`` the less shared and the more for whoever is best. A ``query_weight`` of 0
    never reads the query. Without a budget ``rate`` of the tokens stay. Fewer than 4 documents
    are left alone.

    Where ``clusters`` is not set the clusterer finds the number, unless the deadline is near.
    """

    encoder: Encoder
    clusterer: Clusterer
    segmenter: Segmenter
    backend: str
    summarizer: Summarizer | None = None
    clusters: int | None = None
    query_weight: float = 0.5
    rate: float = 0.5
    name: str = "crag"

    def __post_init__(self) -> None:
        _check(self.clusters, self.rate)
        if not 0.0 <= self.query_weight <= 1.0:
            raise InvalidInput("crag.query_weight", f"must be in [0, 1], is {self.query_weight}")

    def compress(self, context: Context, budget: Budget) -> Context:
        members, copies = parted(context)
        if len(members) + len(copies) < _FEWEST:
            return context.noting(f"fewer than {_FEWEST} documents")
        limited = _limited(context, budget, self.rate)
        query = context.query if self.query_weight else ""
        clustering = Clustering(self.encoder, InTime(self.clusterer), self.segmenter)
        clusters = clustering.of(members, self.clusters, copies=copies, query=query)
        noted = context.noting(_sizes(clusters))
        representatives = Representatives(self.encoder, self.segmenter, self.query_weight)
        weights = _weights(clusters, self.query_weight if query.strip() else 0.0)
        if self.summarizer is None:
            given = [cluster.members for cluster in clusters]
            result = represented(noted, given, weights, limited, representatives)
        else:
            groups = _groups(clusters, weights, headed=True)
            writer = GroupSummaries(self.summarizer, representatives, query)
            result = writer.of(noted, groups, limited)
        return _telling_of_lost(result, context, clusters)


@dataclass(frozen=True, slots=True)
class PaperCrag:
    """A ``Compressor``: CRAG as the paper has it, as far as that is known.

    ``clusters`` of k-means, one summary of each that does not read the query, in the order of
    their first documents, in equal shares of the budget. The paper's prompts and the settings of
    its k-means could not be had; four clusters is what others say of it. What the paper does not
    do: a cluster that fits its share passes as it is, and one whose summary is refused keeps its
    representative sentences. A single document is left alone.
    """

    encoder: Encoder
    clusterer: Clusterer
    segmenter: Segmenter
    backend: str
    summarizer: Summarizer
    clusters: int = USUAL
    rate: float = 0.5
    name: str = "crag"

    def __post_init__(self) -> None:
        _check(self.clusters, self.rate)

    def compress(self, context: Context, budget: Budget) -> Context:
        members = {i: passage for i, passage in enumerate(context.passages) if passage.spans}
        if len(members) <= 1:
            return context.noting("nothing to cluster")
        clustering = Clustering(self.encoder, self.clusterer, self.segmenter)
        clusters = clustering.of(members, min(self.clusters, len(members)), copies={})
        groups = _groups(clusters, [1] * len(clusters), headed=False)
        representatives = Representatives(self.encoder, self.segmenter, query_weight=0.0)
        writer = GroupSummaries(self.summarizer, representatives, query="")
        limited = _limited(context, budget, self.rate)
        result = writer.of(context.noting(_sizes(clusters)), groups, limited)
        return _telling_of_lost(result, context, clusters)


def _check(clusters: int | None, rate: float) -> None:
    if clusters is not None and clusters < 1:
        raise InvalidInput("crag.clusters", f"must be at least 1, is {clusters}")
    if not 0.0 < rate <= 1.0:
        raise InvalidInput("crag.rate", f"must be in (0, 1], is {rate}")


def _limited(context: Context, budget: Budget, rate: float) -> Budget:
    return budget.limited_to(budget.max_tokens or share_of(budget.count(context.text), rate))


def _sizes(clusters: Sequence[Cluster]) -> str:
    sizes = [cluster.size for cluster in clusters]
    copies = sum(len(cluster.copies) for cluster in clusters)
    note = f"{sum(sizes)} documents in {len(sizes)} clusters: {', '.join(map(str, sizes))}"
    return f"{note}; {copies} of them copies" if copies else note


def _weights(clusters: Sequence[Cluster], query_weight: float) -> list[int]:
    """What the budget is shared by: sizes, and from farthest to closest ``1 - query_weight`` to 1.

    Copies count for nothing here, however loud they are.
    """
    low = min(cluster.closeness for cluster in clusters)
    high = max(cluster.closeness for cluster in clusters)
    weights: list[int] = []
    for cluster in clusters:
        place = (cluster.closeness - low) / (high - low) if high > low else 1.0
        share = sqrt(len(cluster.members)) * (1 - query_weight * (1 - place))
        weights.append(max(1, round(_FINE * share)))
    return weights


def _groups(clusters: Sequence[Cluster], weights: Sequence[int], *, headed: bool) -> list[Group]:
    total = sum(cluster.size for cluster in clusters)
    return [
        Group(
            f"cluster-{number}",
            cluster.members,
            weight,
            header=f"{cluster.size} of {total} documents:" if headed else "",
            copies=cluster.copies,
            closeness=cluster.closeness,
        )
        for number, (cluster, weight) in enumerate(zip(clusters, weights, strict=True), 1)
    ]


def _telling_of_lost(result: Context, given: Context, clusters: Sequence[Cluster]) -> Context:
    # Summaries of this stage stand between the documents, so these are found by their ids.
    after = {passage.document.id: passage for passage in result.passages}

    def is_lost(members: Mapping[int, Passage]) -> bool:
        now = [after[given.passages[index].document.id] for index in members]
        return not any(passage.spans or passage.summarized for passage in now)

    lost = [str(number) for number, one in enumerate(clusters, 1) if is_lost(one.members)]
    return result.noting(f"no room for cluster {', '.join(lost)}") if lost else result
