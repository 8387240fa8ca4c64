"""What a model cannot read is scored without it, and marked so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from compressors.fusion import sigmoid
from compressors.protocols import Pieces, SentenceScorer, TokenScorer
from compressors.scores import LexicalScores
from compressors.work import current

_LEAST: Final = 1e-9


class Reading(Protocol):
    """Says which texts of one request a model can read."""

    def reads(self, texts: Sequence[str]) -> Sequence[bool]: ...


@dataclass(frozen=True, slots=True)
class ReadSentences:
    """A ``SentenceScorer``: a model for what it reads, another for documents that it does not.

    Where only one of query and document can be read, they are in different languages: then words
    match little, a model that knows names and numbers does better, and both have a say. The other
    scorer sees all documents in any case, so that it knows which words are rare. Both give
    probabilities, so that their scores compete for one budget.
    """

    model: SentenceScorer
    reading: Reading
    otherwise: SentenceScorer

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        asked, *read = self.reading.reads([query, *(document.text for document in documents)])
        if asked and all(read):
            return self.model.score(query, documents)
        rows: list[Sequence[float]] = list(
            map(LexicalScores, self.otherwise.score(query, documents))
        )
        mine = [index for index, is_read in enumerate(read) if asked or is_read]
        scores = self.model.score(query, [documents[index] for index in mine]) if mine else []
        for index, row in zip(mine, scores, strict=True):
            rows[index] = row if asked and read[index] else _joined(row, rows[index])
        unread = read.count(False) if asked else len(documents)
        _note(unread, len(documents), "by their words")
        return rows


def _joined(scores: Sequence[float], others: Sequence[float]) -> LexicalScores:
    """The probabilities between, at the mean of the log-odds."""
    pairs = zip(scores, others, strict=True)
    return LexicalScores(sigmoid((_logit(one) + _logit(other)) / 2) for one, other in pairs)


def _logit(probability: float) -> float:
    inside = min(max(probability, _LEAST), 1.0 - _LEAST)
    return math.log(inside / (1.0 - inside))


@dataclass(frozen=True, slots=True)
class ReadWords:
    """A ``TokenScorer``: a model for the texts that it reads, another for all others.

    The scores of the others are put on the scale of the model's, so that each text keeps about as
    much as the others do.
    """

    model: TokenScorer
    reading: Reading
    otherwise: TokenScorer

    def score(self, texts: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        read = self.reading.reads([text.text for text in texts])
        if all(read):
            return self.model.score(texts)
        mine = [text for text, is_read in zip(texts, read, strict=True) if is_read]
        others = [text for text, is_read in zip(texts, read, strict=True) if not is_read]
        scored = self.model.score(mine) if mine else []
        scale = sorted(score for row in scored for score in row)
        rows, given = iter(scored), iter(self.otherwise.score(others))
        _note(len(others), len(texts), "without the model")
        return [
            next(rows) if is_read else LexicalScores(_scaled(next(given), scale))
            for is_read in read
        ]


def _scaled(scores: Sequence[float], scale: Sequence[float]) -> Sequence[float]:
    """The scores as those of the same rank in ``scale``, which is sorted."""
    if not scale:
        return scores
    # Of equals the first is best, as it is where scores are compared.
    ranks = sorted(range(len(scores)), key=lambda index: (scores[index], -index))
    scaled = [0.0] * len(scores)
    for rank, index in enumerate(ranks):
        scaled[index] = scale[rank * len(scale) // len(scores)]
    return scaled


def _note(unread: int, total: int, how: str) -> None:
    current().note(f"{unread} of {total} documents not read by the model, scored {how}")
