"""LlamaIndex's own ``SentenceEmbeddingOptimizer``. Importing it is slow."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.indices.query.embedding_utils import get_top_k_embeddings
from llama_index.core.postprocessor import SentenceEmbeddingOptimizer
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from compressors.budget import Counter
from evaluation.baselines.dense import Cosine
from evaluation.baselines.pieces import beginning, sentences, wholes
from evaluation.values import Example, Kept, Range, Shortened

if TYPE_CHECKING:
    from compressors.protocols import Encoder

MOST_CUTOFFS: Final = 100
"""Cut-offs that are tried for an example: all of them unless its documents are long."""
_ABOVE: Final = 1e-9
"""Keeps ``int(n * (j / n))`` from being j - 1."""


class MiniLmEmbedding(BaseEmbedding):
    """LlamaIndex's view of an ``Encoder``."""

    _encoder: Encoder = PrivateAttr()

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(model_name="all-MiniLM-L6-v2")
        self._encoder = encoder

    def rows(self, texts: list[str]) -> list[list[float]]:
        # Rows of an array, of which LlamaIndex makes an array again: lists take it ten times as
        # long, and it asks for every cut-off.
        found: Any = list(self._encoder.encode(texts))
        return found  # type: ignore[no-any-return] # there an array is as good as a list

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self.rows(texts)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self.rows([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


@dataclass(frozen=True, slots=True)
class OptimizedNodes:
    """``SentenceEmbeddingOptimizer`` over every document, as a query engine's postprocessor.

    It works on one node at a time: of each it keeps the share ``percentile_cutoff`` of the
    sentences, those most similar to the query, in that order; of a node with fewer sentences than
    1 / cut-off it keeps all. So it cannot keep less than a sentence of every node, and its users
    set two numbers: the cut-off, and the ``similarity_top_k`` of the engine's retriever, here the
    cosine of title and text. Of all pairs of these the one is taken whose result fills the budget
    best; its users have one pair for all queries. The sentences are ours, since the class's own
    would be found with data that it downloads.

    ``context`` is how many sentences before and behind a chosen one it takes along. By default it
    is 1, which repeats those that two chosen ones share: the budget is spent on nothing. With 0 it
    kept .71 of the answers, with 1 it kept .64, or .67 with as many documents as can fit instead
    of the fullest pair (means over rates from .05 to .50, 25 questions each of NaturalQuestions
    and SQuAD). It is compared at its best.
    """

    embedding: MiniLmEmbedding
    cosine: Cosine
    counter: Counter
    context: int = 0
    name: str = "sentence-embedding-optimizer"

    @classmethod
    def load(cls, encoder: Encoder, counter: Counter) -> OptimizedNodes:
        return cls(MiniLmEmbedding(encoder), Cosine(encoder), counter)

    def shorten(self, example: Example, budgets: Sequence[int]) -> list[Shortened]:
        pieces = wholes(example)
        if not pieces:
            return [() for _ in budgets]
        scores = self.cosine(example, pieces)
        order = sorted(range(len(pieces)), key=lambda index: -scores[index])
        nodes = [pieces[index].document for index in order]
        trials = _Trials(self, example, nodes)
        return [trials.within(budget) for budget in budgets]


class _Trials:
    """What the optimizer leaves of an example's documents, the most similar first, by cut-off."""

    def __init__(self, method: OptimizedNodes, example: Example, nodes: Sequence[int]) -> None:
        self._method = method
        self._example = example
        self._nodes = nodes
        self._query = QueryBundle(example.query)
        self._sentences = {
            node: [(one.start, one.end) for one in sentences(example, node)] for node in nodes
        }
        self._known: dict[tuple[int, int], tuple[Kept, int]] = {}
        self._cutoffs = _cutoffs([len(own) for own in self._sentences.values()])
        self._tokens = [
            list(accumulate(self._result(node, cutoff)[1] for node in nodes))
            for cutoff in self._cutoffs
        ]

    def within(self, budget: int) -> Shortened:
        fitting = [(bisect_right(sums, budget), at) for at, sums in enumerate(self._tokens)]
        fitting = [(most, at) for most, at in fitting if most]
        if not fitting:
            shortest = min(
                self._cutoffs, key=lambda cutoff: self._result(self._nodes[0], cutoff)[1]
            )
            best = self._result(self._nodes[0], shortest)[0]
            return beginning(self._example, best, self._method.counter, budget)
        # Of equally full ones that with the most documents.
        most, at = max(fitting, key=lambda pair: (self._tokens[pair[1]][pair[0] - 1], pair[0]))
        kept = [self._result(node, self._cutoffs[at])[0] for node in sorted(self._nodes[:most])]
        return tuple(kept)

    def _result(self, node: int, cutoff: float) -> tuple[Kept, int]:
        """What is left of a document, and its tokens; the same for the same number of sentences."""
        key = node, int(len(self._sentences[node]) * cutoff)
        if key not in self._known:
            kept = self._optimized(node, cutoff)
            self._known[key] = kept, self._method.counter.count([kept.text])[0]
        return self._known[key]

    def _optimized(self, node: int, cutoff: float) -> Kept:
        text = self._example.documents[node].text
        parts = [text[start:end] for start, end in self._sentences[node]]
        optimizer = SentenceEmbeddingOptimizer(
            embed_model=self._method.embedding,
            percentile_cutoff=cutoff,
            tokenizer_fn=lambda _: parts,
            context_before=self._method.context,
            context_after=self._method.context,
        )
        given = NodeWithScore(node=TextNode(text=text))
        (left,) = optimizer.postprocess_nodes([given], query_bundle=self._query)
        return Kept(node, left.node.get_content(), self._spans(node, cutoff, parts))

    def _spans(self, node: int, cutoff: float, parts: list[str]) -> tuple[Range, ...]:
        """Where the sentences are that the class keeps: it does not say, but asks this function."""
        _, chosen = get_top_k_embeddings(
            query_embedding=self._query.embedding or [],
            embeddings=self._method.embedding.rows(parts),
            similarity_fn=self._method.embedding.similarity,
            similarity_top_k=int(len(parts) * cutoff),
            embedding_ids=list(range(len(parts))),
        )
        reach = self._method.context
        kept = {near for one in chosen for near in range(one - reach, one + reach + 1)}
        return tuple(span for at, span in enumerate(self._sentences[node]) if at in kept)


def _cutoffs(counts: Sequence[int]) -> list[float]:
    """The cut-offs at which another number of sentences is kept of some document, ascending.

    Of too many those are tried that are about as many per cent apart everywhere.
    """
    found = sorted({part / count for count in counts for part in range(1, count + 1)})
    last = len(found) - 1
    if last >= MOST_CUTOFFS:
        steps = {round(last ** (step / MOST_CUTOFFS)) for step in range(MOST_CUTOFFS + 1)}
        found = [found[at] for at in sorted(steps | {0})]
    return [cutoff + _ABOVE for cutoff in found]
