"""The prompts that EXIT's rows stand for, and one that a causal language model reads, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import AutoTokenizer

from compressors.models.exit.overflow import Overflow
from compressors.models.exit.prompt import END, START, PromptTokenizer
from compressors.models.exit.rows import Asked, Rows
from compressors.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from compressors.protocols import Pieces


def asked_of(
    folder: Path,
    query: str,
    document: Pieces,
    *,
    max_tokens: int = 512,
    overflow: Overflow = Overflow.WINDOW,
) -> list[Asked]:
    """The rows of a document."""
    vocabulary = Vocabulary.load(str(folder), controls=(START, END))
    return list(Rows(PromptTokenizer(vocabulary), max_tokens, overflow).of(query, document))


def prompts_of(
    folder: Path,
    query: str,
    documents: Sequence[Pieces],
    *,
    max_tokens: int = 512,
    overflow: Overflow = Overflow.WINDOW,
) -> list[tuple[int, ...]]:
    """What the model reads for each sentence, in order."""
    found: dict[tuple[int, int], tuple[int, ...]] = {}
    for number, document in enumerate(documents):
        rows = asked_of(folder, query, document, max_tokens=max_tokens, overflow=overflow)
        for asked in rows:
            for place, prompt in zip(asked.places, asked.row.prompts, strict=True):
                found[number, place] = prompt
    return [found[key] for key in sorted(found)]


def text_of(folder: Path, prompt: Sequence[int]) -> str:
    return str(AutoTokenizer.from_pretrained(folder).decode(list(prompt)))
