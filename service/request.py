"""What a caller asks for and gets, as values: the wire contract without its encoding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compressors.chain import FailurePolicy
from compressors.errors import InvalidInput
from compressors.parity.values import ParityOptions
from compressors.protection import Protection
from compressors.values import Context, Document, Outcome, Scoring, Source, Span, StageReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitOptions:
    """Of the stage ``exit``; ``None`` leaves the default of the compressor, here and below."""

    threshold: float | None = None
    overflow: str | None = None
    """``window``, ``head-tail`` or ``error``; of the backend ``causal-lm``."""
    strict_threshold: bool | None = None
    """Whether the threshold holds within a budget too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Llmlingua2Options:
    """Of the stage ``llmlingua2``; ``parity`` is the package's way, and excludes the others."""

    threshold: float | None = None
    min_words: int | None = None
    parity: ParityOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CragOptions:
    """Of the stage ``crag``; without a summarizer it keeps representative passages.

    ``mode`` is ``adaptive`` or ``paper``.
    """

    clusters: int | None = None
    summarizer: str | None = None
    query_weight: float | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TcraSummaryOptions:
    """Of the stage ``tcra-summary``."""

    summarizer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TcraSemanticOptions:
    """Of the stage ``tcra-semantic``; ``mode`` is ``exact`` or ``fast``."""

    min_words: int | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LongLlmlinguaOptions:
    """Of the stage ``longllmlingua``; see ``compressors.longllmlingua.Method``."""

    condition_in_question: str | None = None
    reorder_context: str | None = None
    dynamic_context_compression_ratio: float | None = None
    context_budget: str | None = None
    mode: str | None = None


StageOptions = (
    ExitOptions
    | Llmlingua2Options
    | CragOptions
    | TcraSummaryOptions
    | TcraSemanticOptions
    | LongLlmlinguaOptions
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """One step of a chain that a request brings.

    ``rate`` is the share of its own input that the stage may keep. Names, options and rate are
    checked by the catalogue, which knows the place of the stage in the request.
    """

    name: str
    backend: str | None = None
    rate: float | None = None
    options: StageOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSpec:
    """How short the result must be: at most one of the two; neither: by thresholds."""

    max_tokens: int | None = None
    rate: float | None = None
    tokenizer: str | None = None

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.rate is not None:
            raise InvalidInput("budget", "max_tokens and rate exclude each other")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise InvalidInput("budget.max_tokens", f"must be at least 1, is {self.max_tokens}")
        # Written so that NaN, which compares false, is refused too.
        if self.rate is not None and not 0.0 < self.rate <= 1.0:
            raise InvalidInput("budget.rate", f"must be in (0, 1], is {self.rate}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexQuery:
    """Documents that the server is to find itself."""

    name: str
    top_k: int = 10

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise InvalidInput("index.top_k", f"must be at least 1, is {self.top_k}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to compress, for which query, and how.

    ``chain`` and ``stages`` exclude each other; neither: the chain named ``default``.
    Anything here may still be refused: ``Limits.check`` and the catalogue say by what.
    """

    query: str
    documents: tuple[Document, ...] = ()
    index: IndexQuery | None = None
    chain: str | None = None
    stages: tuple[StageSpec, ...] | None = None
    budget: BudgetSpec = field(default_factory=BudgetSpec)
    protected_texts: tuple[str, ...] = ()
    protected_patterns: tuple[str, ...] = ()
    protected_spans: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """By the id of the document."""
    failure_policy: FailurePolicy = FailurePolicy.PASS_THROUGH
    allow_empty: bool = False
    with_titles: bool = False
    """Whether the text names the titles of documents; the budget then counts these too."""
    bulk: bool = False
    """Whether nobody waits for the result now."""

    @property
    def protection(self) -> Protection:
        return Protection(self.protected_texts, self.protected_patterns, self.protected_spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentResult:
    """What became of a document, and the text that is kept of it."""

    document: Document
    outcome: Outcome
    spans: tuple[Span, ...]
    text: str
    tokens_before: int
    tokens_after: int
    scoring: Scoring | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryResult:
    """What a stage wrote, after all later stages."""

    id: str
    text: str
    sources: tuple[Source, ...]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums of a request. ``elapsed`` and, of that, ``queued`` are in seconds.

    Stages tell only of what they waited themselves.
    """

    tokens_before: int
    tokens_after: int
    tokenizer: str
    max_tokens: int | None
    within_budget: bool
    tokens_spent: int
    tokens_reused: int
    elapsed: float
    queued: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of a request. ``documents`` are in the order of the request, all of them."""

    text: str
    documents: tuple[DocumentResult, ...]
    summaries: tuple[SummaryResult, ...]
    stages: tuple[StageReport, ...]
    totals: Totals
    chain: str
    context: Context
    retrieved: bool = False
    """Whether the documents come from an index, so that the caller has no originals."""

    @property
    def insufficient_evidence(self) -> bool:
        """Whether a stage ``exit`` found no sentence that reaches its threshold."""
        return self.context.insufficient_evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """What this server is. The first backend, tokenizer and summarizer is the default."""

    version: str
    chains: tuple[tuple[str, tuple[str, ...]], ...]
    stages: tuple[tuple[str, tuple[str, ...]], ...]
    tokenizers: tuple[str, ...]
    summarizers: tuple[str, ...]
    indexes: tuple[str, ...]
    generates: bool
    device: str
