"""The prompt for the downstream LLM, and what every citation mark in it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
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
    ids = [passage.document.id for passage in passages]
    if not all(_SIMPLE_ID.fullmatch(id_) for id_ in ids):
        ids = [str(number) for number in range(1, len(ids) + 1)]
    return [f"[{id_}]" for id_ in ids]


def _cited(mark: str, passage: Passage) -> str:
    title = " ".join(passage.document.title.split())
    return f"{mark} {title}\n{passage.text}" if title else f"{mark} {passage.text}"


def _citation(mark: str, passage: Passage) -> Citation:
    document = passage.document
    spans = () if document.is_summary else passage.spans
    return Citation(mark, document.id, spans, document.sources)
