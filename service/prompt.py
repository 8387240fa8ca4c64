"""The prompt for the downstream LLM, and what every citation mark in it stands for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from compressors.values import Passage, Source, Span
from service.request import Result

DEFAULT: Final = """\
Context information is below. Each document begins with its mark in brackets.
---------------------
{context}
---------------------
Given the context information and not prior knowledge, answer the query. Cite the marks of the \
documents that the answer rests on. Do not provide any explanation.
Query: {query}
Answer:"""
"""The reader prompt of EXIT (arXiv 2412.12559, table 7), with citations."""

_PLACEHOLDER = re.compile(r"\{(query|context)\}")
# An id that a model can copy without a slip, and that does not look like text.
_SIMPLE_ID = re.compile(r"[A-Za-z0-9][\w.:#/-]{0,31}")
# Brackets, and what looks like them.
_OPEN, _CLOSE = r"\[［﹇【〔〖⟦❲⁅", r"\]］﹈】〕〗⟧❳⁆"
_BRACKETED = re.compile(rf"[{_OPEN}]([^{_OPEN}{_CLOSE}]+)[{_CLOSE}]")
# What a reader does not see: spaces, control characters, and others without any width.
_UNSEEN = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]+"
)


@dataclass(frozen=True, slots=True)
class Citation:
    """A mark, and the document or summary that it stands for."""

    mark: str
    document_id: str
    spans: tuple[Span, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent to the LLM, and the meaning of its marks."""

    text: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt with places for ``{query}`` and ``{context}``, each at least once.

    All other braces, in the template as in the texts, are just that.
    """

    text: str = DEFAULT

    def __post_init__(self) -> None:
        found = set(_PLACEHOLDER.findall(self.text))
        if missing := {"query", "context"} - found:
            raise ValueError(f"prompt_template_file: {{{min(missing)}}} is missing")

    @classmethod
    def load(cls, path: Path | None) -> Template:
        """From a file, or the built-in one. Raises ``ValueError``."""
        if path is None:
            return cls()
        try:
            return cls(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"prompt_template_file: cannot read {path}: {error}") from error

    def fill(self, result: Result) -> Prompt:
        """The prompt for what a request kept, with a mark and the title of every document in it.

        It is the same where the evidence is insufficient: whoever asks hears of that beside the
        answer, and ``allow_empty`` is what leaves the context empty then.
        """
        kept = [passage for passage in result.context.passages if passage.text]
        marks = _marks(kept)
        context = "\n\n".join(_cited(m, p) for m, p in zip(marks, kept, strict=True))
        values = {"query": result.context.query, "context": context}
        # One pass, so that a text with a placeholder in it stays as it is.
        text = _PLACEHOLDER.sub(lambda match: values[match[1]], self.text)
        return Prompt(text, tuple(_citation(m, p) for m, p in zip(marks, kept, strict=True)))


def _marks(passages: list[Passage]) -> list[str]:
    """A mark for each, none of which stands in any of their texts.

    Otherwise a document could bring sentences of its own under the mark of another one.
    """
    taken = {label for passage in passages for label in _bracketed(passage)}
    ids = [passage.document.id for passage in passages]
    return next(
        [f"[{label}]" for label in labels]
        for labels in _labels(ids)
        if taken.isdisjoint(map(_plain, labels))
    )


def _labels(ids: list[str]) -> Iterator[list[str]]:
    """What may stand between the brackets: the ids, or else numbers."""
    if all(_SIMPLE_ID.fullmatch(id_) for id_ in ids) and len({*map(_plain, ids)}) == len(ids):
        yield ids
    for letters in count():
        yield [f"{'d' * letters}{number}" for number in range(1, len(ids) + 1)]


def _bracketed(passage: Passage) -> set[str]:
    """What stands in brackets in a passage or its title."""
    texts = (passage.document.title, passage.text)
    return {_plain(found) for text in texts for found in set(_BRACKETED.findall(text))}


def _plain(text: str) -> str:
    """A text without what makes no difference to a reader: case, width, spaces."""
    if text.isascii() and text.isprintable():
        return text.replace(" ", "").lower()
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text).casefold())


def _cited(mark: str, passage: Passage) -> str:
    title = " ".join(passage.document.title.split())
    return f"{mark} {title}\n{passage.text}" if title else f"{mark} {passage.text}"


def _citation(mark: str, passage: Passage) -> Citation:
    document = passage.document
    spans = () if document.is_summary else passage.spans
    return Citation(mark, document.id, spans, document.sources)
