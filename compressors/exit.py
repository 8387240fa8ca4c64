"""EXIT: keep the sentences that help to answer the query, each read in its document.

Method: arXiv 2412.12559. The paper's classifier is the backend ``causal-lm``; the embedded
encoder scores all sentences of a document in one pass instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from compressors.budget import Budget
from compressors.errors import InvalidInput
from compressors.protocols import Pieces, Segmenter, SentenceScorer
from compressors.scores import checked, scored
from compressors.selection import ORDINARY, PROTECTED, Candidate, inside, select
from compressors.structures.completion import Layout
from compressors.structures.sections import Range
from compressors.values import Context
from compressors.words import touches

_Sentence = tuple[Range, Range, int]
"""Where a sentence is; what of it is read, without the header of a table before it; its rank."""


@dataclass(frozen=True, slots=True)
class Exit:
    """A ``Compressor`` that keeps whole sentences.

    With a budget: the best sentences of all documents that fit; ``strict_threshold`` says that
    they must have at least ``threshold`` too. Without: those with at least ``threshold`` (the
    paper's tau). In any case the evidence is insufficient if no sentence has it.
    """

    scorer: SentenceScorer
    segmenter: Segmenter
    backend: str
    threshold: float = 0.5
    strict_threshold: bool = False
    name: str = "exit"

    @property
    def is_strict(self) -> bool:
        return self.strict_threshold

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise InvalidInput("exit.threshold", f"must be in [0, 1], is {self.threshold}")

    def compress(self, context: Context, budget: Budget) -> Context:
        sentences = {
            index: _sentences(context, index, self.segmenter)
            for index, passage in enumerate(context.passages)
            if passage.spans
        }
        if not sentences:
            return _insufficient(context)
        pieces = [
            Pieces(passage.document.text, tuple(core for _, core, _ in own), passage.document.title)
            for passage, own in ((context.passages[index], own) for index, own in sentences.items())
        ]
        scores = self.scorer.score(context.query, pieces)
        context = scored(context, dict(zip(sentences, scores, strict=True)))
        candidates: list[Candidate] = []
        for (index, own), row in zip(sentences.items(), scores, strict=True):
            values = checked(row, len(own))
            candidates += (
                Candidate(index, *whole, score, rank)
                for (whole, _, rank), score in zip(own, values, strict=True)
            )
        floor = self.threshold if self.strict_threshold else 0.0
        kept = select(context, candidates, budget, threshold=self.threshold, floor=floor)
        return kept if any(c.score >= self.threshold for c in candidates) else _insufficient(kept)


def _insufficient(context: Context) -> Context:
    # What a stage found before is not undone by one that would have kept something.
    return replace(context, insufficient_evidence=True)


def _sentences(context: Context, index: int, segmenter: Segmenter) -> list[_Sentence]:
    passage = context.passages[index]
    kept = context.protection.ranges(passage.document)
    layout = Layout.of(passage)
    ranges = inside(segmenter.spans(layout.text), passage.spans)
    cores = [layout.core(start, end) for start, end in ranges]
    is_empty = not any(cores)
    sentences: list[_Sentence] = []
    for (start, end), core in zip(ranges, cores, strict=True):
        if kept and touches(start, end, kept):
            sentences.append(((start, end), core or (start, end), PROTECTED))
        elif core or (is_empty and not layout.text[start:end].isspace()):
            sentences.append(((start, end), core or (start, end), ORDINARY))
    return sentences
