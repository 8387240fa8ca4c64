"""CRAG, Clustered RAG: group the documents by what they say, and keep each group's gist.

Method: arXiv 2406.00029, Clustered Retrieved Augmented Generation. This is not Corrective RAG
(arXiv 2401.15884), nor the benchmark of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from compressors.budget import Budget, share_of
from compressors.errors import InvalidInput, ModelFailure
from compressors.groups import Group, GroupSummaries
from compressors.protocols import Clusterer, Encoder, Segmenter, Summarizer
from compressors.representatives import Representatives, Sentence
from compressors.selection import Candidate, select
from compressors.values import Context, Passage
from compressors.vectors import passage_vectors

_FEWEST = 4
"""The paper's smallest case; fewer documents have no groups to speak of."""


@dataclass(frozen=True, slots=True)
class Crag:
    """A ``Compressor`` that clusters the documents and keeps what represents each cluster.

    With a ``summarizer``: one summary a cluster, in front of its first document. Without:
    representative sentences, ranked by ``Representatives`` with ``query_weight``, at least one of
    every cluster if the budget allows that, so that what a single document says is not outvoted.
    ``query_weight=0`` is the paper, which never reads the query. Without a budget ``rate`` of the
    tokens stay. Fewer than 4 documents are left alone.
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
        if self.clusters is not None and self.clusters < 1:
            raise InvalidInput("crag.clusters", f"must be at least 1, is {self.clusters}")
        if not 0.0 <= self.query_weight <= 1.0:
            raise InvalidInput("crag.query_weight", f"must be in [0, 1], is {self.query_weight}")
        if not 0.0 < self.rate <= 1.0:
            raise InvalidInput("crag.rate", f"must be in (0, 1], is {self.rate}")

    def compress(self, context: Context, budget: Budget) -> Context:
        groups = self._groups(context)
        if not groups:
            return context.noting(f"fewer than {_FEWEST} documents")
        limit = budget.max_tokens or share_of(budget.count(context.text), self.rate)
        limited = budget.limited_to(limit)
        noted = context.noting(_sizes(groups))
        representatives = Representatives(self.encoder, self.segmenter, self.query_weight)
        if self.summarizer is None:
            return represented(noted, groups, limited, representatives)
        query = context.query if self.query_weight else ""
        return GroupSummaries(self.summarizer, representatives, query).of(noted, groups, limited)

    def _groups(self, context: Context) -> list[Group]:
        given = {i: passage for i, passage in enumerate(context.passages) if passage.spans}
        if len(given) < _FEWEST:
            return []
        vectors = passage_vectors(self.encoder, self.segmenter, list(given.values()))
        labels = self.clusterer.labels(vectors, self.clusters)
        if len(labels) != len(given):
            raise ModelFailure(f"{len(given)} labels expected, {len(labels)} given")
        clusters: dict[int, dict[int, Passage]] = {}
        for (index, passage), label in zip(given.items(), labels, strict=True):
            clusters.setdefault(label, {})[index] = passage
        return [
            # A text that came several times weighs no more than once.
            Group(f"cluster-{number}", members, len({p.text for p in members.values()}))
            for number, members in enumerate(clusters.values(), 1)
        ]


def _sizes(groups: Sequence[Group]) -> str:
    sizes = [len(group.passages) for group in groups]
    return f"{sum(sizes)} documents in {len(sizes)} clusters: {', '.join(map(str, sizes))}"


def represented(
    context: Context, groups: Sequence[Group], budget: Budget, representatives: Representatives
) -> Context:
    """The most representative sentences of all groups within a budget, which must have a limit.

    Span scores of the sentence that stands for a group are in [.5, 1], those of others in
    [0, .5]; inside both ranges the order is that of ``Representatives``.
    """
    ranked = representatives.ranked(context.query, [g.passages for g in groups], context.protection)
    candidates = covering(context, ranked, budget)
    result = select(context, candidates, budget, threshold=0.0)
    lost = sum(not any(result.passages[index].spans for index in g.passages) for g in groups)
    return result.noting(f"no room for {lost} clusters") if lost else result


def covering(
    context: Context, ranked: Sequence[Sequence[Sentence]], budget: Budget
) -> list[Candidate]:
    """The candidates of all groups, with one sentence of each raised above all that are not.

    That is the first of its group that costs no more than an equal share of the budget, else the
    cheapest: a long best sentence must not cost another group its place.
    """
    share = (budget.max_tokens or 0) // max(1, len(ranked))
    raised: list[Candidate] = []
    for sentences in ranked:
        costs = [_cost(context, sentence, budget) for sentence in sentences]
        cheap = [place for place, cost in enumerate(costs) if cost <= share]
        first = cheap[0] if cheap else costs.index(min(costs))
        raised += [
            replace(part, score=(part.score + (place == first)) / 2)
            for place, sentence in enumerate(sentences)
            for part in sentence
        ]
    return raised


def _cost(context: Context, sentence: Sentence, budget: Budget) -> int:
    texts = [
        context.passages[part.passage].document.text[part.start : part.end] for part in sentence
    ]
    return sum(budget.counter.count(texts))
