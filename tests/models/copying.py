"""A model that copies: what it writes is the beginning of what it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compressors.models.parts import Splitter
from compressors.models.seq2seq import WINDOW, Assignment, Seq2SeqSummarizer, Written
from compressors.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from compressors.protocols import Encoded


@dataclass(frozen=True, slots=True)
class Lead:
    """A ``Forward``: of each row its first ids, as many as it may write, without the frame."""

    vocabulary: Vocabulary

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Written]:
        return [self._written(row) for row in batch]

    def _written(self, row: Encoded) -> Written:
        assert isinstance(row, Assignment)
        vocabulary = self.vocabulary
        own = row.ids[len(vocabulary.prefix) : len(row.ids) - len(vocabulary.suffix)]
        return Written(own[: row.max_new_tokens], ended=len(own) <= row.max_new_tokens)


def copying(
    model: Path, *, tuned_rate: float | None = None, longest: int = WINDOW
) -> Seq2SeqSummarizer:
    """A summarizer with the tokenizer of a directory and a model that copies."""
    vocabulary = Vocabulary.load(str(model))
    return Seq2SeqSummarizer(
        Lead(vocabulary),
        Splitter(vocabulary, "", longest),
        name="lead",
        longest_output=longest,
        tuned_rate=tuned_rate,
    )
