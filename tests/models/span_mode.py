"""Mode span of LLMLingua-2 on tiny checkpoints: documents, stages, and ways to run a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from compressors.llmlingua2 import Llmlingua2
from compressors.models.token_classifier import Checkpoint, TokenClassifier
from compressors.protocols import Encoded, Pieces
from compressors.values import Context, Document
from compressors.words import word_ranges
from tests.models.texts import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compressors.protocols import Forward

BUDGET = Words().budget
TEXTS = (
    "The Louvre is a museum in Paris, the capital of France. It opened in 1793, on 10 August.",
    "Twenty-three paintings were stolen; none was found before 2024-10-05. See www.example.org/a.",
    "Das Museum ist am Montag geschlossen. Le musée est fermé le mardi. Rivers, bridges: many.",
)
STRANGE = (
    "Unbreakable" * 20
    + " 𝔘𝔫𝔦 \U0001f9ed [UNK] <unk> [MASK] \u200b https://example.org/"
    + "a1" * 80
)


def staged(checkpoint: Checkpoint, forward: Forward, min_words: int = 0) -> Llmlingua2:
    scorer = TokenClassifier.of(checkpoint, forward)
    return Llmlingua2(scorer, "checkpoint", min_words=min_words)


def context(*texts: str, query: str = "", allow_empty: bool = False) -> Context:
    documents = [Document(str(number), text) for number, text in enumerate(texts)]
    return Context.of(query, documents, allow_empty=allow_empty)


def compressed(stage: Llmlingua2, limit: int | None, *texts: str) -> Context:
    return stage.compress(context(*texts), BUDGET(limit))


def is_subsequence(part: str, whole: str) -> bool:
    characters = iter(whole)
    return all(character in characters for character in part)


class Characters(Words):
    """A ``Counter`` for which every character but white space is a token."""

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        return [len("".join(text.split())) for text in texts]

    def starts(self, text: str) -> Sequence[int]:
        return [i for i, character in enumerate(text) if not character.isspace()]


def pieces(text: str) -> Pieces:
    return Pieces(text, tuple(word_ranges(text)))


def recorded(rows: list[Encoded]) -> Forward:
    def run(batch: Sequence[Encoded]) -> Sequence[Any]:
        rows.extend(batch)
        return [np.zeros(len(row), dtype=np.float32) for row in batch]

    return run


def by_row(value: Any) -> Forward:
    """All tokens of a row are worth the same."""

    def run(batch: Sequence[Encoded]) -> Sequence[Any]:
        return [np.full(len(row), value(row), dtype=np.float32) for row in batch]

    return run
