"""One probability a sentence, from what a model and what the words of the query say of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from compressors.lexical import bm25
from compressors.protocols import Pieces

_STEEPEST = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """A logistic regression over the evidence for a sentence, fitted by ``training.fusion``.

    ``neural`` weighs the model's mean token logit, ``lexical`` BM25 over title and sentence as a
    share of the request's best, ``document`` the best logit of the document, ``neighbour`` the
    better logit of the two sentences beside it.
    """

    bias: float = 0.0
    neural: float = 1.0
    lexical: float = 0.0
    document: float = 0.0
    neighbour: float = 0.0

    def probabilities(
        self, query: str, documents: Sequence[Pieces], logits: Sequence[Sequence[float]]
    ) -> list[list[float]]:
        """Probabilities in [0, 1], one list for each document, from the logits of a model."""
        shares = lexical_shares(query, documents)
        return [
            [
                _sigmoid(self._logit(features))
                for features in zip(*evidence(row, words), strict=True)
            ]
            for row, words in zip(logits, shares, strict=True)
        ]

    def _logit(self, features: tuple[float, ...]) -> float:
        weights = (self.neural, self.lexical, self.document, self.neighbour)
        return self.bias + sum(w * f for w, f in zip(weights, features, strict=True))


def evidence(
    logits: Sequence[float], shares: Sequence[float]
) -> tuple[Sequence[float], Sequence[float], list[float], list[float]]:
    """The features of the sentences of one document, in the order of the weights of ``Fusion``."""
    best = max(logits, default=0.0)
    padded = [-_STEEPEST, *logits, -_STEEPEST]
    beside = [max(padded[i], padded[i + 2]) for i in range(len(logits))]
    # A document of one sentence has no neighbours: its own logit says as much as is known.
    beside = [b if b > -_STEEPEST else own for b, own in zip(beside, logits, strict=True)]
    return logits, shares, [best] * len(logits), beside


def lexical_shares(query: str, documents: Sequence[Pieces]) -> list[list[float]]:
    """BM25 of every sentence with its title, as a share of the best in the request."""
    sentences = [
        f"{document.title} {document.text[start:end]}"
        for document in documents
        for start, end in document.ranges
    ]
    scores = bm25(query, sentences)
    best = max(scores, default=0.0) or 1.0
    shares = iter([score / best for score in scores])
    return [[next(shares) for _ in document.ranges] for document in documents]


def _sigmoid(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-_STEEPEST, min(_STEEPEST, logit))))
