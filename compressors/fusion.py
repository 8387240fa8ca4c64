"""One probability a sentence, from what a model and what the words of the query say of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from compressors.lexical import bm25
from compressors.mentions import mentions
from compressors.protocols import Pieces

_STEEPEST = 30.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for one sentence; the fields are those that ``Fusion`` weighs."""

    neural: float
    """The model's mean token logit."""
    lexical: float
    """BM25 over title and sentence, as a share of the best in the request."""
    document: float
    """The best ``neural`` of its document."""
    linked: float
    """How good, in (0, 1), the best sentence elsewhere is that mentions its document's title.

    The second hop of a question often stands in a document that the first one only names.
    """
    linking: float
    """How good, in (0, 1), the best sentence is of the documents whose titles it mentions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """A logistic regression over ``Evidence``, fitted by ``training.fusion``."""

    bias: float = 0.0
    neural: float = 1.0
    lexical: float = 0.0
    document: float = 0.0
    linked: float = 0.0
    linking: float = 0.0

    def probabilities(
        self, query: str, documents: Sequence[Pieces], logits: Sequence[Sequence[float]]
    ) -> list[list[float]]:
        """Probabilities in [0, 1], one list for each document, from the logits of a model."""
        return [
            [sigmoid(self.logit(sentence)) for sentence in document]
            for document in evidence(query, documents, logits)
        ]

    def logit(self, sentence: Evidence) -> float:
        """The weighed sum."""
        return (
            self.bias
            + self.neural * sentence.neural
            + self.lexical * sentence.lexical
            + self.document * sentence.document
            + self.linked * sentence.linked
            + self.linking * sentence.linking
        )


def evidence(
    query: str, documents: Sequence[Pieces], logits: Sequence[Sequence[float]]
) -> list[list[Evidence]]:
    """The evidence for every sentence, one list for each document."""
    shares = lexical_shares(query, documents)
    best = [max(row, default=-_STEEPEST) for row in logits]
    linked = [0.0] * len(documents)
    linking = [[0.0] * len(document.ranges) for document in documents]
    for document, sentence, named in mentions(documents):
        mentioner = sigmoid(logits[document][sentence])
        linked[named] = max(linked[named], mentioner)
        linking[document][sentence] = max(linking[document][sentence], sigmoid(best[named]))
    return [
        [
            Evidence(logit, share, best[index], linked[index], linking[index][position])
            for position, (logit, share) in enumerate(zip(row, words, strict=True))
        ]
        for index, (row, words) in enumerate(zip(logits, shares, strict=True))
    ]


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


def sigmoid(logit: float) -> float:
    """The logistic function, flat where a double would overflow."""
    return 1.0 / (1.0 + math.exp(-max(-_STEEPEST, min(_STEEPEST, logit))))
