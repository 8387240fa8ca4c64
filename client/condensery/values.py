"""What goes in and what comes out: frozen values, without their encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

FailurePolicy = Literal["pass_through", "error"]
"""What a stage that fails does: hand on the text that it was given, or fail the request."""

Priority = Literal["interactive", "bulk"]
"""Whether somebody waits for the result now; where requests wait, bulk lets them pass."""


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
    UNKNOWN = "unknown"
    """Something that this client is too old to know."""


class Scoring(Enum):
    """How the sentences or words of a document were scored."""

    MODEL = "model"
    LEXICAL = "lexical"
    """Without the model of the stage, which does not read the language."""
    UNKNOWN = "unknown"
    """In a way that this client is too old to know."""


class StageOutcome(Enum):
    """What a stage did as a whole."""

    RAN = "ran"
    SKIPPED_BUDGET = "skipped_budget"
    SKIPPED_INPUT = "skipped_input"
    SKIPPED_DEADLINE = "skipped_deadline"
    FAILED = "failed"
    SKIPPED_BREAK_EVEN = "skipped_break_even"
    """It would not have paid; ``detail`` has both sides."""
    UNKNOWN = "unknown"
    """Something that this client is too old to know."""


@dataclass(frozen=True, slots=True)
class Document:
    """A retrieved text. ``metadata`` never leaves this process.

    ``title`` is read by the models, and part of the compressed text only ``with_titles``.
    ``protected`` are half-open ranges of code points of the text that must survive.
    """

    id: str
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    protected: Sequence[tuple[int, int]] = field(default=(), hash=False)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a chain.

    ``backend`` empty: the default of the server. ``rate`` is the share of its own input that the
    stage may keep, in (0, 1]. ``options`` are those of the stage in the wire contract, such as
    ``{"threshold": 0.4}`` for ``exit``, ``{"mode": "paper"}`` for ``crag``, or
    ``{"parity": {"force_tokens": ["!"]}}`` for ``llmlingua2``.
    """

    name: str
    backend: str = ""
    rate: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Span:
    """Code points ``start`` up to, not including, ``end`` of a text, and their score in [0, 1]."""

    start: int
    end: int
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Source:
    """A range of a document that a summary was written from."""

    document_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """What became of a document. ``spans`` are sorted, disjoint, and of the text as given.

    ``document`` is the one that the caller gave, or that the server found in its index.
    """

    id: str
    outcome: Outcome
    spans: tuple[Span, ...]
    text: str
    tokens_before: int
    tokens_after: int
    document: Document
    scoring: Scoring | None = None
    """``None`` where no stage has said how it scored the document."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A text that a stage wrote, and what it wrote it from."""

    id: str
    text: str
    sources: tuple[Source, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class StageReport:
    """What a stage did; all times are in seconds. ``computing`` is this request's share."""

    stage: str
    backend: str
    outcome: StageOutcome
    detail: str
    tokens_in: int
    tokens_out: int
    queued: float
    tokenizing: float
    computing: float
    elapsed: float
    documents: tuple[tuple[str, Outcome], ...]
    tokens_spent: int = 0
    """What summarizers read and wrote."""
    tokens_reused: int = 0
    """What summaries from the server's cache did not cost again."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a result gained and cost, in tokens.

    ``saved`` was taken out of the prompt, ``spent`` was read and written by summarizers; ``net``
    is the difference. ``reused`` is what summaries from the server's cache did not cost again.
    """

    saved: int = 0
    spent: int = 0
    reused: int = 0
    net: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of a request. ``max_tokens`` is the budget, if any; times are in seconds."""

    tokens_before: int
    tokens_after: int
    tokenizer: str
    max_tokens: int | None
    within_budget: bool
    tokens_spent: int
    elapsed: float
    ledger: Ledger = field(default_factory=Ledger)
    queued: float = 0.0
    """The part of ``elapsed`` that it waited for its turn or the device, in stages or not."""

    @property
    def tokens_saved(self) -> int:
        return self.tokens_before - self.tokens_after


@dataclass(frozen=True, slots=True)
class Compression:
    """A result. ``text`` is what goes to the LLM; ``documents`` are all, in the given order."""

    text: str
    documents: tuple[DocumentResult, ...]
    summaries: tuple[Summary, ...]
    stages: tuple[StageReport, ...]
    totals: Totals
    chain: str
    insufficient_evidence: bool = False
    """Whether a stage ``exit`` found no sentence that reaches its threshold.

    The documents do not seem to answer the query then; ``text`` is the best that there is.
    """


@dataclass(frozen=True, slots=True)
class Citation:
    """A mark of the prompt, and what it stands for: a document's spans or a summary's sources."""

    mark: str
    document_id: str
    spans: tuple[Span, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the LLM counted them, 0 if it did not say, and what compression took out."""

    prompt_tokens: int
    answer_tokens: int
    saved_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of an answer: all of its ``text`` again, and how it came about."""

    text: str
    finish_reason: str
    model: str
    usage: Usage
    citations: tuple[Citation, ...]
    insufficient_evidence: bool = False
    """As in the compression that the LLM was sent."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may be at most; characters are code points."""

    max_message_bytes: int
    max_documents: int
    max_query_chars: int
    max_document_chars: int
    max_total_chars: int
    max_stages: int
    max_protected_texts: int
    max_protected_patterns: int
    max_pattern_chars: int
    max_protected_spans: int


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server is. The first backend, tokenizer and summarizer is the default."""

    version: str
    chains: Mapping[str, tuple[str, ...]]
    stages: Mapping[str, tuple[str, ...]]
    limits: Limits
    tokenizers: tuple[str, ...]
    summarizers: tuple[str, ...]
    indexes: tuple[str, ...]
    generates: bool
    device: str


DocumentLike = Document | str | Mapping[str, Any]
"""A document, its text alone, or a mapping with ``text`` and maybe the other fields."""

StageLike = Stage | str
"""A stage, or its name."""
