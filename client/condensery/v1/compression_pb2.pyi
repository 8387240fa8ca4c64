import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FailurePolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_POLICY_UNSPECIFIED: _ClassVar[FailurePolicy]
    FAILURE_POLICY_PASS_THROUGH: _ClassVar[FailurePolicy]
    FAILURE_POLICY_ERROR: _ClassVar[FailurePolicy]

class ExitOverflow(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXIT_OVERFLOW_UNSPECIFIED: _ClassVar[ExitOverflow]
    EXIT_OVERFLOW_WINDOW: _ClassVar[ExitOverflow]
    EXIT_OVERFLOW_HEAD_TAIL: _ClassVar[ExitOverflow]
    EXIT_OVERFLOW_ERROR: _ClassVar[ExitOverflow]

class CragMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CRAG_MODE_UNSPECIFIED: _ClassVar[CragMode]
    CRAG_MODE_ADAPTIVE: _ClassVar[CragMode]
    CRAG_MODE_PAPER: _ClassVar[CragMode]

class TcraSemanticMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TCRA_SEMANTIC_MODE_UNSPECIFIED: _ClassVar[TcraSemanticMode]
    TCRA_SEMANTIC_MODE_EXACT: _ClassVar[TcraSemanticMode]
    TCRA_SEMANTIC_MODE_FAST: _ClassVar[TcraSemanticMode]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_INTERACTIVE: _ClassVar[Priority]
    PRIORITY_BULK: _ClassVar[Priority]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_KEPT_WHOLE: _ClassVar[Outcome]
    OUTCOME_COMPRESSED: _ClassVar[Outcome]
    OUTCOME_DROPPED: _ClassVar[Outcome]
    OUTCOME_SUMMARIZED: _ClassVar[Outcome]
    OUTCOME_BLANK: _ClassVar[Outcome]
    OUTCOME_PASSED_THROUGH_DEADLINE: _ClassVar[Outcome]
    OUTCOME_PASSED_THROUGH_ERROR: _ClassVar[Outcome]
    OUTCOME_PASSED_THROUGH_BREAK_EVEN: _ClassVar[Outcome]

class Scoring(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCORING_UNSPECIFIED: _ClassVar[Scoring]
    SCORING_MODEL: _ClassVar[Scoring]
    SCORING_LEXICAL: _ClassVar[Scoring]

class StageOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_OUTCOME_UNSPECIFIED: _ClassVar[StageOutcome]
    STAGE_OUTCOME_RAN: _ClassVar[StageOutcome]
    STAGE_OUTCOME_SKIPPED_BUDGET: _ClassVar[StageOutcome]
    STAGE_OUTCOME_SKIPPED_INPUT: _ClassVar[StageOutcome]
    STAGE_OUTCOME_SKIPPED_DEADLINE: _ClassVar[StageOutcome]
    STAGE_OUTCOME_FAILED: _ClassVar[StageOutcome]
    STAGE_OUTCOME_SKIPPED_BREAK_EVEN: _ClassVar[StageOutcome]
FAILURE_POLICY_UNSPECIFIED: FailurePolicy
FAILURE_POLICY_PASS_THROUGH: FailurePolicy
FAILURE_POLICY_ERROR: FailurePolicy
EXIT_OVERFLOW_UNSPECIFIED: ExitOverflow
EXIT_OVERFLOW_WINDOW: ExitOverflow
EXIT_OVERFLOW_HEAD_TAIL: ExitOverflow
EXIT_OVERFLOW_ERROR: ExitOverflow
CRAG_MODE_UNSPECIFIED: CragMode
CRAG_MODE_ADAPTIVE: CragMode
CRAG_MODE_PAPER: CragMode
TCRA_SEMANTIC_MODE_UNSPECIFIED: TcraSemanticMode
TCRA_SEMANTIC_MODE_EXACT: TcraSemanticMode
TCRA_SEMANTIC_MODE_FAST: TcraSemanticMode
PRIORITY_UNSPECIFIED: Priority
PRIORITY_INTERACTIVE: Priority
PRIORITY_BULK: Priority
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_KEPT_WHOLE: Outcome
OUTCOME_COMPRESSED: Outcome
OUTCOME_DROPPED: Outcome
OUTCOME_SUMMARIZED: Outcome
OUTCOME_BLANK: Outcome
OUTCOME_PASSED_THROUGH_DEADLINE: Outcome
OUTCOME_PASSED_THROUGH_ERROR: Outcome
OUTCOME_PASSED_THROUGH_BREAK_EVEN: Outcome
SCORING_UNSPECIFIED: Scoring
SCORING_MODEL: Scoring
SCORING_LEXICAL: Scoring
STAGE_OUTCOME_UNSPECIFIED: StageOutcome
STAGE_OUTCOME_RAN: StageOutcome
STAGE_OUTCOME_SKIPPED_BUDGET: StageOutcome
STAGE_OUTCOME_SKIPPED_INPUT: StageOutcome
STAGE_OUTCOME_SKIPPED_DEADLINE: StageOutcome
STAGE_OUTCOME_FAILED: StageOutcome
STAGE_OUTCOME_SKIPPED_BREAK_EVEN: StageOutcome

class Document(_message.Message):
    __slots__ = ("id", "title", "text", "metadata", "protected_spans")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_SPANS_FIELD_NUMBER: _ClassVar[int]
    id: str
    title: str
    text: str
    metadata: _struct_pb2.Struct
    protected_spans: _containers.RepeatedCompositeFieldContainer[Range]
    def __init__(self, id: _Optional[str] = ..., title: _Optional[str] = ..., text: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., protected_spans: _Optional[_Iterable[_Union[Range, _Mapping]]] = ...) -> None: ...

class Range(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Budget(_message.Message):
    __slots__ = ("max_tokens", "rate", "tokenizer")
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    max_tokens: int
    rate: float
    tokenizer: str
    def __init__(self, max_tokens: _Optional[int] = ..., rate: _Optional[float] = ..., tokenizer: _Optional[str] = ...) -> None: ...

class ExitOptions(_message.Message):
    __slots__ = ("threshold", "overflow", "strict_threshold")
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    OVERFLOW_FIELD_NUMBER: _ClassVar[int]
    STRICT_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    threshold: float
    overflow: ExitOverflow
    strict_threshold: bool
    def __init__(self, threshold: _Optional[float] = ..., overflow: _Optional[_Union[ExitOverflow, str]] = ..., strict_threshold: _Optional[bool] = ...) -> None: ...

class Llmlingua2Options(_message.Message):
    __slots__ = ("threshold", "min_words", "parity")
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MIN_WORDS_FIELD_NUMBER: _ClassVar[int]
    PARITY_FIELD_NUMBER: _ClassVar[int]
    threshold: float
    min_words: int
    parity: Llmlingua2Parity
    def __init__(self, threshold: _Optional[float] = ..., min_words: _Optional[int] = ..., parity: _Optional[_Union[Llmlingua2Parity, _Mapping]] = ...) -> None: ...

class Llmlingua2Parity(_message.Message):
    __slots__ = ("rate", "force_tokens", "force_reserve_digit", "drop_consecutive", "chunk_end_tokens", "token_to_word", "use_token_level_filter", "use_context_level_filter", "context_level_rate", "context_level_target_token", "target_context", "force_context_ids")
    RATE_FIELD_NUMBER: _ClassVar[int]
    FORCE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FORCE_RESERVE_DIGIT_FIELD_NUMBER: _ClassVar[int]
    DROP_CONSECUTIVE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_END_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_TO_WORD_FIELD_NUMBER: _ClassVar[int]
    USE_TOKEN_LEVEL_FILTER_FIELD_NUMBER: _ClassVar[int]
    USE_CONTEXT_LEVEL_FILTER_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_LEVEL_RATE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_LEVEL_TARGET_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TARGET_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    FORCE_CONTEXT_IDS_FIELD_NUMBER: _ClassVar[int]
    rate: float
    force_tokens: _containers.RepeatedScalarFieldContainer[str]
    force_reserve_digit: bool
    drop_consecutive: bool
    chunk_end_tokens: _containers.RepeatedScalarFieldContainer[str]
    token_to_word: str
    use_token_level_filter: bool
    use_context_level_filter: bool
    context_level_rate: float
    context_level_target_token: int
    target_context: int
    force_context_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, rate: _Optional[float] = ..., force_tokens: _Optional[_Iterable[str]] = ..., force_reserve_digit: _Optional[bool] = ..., drop_consecutive: _Optional[bool] = ..., chunk_end_tokens: _Optional[_Iterable[str]] = ..., token_to_word: _Optional[str] = ..., use_token_level_filter: _Optional[bool] = ..., use_context_level_filter: _Optional[bool] = ..., context_level_rate: _Optional[float] = ..., context_level_target_token: _Optional[int] = ..., target_context: _Optional[int] = ..., force_context_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class CragOptions(_message.Message):
    __slots__ = ("clusters", "summarizer", "query_weight", "mode")
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    SUMMARIZER_FIELD_NUMBER: _ClassVar[int]
    QUERY_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    clusters: int
    summarizer: str
    query_weight: float
    mode: CragMode
    def __init__(self, clusters: _Optional[int] = ..., summarizer: _Optional[str] = ..., query_weight: _Optional[float] = ..., mode: _Optional[_Union[CragMode, str]] = ...) -> None: ...

class TcraSummaryOptions(_message.Message):
    __slots__ = ("summarizer",)
    SUMMARIZER_FIELD_NUMBER: _ClassVar[int]
    summarizer: str
    def __init__(self, summarizer: _Optional[str] = ...) -> None: ...

class TcraSemanticOptions(_message.Message):
    __slots__ = ("min_words", "mode")
    MIN_WORDS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    min_words: int
    mode: TcraSemanticMode
    def __init__(self, min_words: _Optional[int] = ..., mode: _Optional[_Union[TcraSemanticMode, str]] = ...) -> None: ...

class LongLlmlinguaOptions(_message.Message):
    __slots__ = ("condition_in_question", "reorder_context", "dynamic_context_compression_ratio", "context_budget", "mode")
    CONDITION_IN_QUESTION_FIELD_NUMBER: _ClassVar[int]
    REORDER_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    DYNAMIC_CONTEXT_COMPRESSION_RATIO_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_BUDGET_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    condition_in_question: str
    reorder_context: str
    dynamic_context_compression_ratio: float
    context_budget: str
    mode: str
    def __init__(self, condition_in_question: _Optional[str] = ..., reorder_context: _Optional[str] = ..., dynamic_context_compression_ratio: _Optional[float] = ..., context_budget: _Optional[str] = ..., mode: _Optional[str] = ...) -> None: ...

class Stage(_message.Message):
    __slots__ = ("name", "backend", "rate", "exit", "llmlingua2", "crag", "tcra_summary", "tcra_semantic", "longllmlingua")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    EXIT_FIELD_NUMBER: _ClassVar[int]
    LLMLINGUA2_FIELD_NUMBER: _ClassVar[int]
    CRAG_FIELD_NUMBER: _ClassVar[int]
    TCRA_SUMMARY_FIELD_NUMBER: _ClassVar[int]
    TCRA_SEMANTIC_FIELD_NUMBER: _ClassVar[int]
    LONGLLMLINGUA_FIELD_NUMBER: _ClassVar[int]
    name: str
    backend: str
    rate: float
    exit: ExitOptions
    llmlingua2: Llmlingua2Options
    crag: CragOptions
    tcra_summary: TcraSummaryOptions
    tcra_semantic: TcraSemanticOptions
    longllmlingua: LongLlmlinguaOptions
    def __init__(self, name: _Optional[str] = ..., backend: _Optional[str] = ..., rate: _Optional[float] = ..., exit: _Optional[_Union[ExitOptions, _Mapping]] = ..., llmlingua2: _Optional[_Union[Llmlingua2Options, _Mapping]] = ..., crag: _Optional[_Union[CragOptions, _Mapping]] = ..., tcra_summary: _Optional[_Union[TcraSummaryOptions, _Mapping]] = ..., tcra_semantic: _Optional[_Union[TcraSemanticOptions, _Mapping]] = ..., longllmlingua: _Optional[_Union[LongLlmlinguaOptions, _Mapping]] = ...) -> None: ...

class StageList(_message.Message):
    __slots__ = ("stages",)
    STAGES_FIELD_NUMBER: _ClassVar[int]
    stages: _containers.RepeatedCompositeFieldContainer[Stage]
    def __init__(self, stages: _Optional[_Iterable[_Union[Stage, _Mapping]]] = ...) -> None: ...

class IndexQuery(_message.Message):
    __slots__ = ("name", "top_k")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    name: str
    top_k: int
    def __init__(self, name: _Optional[str] = ..., top_k: _Optional[int] = ...) -> None: ...

class CompressRequest(_message.Message):
    __slots__ = ("query", "documents", "index", "chain", "stages", "budget", "protected_texts", "failure_policy", "allow_empty", "protected_patterns", "with_titles", "priority")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_TEXTS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_POLICY_FIELD_NUMBER: _ClassVar[int]
    ALLOW_EMPTY_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_PATTERNS_FIELD_NUMBER: _ClassVar[int]
    WITH_TITLES_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    query: str
    documents: _containers.RepeatedCompositeFieldContainer[Document]
    index: IndexQuery
    chain: str
    stages: StageList
    budget: Budget
    protected_texts: _containers.RepeatedScalarFieldContainer[str]
    failure_policy: FailurePolicy
    allow_empty: bool
    protected_patterns: _containers.RepeatedScalarFieldContainer[str]
    with_titles: bool
    priority: Priority
    def __init__(self, query: _Optional[str] = ..., documents: _Optional[_Iterable[_Union[Document, _Mapping]]] = ..., index: _Optional[_Union[IndexQuery, _Mapping]] = ..., chain: _Optional[str] = ..., stages: _Optional[_Union[StageList, _Mapping]] = ..., budget: _Optional[_Union[Budget, _Mapping]] = ..., protected_texts: _Optional[_Iterable[str]] = ..., failure_policy: _Optional[_Union[FailurePolicy, str]] = ..., allow_empty: _Optional[bool] = ..., protected_patterns: _Optional[_Iterable[str]] = ..., with_titles: _Optional[bool] = ..., priority: _Optional[_Union[Priority, str]] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("start", "end", "score")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    score: float
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ..., score: _Optional[float] = ...) -> None: ...

class DocumentResult(_message.Message):
    __slots__ = ("id", "outcome", "spans", "text", "tokens_before", "tokens_after", "title", "original_text", "metadata", "scoring")
    ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_AFTER_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_TEXT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SCORING_FIELD_NUMBER: _ClassVar[int]
    id: str
    outcome: Outcome
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    text: str
    tokens_before: int
    tokens_after: int
    title: str
    original_text: str
    metadata: _struct_pb2.Struct
    scoring: Scoring
    def __init__(self, id: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., text: _Optional[str] = ..., tokens_before: _Optional[int] = ..., tokens_after: _Optional[int] = ..., title: _Optional[str] = ..., original_text: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., scoring: _Optional[_Union[Scoring, str]] = ...) -> None: ...

class Source(_message.Message):
    __slots__ = ("document_id", "start", "end")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    start: int
    end: int
    def __init__(self, document_id: _Optional[str] = ..., start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Summary(_message.Message):
    __slots__ = ("id", "text", "sources", "tokens")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    id: str
    text: str
    sources: _containers.RepeatedCompositeFieldContainer[Source]
    tokens: int
    def __init__(self, id: _Optional[str] = ..., text: _Optional[str] = ..., sources: _Optional[_Iterable[_Union[Source, _Mapping]]] = ..., tokens: _Optional[int] = ...) -> None: ...

class StageDocument(_message.Message):
    __slots__ = ("id", "outcome")
    ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    id: str
    outcome: Outcome
    def __init__(self, id: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ...) -> None: ...

class StageReport(_message.Message):
    __slots__ = ("stage", "backend", "outcome", "detail", "tokens_in", "tokens_out", "queued", "tokenizing", "computing", "elapsed", "documents", "tokens_spent", "tokens_reused")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    TOKENS_IN_FIELD_NUMBER: _ClassVar[int]
    TOKENS_OUT_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    TOKENIZING_FIELD_NUMBER: _ClassVar[int]
    COMPUTING_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_SPENT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_REUSED_FIELD_NUMBER: _ClassVar[int]
    stage: str
    backend: str
    outcome: StageOutcome
    detail: str
    tokens_in: int
    tokens_out: int
    queued: _duration_pb2.Duration
    tokenizing: _duration_pb2.Duration
    computing: _duration_pb2.Duration
    elapsed: _duration_pb2.Duration
    documents: _containers.RepeatedCompositeFieldContainer[StageDocument]
    tokens_spent: int
    tokens_reused: int
    def __init__(self, stage: _Optional[str] = ..., backend: _Optional[str] = ..., outcome: _Optional[_Union[StageOutcome, str]] = ..., detail: _Optional[str] = ..., tokens_in: _Optional[int] = ..., tokens_out: _Optional[int] = ..., queued: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., tokenizing: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., computing: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., documents: _Optional[_Iterable[_Union[StageDocument, _Mapping]]] = ..., tokens_spent: _Optional[int] = ..., tokens_reused: _Optional[int] = ...) -> None: ...

class Ledger(_message.Message):
    __slots__ = ("saved", "spent", "reused", "net")
    SAVED_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    NET_FIELD_NUMBER: _ClassVar[int]
    saved: int
    spent: int
    reused: int
    net: int
    def __init__(self, saved: _Optional[int] = ..., spent: _Optional[int] = ..., reused: _Optional[int] = ..., net: _Optional[int] = ...) -> None: ...

class Totals(_message.Message):
    __slots__ = ("tokens_before", "tokens_after", "tokenizer", "max_tokens", "within_budget", "tokens_spent", "elapsed", "ledger", "queued")
    TOKENS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_AFTER_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    WITHIN_BUDGET_FIELD_NUMBER: _ClassVar[int]
    TOKENS_SPENT_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    LEDGER_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    tokens_before: int
    tokens_after: int
    tokenizer: str
    max_tokens: int
    within_budget: bool
    tokens_spent: int
    elapsed: _duration_pb2.Duration
    ledger: Ledger
    queued: _duration_pb2.Duration
    def __init__(self, tokens_before: _Optional[int] = ..., tokens_after: _Optional[int] = ..., tokenizer: _Optional[str] = ..., max_tokens: _Optional[int] = ..., within_budget: _Optional[bool] = ..., tokens_spent: _Optional[int] = ..., elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., ledger: _Optional[_Union[Ledger, _Mapping]] = ..., queued: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CompressResponse(_message.Message):
    __slots__ = ("text", "documents", "summaries", "stages", "totals", "chain", "insufficient_evidence")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    SUMMARIES_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    TOTALS_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    INSUFFICIENT_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    text: str
    documents: _containers.RepeatedCompositeFieldContainer[DocumentResult]
    summaries: _containers.RepeatedCompositeFieldContainer[Summary]
    stages: _containers.RepeatedCompositeFieldContainer[StageReport]
    totals: Totals
    chain: str
    insufficient_evidence: bool
    def __init__(self, text: _Optional[str] = ..., documents: _Optional[_Iterable[_Union[DocumentResult, _Mapping]]] = ..., summaries: _Optional[_Iterable[_Union[Summary, _Mapping]]] = ..., stages: _Optional[_Iterable[_Union[StageReport, _Mapping]]] = ..., totals: _Optional[_Union[Totals, _Mapping]] = ..., chain: _Optional[str] = ..., insufficient_evidence: _Optional[bool] = ...) -> None: ...

class CompressStreamRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: CompressRequest
    def __init__(self, request: _Optional[_Union[CompressRequest, _Mapping]] = ...) -> None: ...

class CompressStreamResponse(_message.Message):
    __slots__ = ("document", "result")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    document: DocumentResult
    result: CompressResponse
    def __init__(self, document: _Optional[_Union[DocumentResult, _Mapping]] = ..., result: _Optional[_Union[CompressResponse, _Mapping]] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("compress", "model", "max_answer_tokens", "temperature")
    COMPRESS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MAX_ANSWER_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    compress: CompressRequest
    model: str
    max_answer_tokens: int
    temperature: float
    def __init__(self, compress: _Optional[_Union[CompressRequest, _Mapping]] = ..., model: _Optional[str] = ..., max_answer_tokens: _Optional[int] = ..., temperature: _Optional[float] = ...) -> None: ...

class Citation(_message.Message):
    __slots__ = ("mark", "document_id", "spans", "sources")
    MARK_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    mark: str
    document_id: str
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    sources: _containers.RepeatedCompositeFieldContainer[Source]
    def __init__(self, mark: _Optional[str] = ..., document_id: _Optional[str] = ..., spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., sources: _Optional[_Iterable[_Union[Source, _Mapping]]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("prompt_tokens", "answer_tokens", "saved_tokens")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SAVED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    answer_tokens: int
    saved_tokens: int
    def __init__(self, prompt_tokens: _Optional[int] = ..., answer_tokens: _Optional[int] = ..., saved_tokens: _Optional[int] = ...) -> None: ...

class GenerateEnd(_message.Message):
    __slots__ = ("finish_reason", "usage", "citations", "model", "insufficient_evidence")
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    CITATIONS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    INSUFFICIENT_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    finish_reason: str
    usage: Usage
    citations: _containers.RepeatedCompositeFieldContainer[Citation]
    model: str
    insufficient_evidence: bool
    def __init__(self, finish_reason: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., citations: _Optional[_Iterable[_Union[Citation, _Mapping]]] = ..., model: _Optional[str] = ..., insufficient_evidence: _Optional[bool] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("compressed", "text", "end")
    COMPRESSED_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    compressed: CompressResponse
    text: str
    end: GenerateEnd
    def __init__(self, compressed: _Optional[_Union[CompressResponse, _Mapping]] = ..., text: _Optional[str] = ..., end: _Optional[_Union[GenerateEnd, _Mapping]] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ChainInfo(_message.Message):
    __slots__ = ("name", "stages")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    name: str
    stages: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., stages: _Optional[_Iterable[str]] = ...) -> None: ...

class StageInfo(_message.Message):
    __slots__ = ("name", "backends")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    backends: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., backends: _Optional[_Iterable[str]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_message_bytes", "max_documents", "max_query_chars", "max_document_chars", "max_total_chars", "max_stages", "max_protected_texts", "max_protected_patterns", "max_pattern_chars", "max_protected_spans")
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_QUERY_CHARS_FIELD_NUMBER: _ClassVar[int]
    MAX_DOCUMENT_CHARS_FIELD_NUMBER: _ClassVar[int]
    MAX_TOTAL_CHARS_FIELD_NUMBER: _ClassVar[int]
    MAX_STAGES_FIELD_NUMBER: _ClassVar[int]
    MAX_PROTECTED_TEXTS_FIELD_NUMBER: _ClassVar[int]
    MAX_PROTECTED_PATTERNS_FIELD_NUMBER: _ClassVar[int]
    MAX_PATTERN_CHARS_FIELD_NUMBER: _ClassVar[int]
    MAX_PROTECTED_SPANS_FIELD_NUMBER: _ClassVar[int]
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
    def __init__(self, max_message_bytes: _Optional[int] = ..., max_documents: _Optional[int] = ..., max_query_chars: _Optional[int] = ..., max_document_chars: _Optional[int] = ..., max_total_chars: _Optional[int] = ..., max_stages: _Optional[int] = ..., max_protected_texts: _Optional[int] = ..., max_protected_patterns: _Optional[int] = ..., max_pattern_chars: _Optional[int] = ..., max_protected_spans: _Optional[int] = ...) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "chains", "stages", "limits", "tokenizers", "summarizers", "indexes", "generates", "device")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHAINS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    TOKENIZERS_FIELD_NUMBER: _ClassVar[int]
    SUMMARIZERS_FIELD_NUMBER: _ClassVar[int]
    INDEXES_FIELD_NUMBER: _ClassVar[int]
    GENERATES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    version: str
    chains: _containers.RepeatedCompositeFieldContainer[ChainInfo]
    stages: _containers.RepeatedCompositeFieldContainer[StageInfo]
    limits: Limits
    tokenizers: _containers.RepeatedScalarFieldContainer[str]
    summarizers: _containers.RepeatedScalarFieldContainer[str]
    indexes: _containers.RepeatedScalarFieldContainer[str]
    generates: bool
    device: str
    def __init__(self, version: _Optional[str] = ..., chains: _Optional[_Iterable[_Union[ChainInfo, _Mapping]]] = ..., stages: _Optional[_Iterable[_Union[StageInfo, _Mapping]]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., tokenizers: _Optional[_Iterable[str]] = ..., summarizers: _Optional[_Iterable[str]] = ..., indexes: _Optional[_Iterable[str]] = ..., generates: _Optional[bool] = ..., device: _Optional[str] = ...) -> None: ...
