"""The values that travel through a chain: frozen, and never half-valid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from compressors.errors import InvalidInput
from compressors.protection import Protection

_SPACE: Final = re.compile(r"\s")


class Outcome(Enum):
    """What became of a document."""

    KEPT_WHOLE = "kept_whole"
    COMPRESSED = "compressed"
    DROPPED = "dropped"
    SUMMARIZED = "summarized"
    BLANK = "blank"
    PASSED_THROUGH_DEADLINE = "passed_through_deadline"
    PASSED_THROUGH_ERROR = "passed_through_error"
    PASSED_THROUGH_BREAK_EVEN = "passed_through_break_even"
    """Compression would have been slower or dearer than the LLM reading all of it."""


class Scoring(Enum):
    """How the sentences or words of a document were scored."""

    MODEL = "model"
    LEXICAL = "lexical"
    """Without the model of the stage, which does not read the language."""


class StageOutcome(Enum):
    """What a stage did as a whole."""

    RAN = "ran"
    SKIPPED_BUDGET = "skipped_budget"
    SKIPPED_INPUT = "skipped_input"
    SKIPPED_DEADLINE = "skipped_deadline"
    FAILED = "failed"
    SKIPPED_BREAK_EVEN = "skipped_break_even"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters ``start`` up to, not including, ``end`` of a document's text, and their score.

    The score is in [0, 1], from the last stage that scored the span; it takes no part in
    comparisons.
    """

    start: int
    end: int
    score: float = field(default=1.0, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise InvalidInput("span", f"not a span: [{self.start}, {self.end})")
        if not 0.0 <= self.score <= 1.0:
            raise InvalidInput("span.score", f"not in [0, 1]: {self.score}")

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Source:
    """Characters of a document that a summary was written from."""

    document_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """A text as the retriever, or a summarizer, gave it; never altered.

    A document with ``sources`` is a summary of them.
    """

    id: str
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    sources: tuple[Source, ...] = ()

    @property
    def is_blank(self) -> bool:
        return not self.text.strip()

    @property
    def is_summary(self) -> bool:
        return bool(self.sources)


@dataclass(frozen=True, slots=True)
class Passage:
    """A document and the sorted, disjoint spans of it that are kept.

    ``summarized`` says that a summary stands for the document now; it then keeps no spans.
    ``scoring`` is ``None`` as long as no stage has said how it scored the document; it takes no
    part in comparisons.
    """

    document: Document
    spans: tuple[Span, ...]
    summarized: bool = False
    scoring: Scoring | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        ends = [0, *(span.end for span in self.spans)]
        if any(span.start < end for span, end in zip(self.spans, ends, strict=False)):
            raise InvalidInput("spans", "not sorted and disjoint")
        if ends[-1] > len(self.document.text):
            raise InvalidInput("spans", f"{ends[-1]} is beyond {len(self.document.text)}")

    @classmethod
    def whole(cls, document: Document) -> Passage:
        """All of a document; nothing of a blank one."""
        spans = () if document.is_blank else (Span(0, len(document.text)),)
        return cls(document, spans)

    @property
    def is_whole(self) -> bool:
        """Whether nothing but white space is missing."""
        return join_slices(self.document.text, self.spans).strip() == self.document.text.strip()

    @property
    def text(self) -> str:
        return join_slices(self.document.text, self.spans)

    def scored(self, scoring: Scoring) -> Passage:
        """The same with how it was scored. That it was lexically, once, is not forgotten."""
        return self if self.scoring is Scoring.LEXICAL else replace(self, scoring=scoring)

    def keeping(self, spans: Sequence[Span]) -> Passage:
        """The same document with other spans, which must lie inside those of this passage."""
        return replace(self, spans=tuple(spans))


def join_slices(text: str, spans: Sequence[Span]) -> str:
    """The slices of ``text``, with the gap where it is white space, else one white space of it.

    Where a gap holds none, as between Chinese characters, nothing stands for it. So the result
    is always a subsequence of the text, and never longer.
    """
    return join_ranges(text, [(span.start, span.end) for span in spans])


def join_ranges(text: str, ranges: Iterable[tuple[int, int]]) -> str:
    """The same for sorted, disjoint ranges."""
    pieces: list[str] = []
    last = 0
    for start, end in ranges:
        if pieces and start > last:
            pieces.append(_joint(text[last:start]))
        pieces.append(text[start:end])
        last = end
    return "".join(pieces)


def _joint(gap: str) -> str:
    if gap == " " or gap.isspace():
        return gap
    if "\n" in gap:
        return "\n"
    space = _SPACE.search(gap)
    return space[0] if space else ""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Where the time of some work went."""

    queued: float = 0.0
    tokenizing: float = 0.0
    computing: float = 0.0
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class StageReport:
    """What a stage did: tokens in and out, time, and the state of every document after it."""

    stage: str
    backend: str
    outcome: StageOutcome
    tokens_in: int
    tokens_out: int
    seconds: Seconds
    outcomes: tuple[tuple[str, Outcome], ...]
    detail: str = ""
    tokens_spent: int = 0
    """What summarizers read and wrote."""
    tokens_reused: int = 0
    """What they had read and written earlier, for summaries that were there already."""


@dataclass(frozen=True, slots=True)
class Context:
    """What goes into every stage and what comes out.

    ``passages`` holds every document of the request in its order, kept or not, and the summaries
    that stages wrote, in the places before the first documents that they stand for.
    """

    query: str
    passages: tuple[Passage, ...]
    protection: Protection = field(default_factory=Protection)
    """What stays, in whatever document it stands."""
    allow_empty: bool = False
    with_titles: bool = False
    """Whether the text names the title of each document that it has something of."""
    insufficient_evidence: bool = False
    """Whether a stage that judges sentences found none that it would keep for its own sake."""
    notes: tuple[str, ...] = ()
    """What stages have to say of how they went, for their reports; never a text."""
    trace: tuple[StageReport, ...] = ()

    @classmethod
    def of(
        cls,
        query: str,
        documents: Sequence[Document],
        *,
        protected: Protection | Sequence[str] = (),
        allow_empty: bool = False,
        with_titles: bool = False,
    ) -> Context:
        """All of the documents; ``protected`` may be given as nothing but literal strings."""
        passages = tuple(Passage.whole(document) for document in documents)
        if not isinstance(protected, Protection):
            protected = Protection(tuple(protected))
        return cls(query, passages, protected, allow_empty, with_titles)

    def noting(self, note: str) -> Context:
        return replace(self, notes=(*self.notes, note))

    @property
    def text(self) -> str:
        return assemble(self.passages, with_titles=self.with_titles)

    @property
    def originals(self) -> tuple[Passage, ...]:
        return tuple(passage for passage in self.passages if not passage.document.is_summary)

    @property
    def summaries(self) -> tuple[Passage, ...]:
        return tuple(passage for passage in self.passages if passage.document.is_summary)


def assemble(passages: Sequence[Passage], *, with_titles: bool = False) -> str:
    """The text that goes to the LLM: what is kept of each passage, a blank line between them."""
    kept = [(passage.document, text) for passage in passages if (text := passage.text)]
    return "\n\n".join(heading(one) + text if with_titles else text for one, text in kept)


def heading(document: Document) -> str:
    """The title of a document as a line to stand above its text; empty for a summary's.

    The title of a summary is not the caller's, who would get more text than was given.
    """
    title = "" if document.is_summary else " ".join(document.title.split())
    return f"{title}\n" if title else ""


def outcome_of(passage: Passage) -> Outcome:
    """What became of a document, as far as its spans tell."""
    if passage.document.is_blank:
        return Outcome.BLANK
    if passage.summarized:
        return Outcome.SUMMARIZED
    if not passage.spans:
        return Outcome.DROPPED
    return Outcome.KEPT_WHOLE if passage.is_whole else Outcome.COMPRESSED
