"""Condensery itself among the scorers: sentences as its own EXIT stage keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compressors import Budget, Context, Document, Exit, Pieces, SentenceScorer, share_of
from compressors.models.embedded import WEIGHTS, EmbeddedModel
from compressors.models.minilm import MiniLmCounter
from compressors.segmentation import RuleSegmenter
from compressors.structures.segmenter import StructuredSegmenter
from training.examples import LabelledDocument


class Product:
    """The default chain with the embedded model, asked once for each rate."""

    def __init__(self, scorer: SentenceScorer) -> None:
        self._stage = Exit(Last(scorer), StructuredSegmenter(RuleSegmenter()), "embedded")
        self._budget = Budget(MiniLmCounter())

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> Product:
        """With the weights of a folder, by default those that come with the package."""
        return cls(EmbeddedModel.load(folder).sentences)

    def kept(
        self, query: str, documents: Sequence[LabelledDocument], tokens: int, rate: float
    ) -> set[int]:
        """The numbers of the kept sentences, counted over all documents."""
        given = [Document(str(at), one.text, one.title) for at, one in enumerate(documents)]
        budget = self._budget.limited_to(share_of(tokens, rate))
        passages = self._stage.compress(Context.of(query, given), budget).passages
        kept = set()
        number = 0
        for one, passage in zip(documents, passages, strict=True):
            for start, end in one.spans:
                shared = (min(end, s.end) - max(start, s.start) for s in passage.spans)
                if sum(max(0, part) for part in shared) * 2 > end - start:
                    kept.add(number)
                number += 1
        return kept


class Last:
    """A ``SentenceScorer`` that remembers its last answer: the rates differ, the scores do not."""

    def __init__(self, scorer: SentenceScorer) -> None:
        self._scorer = scorer
        self._asked: tuple[str, tuple[Pieces, ...]] | None = None
        self._scores: Sequence[Sequence[float]] = ()

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        asked = (query, tuple(documents))
        if asked != self._asked:
            self._scores = self._scorer.score(query, documents)
            self._asked = asked
        return self._scores
