"""The border to the wire: from messages to values, and from values to messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from compressors.chain import FailurePolicy
from compressors.errors import InvalidInput, NotFound
from compressors.values import Document, Outcome, Source, Span, StageOutcome, StageReport
from condensery.v1 import compression_pb2 as pb
from service.limits import Limits
from service.llm import AnswerEnd, Question
from service.prompt import Citation
from service.request import (
    BudgetSpec,
    CragOptions,
    DocumentResult,
    ExitOptions,
    IndexQuery,
    Llmlingua2Options,
    Request,
    Result,
    ServerInfo,
    StageOptions,
    StageSpec,
    SummaryResult,
    TcraSemanticOptions,
    TcraSummaryOptions,
    Totals,
)

_POLICIES = {
    pb.FAILURE_POLICY_UNSPECIFIED: FailurePolicy.PASS_THROUGH,
    pb.FAILURE_POLICY_PASS_THROUGH: FailurePolicy.PASS_THROUGH,
    pb.FAILURE_POLICY_ERROR: FailurePolicy.ERROR,
}


@contextmanager
def inside(field: str) -> Iterator[None]:
    """Name fields from the outer message, whose ``field`` holds the one that is looked at."""
    try:
        yield
    except (InvalidInput, NotFound) as error:
        path = f"{field}.{error.field}" if error.field else field
        raise type(error)(path, error.problem) from error


def request_from_pb(message: pb.CompressRequest) -> Request:
    """Raises ``InvalidInput`` where the message cannot be said in values."""
    if message.failure_policy not in _POLICIES:
        raise InvalidInput("failure_policy", f"is not known: {message.failure_policy}")
    given = message.WhichOneof("pipeline")
    return Request(
        query=message.query,
        documents=tuple(_document_from_pb(document) for document in message.documents),
        index=_index_from_pb(message.index) if message.HasField("index") else None,
        chain=message.chain or None,
        stages=_stages_from_pb(message.stages) if given == "stages" else None,
        budget=_budget_from_pb(message.budget),
        protected_texts=tuple(message.protected_texts),
        protected_patterns=tuple(message.protected_patterns),
        protected_spans=_spans_from_pb(message.documents),
        failure_policy=_POLICIES[message.failure_policy],
        allow_empty=message.allow_empty,
    )


def _document_from_pb(message: pb.Document) -> Document:
    # Metadata stay where they are: nobody reads them, and the caller has them.
    return Document(message.id, message.text, message.title)


def _spans_from_pb(
    documents: Iterable[pb.Document],
) -> dict[str, tuple[tuple[int, int], ...]]:
    return {
        document.id: tuple((each.start, each.end) for each in document.protected_spans)
        for document in documents
        if document.protected_spans
    }


def _index_from_pb(message: pb.IndexQuery) -> IndexQuery:
    if message.HasField("top_k"):
        return IndexQuery(name=message.name, top_k=message.top_k)
    return IndexQuery(name=message.name)


def _budget_from_pb(message: pb.Budget) -> BudgetSpec:
    given = message.WhichOneof("limit")
    return BudgetSpec(
        max_tokens=message.max_tokens if given == "max_tokens" else None,
        rate=message.rate if given == "rate" else None,
        tokenizer=message.tokenizer or None,
    )


def _stages_from_pb(message: pb.StageList) -> tuple[StageSpec, ...]:
    return tuple(
        StageSpec(
            name=stage.name,
            backend=stage.backend or None,
            rate=stage.rate if stage.HasField("rate") else None,
            options=_options_from_pb(stage),
        )
        for stage in message.stages
    )


def _options_from_pb(stage: pb.Stage) -> StageOptions | None:
    match stage.WhichOneof("options"):
        case "exit":
            return ExitOptions(threshold=_set(stage.exit, "threshold"))
        case "llmlingua2":
            given = stage.llmlingua2
            return Llmlingua2Options(
                threshold=_set(given, "threshold"), min_words=_set(given, "min_words")
            )
        case "crag":
            return CragOptions(
                clusters=_set(stage.crag, "clusters"),
                summarizer=stage.crag.summarizer or None,
                query_weight=_set(stage.crag, "query_weight"),
            )
        case "tcra_summary":
            return TcraSummaryOptions(summarizer=stage.tcra_summary.summarizer or None)
        case "tcra_semantic":
            return TcraSemanticOptions(min_words=_set(stage.tcra_semantic, "min_words"))
    return None


def _set(message: Message, field: str) -> Any:  # noqa: ANN401 - a field of any type
    return getattr(message, field) if message.HasField(field) else None


def question_from_pb(message: pb.GenerateRequest, *, deadline: float) -> Question:
    """The question without its prompt. Raises ``InvalidInput``."""
    return Question(
        prompt="",
        model=message.model or None,
        max_tokens=message.max_answer_tokens if message.HasField("max_answer_tokens") else None,
        temperature=message.temperature if message.HasField("temperature") else 0.0,
        deadline=deadline,
    )


def response_to_pb(result: Result) -> pb.CompressResponse:
    response = end_to_pb(result)
    response.documents.extend(
        document_to_pb(document, retrieved=result.retrieved) for document in result.documents
    )
    return response


def end_to_pb(result: Result) -> pb.CompressResponse:
    """All but the documents."""
    return pb.CompressResponse(
        text=result.text,
        summaries=[_summary_to_pb(summary) for summary in result.summaries],
        stages=[_report_to_pb(report) for report in result.stages],
        totals=_totals_to_pb(result.totals),
        chain=result.chain,
    )


def document_to_pb(result: DocumentResult, *, retrieved: bool) -> pb.DocumentResult:
    """``retrieved`` says that the caller has no original, so that it comes with the result."""
    message = pb.DocumentResult(
        id=result.document.id,
        outcome=_OUTCOMES[result.outcome],
        spans=_spans_to_pb(result.spans),
        text=result.text,
        tokens_before=result.tokens_before,
        tokens_after=result.tokens_after,
    )
    if retrieved:
        message.title = result.document.title
        message.original_text = result.document.text
        message.metadata.update(result.document.metadata)
    return message


def _spans_to_pb(spans: Iterable[Span]) -> list[pb.Span]:
    return [pb.Span(start=s.start, end=s.end, score=s.score) for s in spans]


def _sources_to_pb(sources: Iterable[Source]) -> list[pb.Source]:
    return [pb.Source(document_id=s.document_id, start=s.start, end=s.end) for s in sources]


def _summary_to_pb(summary: SummaryResult) -> pb.Summary:
    return pb.Summary(
        id=summary.id,
        text=summary.text,
        sources=_sources_to_pb(summary.sources),
        tokens=summary.tokens,
    )


def _report_to_pb(report: StageReport) -> pb.StageReport:
    return pb.StageReport(
        stage=report.stage,
        backend=report.backend,
        outcome=_STAGE_OUTCOMES[report.outcome],
        detail=report.detail,
        tokens_in=report.tokens_in,
        tokens_out=report.tokens_out,
        queued=_duration(report.seconds.queued),
        tokenizing=_duration(report.seconds.tokenizing),
        computing=_duration(report.seconds.computing),
        elapsed=_duration(report.seconds.elapsed),
        documents=[
            pb.StageDocument(id=id_, outcome=_OUTCOMES[outcome]) for id_, outcome in report.outcomes
        ],
    )


def _totals_to_pb(totals: Totals) -> pb.Totals:
    return pb.Totals(
        tokens_before=totals.tokens_before,
        tokens_after=totals.tokens_after,
        tokenizer=totals.tokenizer,
        max_tokens=totals.max_tokens or 0,
        within_budget=totals.within_budget,
        tokens_spent=totals.tokens_spent,
        elapsed=_duration(totals.elapsed),
    )


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(max(0.0, seconds) * 1e9))
    return duration


# Protobuf takes the names of an enum's values for the values.
_OUTCOMES = {outcome: f"OUTCOME_{outcome.name}" for outcome in Outcome}
_STAGE_OUTCOMES = {outcome: f"STAGE_OUTCOME_{outcome.name}" for outcome in StageOutcome}


def answer_to_pb(
    end: AnswerEnd, *, citations: Iterable[Citation], saved_tokens: int
) -> pb.GenerateEnd:
    return pb.GenerateEnd(
        finish_reason=wired(end.finish_reason),
        usage=pb.Usage(
            prompt_tokens=end.prompt_tokens or 0,
            answer_tokens=end.answer_tokens or 0,
            saved_tokens=saved_tokens,
        ),
        citations=[
            pb.Citation(
                mark=citation.mark,
                document_id=citation.document_id,
                spans=_spans_to_pb(citation.spans),
                sources=_sources_to_pb(citation.sources),
            )
            for citation in citations
        ],
        model=wired(end.model),
    )


def wired(text: str) -> str:
    """A text as protobuf can hold it. An LLM may send half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def info_to_pb(info: ServerInfo, limits: Limits) -> pb.GetServerInfoResponse:
    return pb.GetServerInfoResponse(
        version=info.version,
        chains=[pb.ChainInfo(name=name, stages=stages) for name, stages in info.chains],
        stages=[pb.StageInfo(name=name, backends=backends) for name, backends in info.stages],
        limits=pb.Limits(
            max_message_bytes=limits.max_message_bytes,
            max_documents=limits.max_documents,
            max_query_chars=limits.max_query_chars,
            max_document_chars=limits.max_document_chars,
            max_total_chars=limits.max_total_chars,
            max_stages=limits.max_stages,
            max_protected_texts=limits.max_protected_texts,
            max_protected_patterns=limits.max_protected_patterns,
            max_pattern_chars=limits.max_pattern_chars,
            max_protected_spans=limits.max_protected_spans,
        ),
        tokenizers=info.tokenizers,
        summarizers=info.summarizers,
        indexes=info.indexes,
        generates=info.generates,
        device=info.device,
    )
