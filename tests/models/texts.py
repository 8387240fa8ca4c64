"""Documents for the tests of models, and a segmenter and counter that anybody can follow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from compressors.budget import Budget
from compressors.protocols import Pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

QUERY = "When did the {Louvre} open?"


@dataclass(frozen=True, slots=True)
class Split:
    """A ``Segmenter`` that cuts behind every full stop and space."""

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        cuts = [0, *(i + 2 for i in range(len(text)) if text.startswith(". ", i)), len(text)]
        return [(start, end) for start, end in pairwise(cuts) if start < end]


@dataclass(frozen=True, slots=True)
class Words:
    """A ``Counter`` for which a word, with the space before it, is a token."""

    name: str = "words"

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        return [len(text.split()) for text in texts]

    def starts(self, text: str) -> Sequence[int]:
        return [
            i for i in range(len(text)) if not text[i].isspace() and text[i - 1 : i].strip() == ""
        ]

    def budget(self, max_tokens: int | None = None) -> Budget:
        return Budget(self, max_tokens)


def pieces(text: str, title: str = "") -> Pieces:
    return Pieces(text, tuple(Split().spans(text)), title)


def prompt_of(query: str, document: Pieces, sentence: str) -> str:
    """Table 6 of arXiv 2412.12559, written out."""
    title = f"{document.title.strip()}\n" if document.title.strip() else ""
    return (
        "<start_of_turn>user\nQuery:\n"
        + query
        + "\nFull context:\n"
        + title
        + document.text.strip()
        + "\nSentence:\n"
        + sentence
        + "\n"
        'Is this sentence useful in answering the query? Answer only "Yes" or "No".'
        "<end_of_turn>\n<start_of_turn>model\n"
    )


DOCUMENTS = (
    pieces(
        "The Louvre is a museum in Paris. It opened in 1793. Entry is free on Fridays.", "Louvre"
    ),
    pieces("Rivers, bridges and old houses: the city has many of each.\n\nNone was found. "),
    pieces("Das Museum ist geschlossen. 1,234 cafés. 北京. {braces} %s. None.", " Many things\n"),
)
