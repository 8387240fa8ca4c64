"""Retrieved parts of documents, put together again, since EXIT reads a sentence in its document.

Source: spec/exit.md 1.1, the authors' final code: records of one document and one piece of
evidence are one document, in the order in which they came, whatever lies between them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from compressors.values import Document


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a document. ``key`` says of which, such as a pair of evidence and document id."""

    key: Hashable
    text: str
    title: str = ""


def documents_of(fragments: Sequence[Fragment]) -> list[Document]:
    """A document for each key, in the order of their first fragments.

    The id is the document's number among them; fragments are joined by a space, blank ones are
    left out, and the first title counts.
    """
    grouped: dict[Hashable, list[Fragment]] = {}
    for fragment in fragments:
        if fragment.text.strip():
            grouped.setdefault(fragment.key, []).append(fragment)
    return [
        Document(
            str(number),
            " ".join(fragment.text.strip() for fragment in own),
            next((fragment.title for fragment in own if fragment.title.strip()), ""),
        )
        for number, own in enumerate(grouped.values())
    ]
