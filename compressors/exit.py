"""EXIT: keep the sentences that help to answer the query, each read in its document.

Method: arXiv 2412.12559. The paper's classifier is the backend ``causal-lm``; the embedded
encoder scores all sentences of a document in one pass instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compressors.budget import Budget
from compressors.errors import InvalidInput
from compressors.protocols import Pieces, Segmenter, SentenceScorer
from compressors.scores import checked
from compressors.selection import ORDINARY, PROTECTED, Candidate, inside, select
from compressors.values import Context, Passage
from compressors.words import touches

Ranges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Exit:
    """A ``Compressor`` that keeps whole sentences.

    With a budget: the best sentences of all documents that fit. Without: those with at least
    ``threshold`` (the paper's tau).
    """

    scorer: SentenceScorer
    segmenter: Segmenter
    backend: str
    threshold: float = 0.5
    name: str = "exit"

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise InvalidInput("exit.threshold", f"must be in [0, 1], is {self.threshold}")

    def compress(self, context: Context, budget: Budget) -> Context:
        pieces = {
            index: _sentences(passage, self.segmenter)
            for index, passage in enumerate(context.passages)
            if passage.spans
        }
        if not pieces:
            return context
        scores = self.scorer.score(context.query, list(pieces.values()))
        candidates: list[Candidate] = []
        for (index, piece), row in zip(pieces.items(), scores, strict=True):
            kept = context.protection.ranges(context.passages[index].document)
            candidates += _candidates(index, piece, row, kept)
        return select(context, candidates, budget, threshold=self.threshold)


def _sentences(passage: Passage, segmenter: Segmenter) -> Pieces:
    text = passage.document.text
    ranges = inside(segmenter.spans(text), passage.spans)
    worded = tuple((start, end) for start, end in ranges if not text[start:end].isspace())
    return Pieces(text, worded, passage.document.title)


def _candidates(
    index: int, piece: Pieces, scores: Sequence[float], kept: Ranges
) -> list[Candidate]:
    values = checked(scores, len(piece.ranges))
    return [
        Candidate(index, start, end, score, PROTECTED if touches(start, end, kept) else ORDINARY)
        for (start, end), score in zip(piece.ranges, values, strict=True)
    ]
