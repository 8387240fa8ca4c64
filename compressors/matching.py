"""Sentences scored by the characters and words that they share with the query: for any language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compressors.fusion import sigmoid
from compressors.lexical import bm25, words_and_grams
from compressors.protocols import Pieces
from compressors.scores import LexicalScores


@dataclass(frozen=True, slots=True)
class Match:
    """What of the query's words one sentence has, all in [0, 1]; titles count as parts of both."""

    own: float
    """BM25 as a share of what the query itself would have."""
    best: float
    """BM25 as a share of the best sentence of the request."""
    document: float
    """BM25 of its document as a share of the best document of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """A ``SentenceScorer`` without a model: a logistic regression over ``Match``.

    The weights were fitted on English, 500 requests of SQuAD's training part with 5 documents
    each, by ``python -m benchmarks.languages --fit``, which also says how well the probabilities
    hold in other languages.
    """

    bias: float = -8.52
    own: float = 3.87
    best: float = 4.28
    document: float = 3.12

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[LexicalScores]:
        return [
            LexicalScores(sigmoid(self._logit(match)) for match in row)
            for row in matches(query, documents)
        ]

    def _logit(self, match: Match) -> float:
        weighed = self.own * match.own + self.best * match.best + self.document * match.document
        return self.bias + weighed


def matches(query: str, documents: Sequence[Pieces]) -> list[list[Match]]:
    """What every sentence has of the query, one list for each document."""
    sentences = [
        f"{document.title} {document.text[start:end]}"
        for document in documents
        for start, end in document.ranges
    ]
    *found, full = bm25(query, [*sentences, query], words_and_grams)
    bests = iter(_shares(found))
    owns = iter(min(1.0, score / full) if full else 0.0 for score in found)
    texts = [f"{document.title} {document.text}" for document in documents]
    wholes = _shares(bm25(query, texts, words_and_grams))
    return [
        list(_row(owns, bests, whole, len(document.ranges)))
        for document, whole in zip(documents, wholes, strict=True)
    ]


def _row(owns: Iterator[float], bests: Iterator[float], whole: float, size: int) -> Iterator[Match]:
    for _ in range(size):
        yield Match(next(owns), next(bests), whole)


def _shares(scores: Sequence[float]) -> list[float]:
    best = max(scores, default=0.0) or 1.0
    return [score / best for score in scores]
