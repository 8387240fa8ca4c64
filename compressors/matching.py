"""Sentences scored by the characters and words that they share with the query: for any language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from compressors.fusion import sigmoid
from compressors.lexical import bm25, words_and_grams
from compressors.protocols import Pieces
from compressors.scores import LexicalScores

_GOOD: Final = 0.3
"""What the best sentence mostly has at least, of what the query itself would have."""


@dataclass(frozen=True, slots=True)
class Match:
    """What of the query's words one sentence has, in [0, 1]; titles count as parts of both.

    Less of it all in a request where no sentence matches well: the best of many that have nothing
    to do with the query, such as those in another language, is not good.
    """

    sentence: float
    """BM25 as a share of the best sentence of the request."""
    document: float
    """BM25 of its document as a share of the best document of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """A ``SentenceScorer`` without a model: the logistic function of what is matched.

    The document weighs .6 of the sentence, which ranks best. The slope of both and the bias were
    fitted on English, 500 requests of SQuAD's training part with 5 documents each, by ``python -m
    benchmarks.languages --fit``, which also says how well the probabilities hold in other
    languages.
    """

    bias: float = -8.01
    sentence: float = 5.41
    document: float = 3.25

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[LexicalScores]:
        return [
            LexicalScores(
                sigmoid(self.bias + self.sentence * one.sentence + self.document * one.document)
                for one in row
            )
            for row in matches(query, documents)
        ]


def matches(query: str, documents: Sequence[Pieces]) -> list[list[Match]]:
    """What every sentence has of the query, one list for each document."""
    sentences = [
        f"{document.title} {document.text[start:end]}"
        for document in documents
        for start, end in document.ranges
    ]
    *found, full = bm25(query, [*sentences, query], words_and_grams)
    wholes = bm25(query, [f"{each.title} {each.text}" for each in documents], words_and_grams)
    # How good the best is decides how much its being the best says.
    good = min(1.0, max(found, default=0.0) / (_GOOD * full)) if full else 0.0
    shares = iter(_shares(found, good))
    return [
        [Match(one, whole) for one in islice(shares, len(document.ranges))]
        for document, whole in zip(documents, _shares(wholes, good), strict=True)
    ]


def _shares(scores: Sequence[float], most: float) -> list[float]:
    best = max(scores, default=0.0) or 1.0
    return [most * score / best for score in scores]
