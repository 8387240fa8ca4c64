"""Models whose answers can be worked out by hand; they fill the protocols exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from compressors import Budget, Context, Document, Pieces

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class WordCounter:
    """A ``Counter``: every run of characters that are not white space is a token."""

    name: str = "words"

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        return [len(_WORD.findall(text)) for text in texts]

    def starts(self, text: str) -> Sequence[int]:
        return [match.start() for match in _WORD.finditer(text)]


@dataclass(frozen=True)
class OverlapScorer:
    """A ``SentenceScorer``: the share of the query's words that stand in the sentence."""

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        wanted = set(re.findall(r"\w+", query.lower()))
        return [
            [_overlap(wanted, document.text[start:end]) for start, end in document.ranges]
            for document in documents
        ]


def _overlap(wanted: set[str], sentence: str) -> float:
    return len(wanted & set(re.findall(r"\w+", sentence.lower()))) / max(1, len(wanted))


@dataclass(frozen=True)
class LengthScorer:
    """A ``TokenScorer``: longer words are worth more, up to 20 characters."""

    def score(self, texts: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        return [[min(end - start, 20) / 20 for start, end in text.ranges] for text in texts]


def context(query: str, *texts: str, protected: Sequence[str] = ()) -> Context:
    """A context over documents named 1, 2, …"""
    documents = [Document(str(number), text) for number, text in enumerate(texts, 1)]
    return Context.of(query, documents, protected=protected)


def budget(max_tokens: int | None = None) -> Budget:
    return Budget(WordCounter(), max_tokens)
