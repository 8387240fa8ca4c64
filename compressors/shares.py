"""Keep the best sentences of each group within its share of a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from compressors.budget import Budget
from compressors.representatives import Representatives, Sentence
from compressors.selection import Candidate, select
from compressors.summaries import apportion
from compressors.values import Context, Passage

_FIRST, _SHARED, _SURPLUS = 2, 1, 0
"""In which third of [0, 1] the score of a sentence is."""


def represented(
    context: Context,
    groups: Sequence[Mapping[int, Passage]],
    weights: Sequence[int],
    budget: Budget,
    representatives: Representatives,
) -> Context:
    """The most representative sentences of all groups within a budget, which must have a limit.

    One sentence of every group comes first, then what fits the group's share by weight, then
    whatever of all groups still fits. Span scores say which: they are in the upper, the middle or
    the lower third of [0, 1], and inside a third the order is that of ``Representatives``.

    What is shared is the less of the budget the more the query weighs: an answer often stands in
    one group, and shares for all would push its sentences out.
    """
    ranked = representatives.ranked(context.query, groups, context.protection)
    costs = [[_cost(context, sentence, budget) for sentence in row] for row in ranked]
    limit = budget.max_tokens or 0
    query_weight = representatives.query_weight if context.query.strip() else 0.0
    shared = round(limit * (1 - query_weight))
    shares = apportion(shared, weights, [sum(row) for row in costs])
    equal = limit // max(1, len(ranked))
    candidates: list[Candidate] = []
    for sentences, own, share in zip(ranked, costs, shares, strict=True):
        thirds = _thirds(own, share, equal)
        for sentence, third in zip(sentences, thirds, strict=True):
            candidates += [replace(part, score=(part.score + third) / 3) for part in sentence]
    return select(context, candidates, budget, threshold=0.0)


def _thirds(costs: Sequence[int], share: int, equal: int) -> list[int]:
    """Of sentences of these costs, best first.

    The first is the best that costs no more than an equal share of the budget, else the cheapest:
    a long best sentence must not cost another group its place.
    """
    cheap = [place for place, cost in enumerate(costs) if cost <= equal]
    first = cheap[0] if cheap else costs.index(min(costs))
    thirds = [_SURPLUS] * len(costs)
    thirds[first] = _FIRST
    left = share - costs[first]
    for place, cost in enumerate(costs):
        if place != first and cost <= left:
            thirds[place] = _SHARED
            left -= cost
    return thirds


def _cost(context: Context, sentence: Sentence, budget: Budget) -> int:
    texts = [
        context.passages[part.passage].document.text[part.start : part.end] for part in sentence
    ]
    return sum(budget.counter.count(texts))
