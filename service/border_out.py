"""The border to the wire on the way out: from values to messages."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.duration_pb2 import Duration

from compressors.values import Outcome, Scoring, Source, Span, StageOutcome, StageReport
from condensery.v1 import compression_pb2 as pb
from service.limits import Limits
from service.llm import AnswerEnd
from service.prompt import Citation
from service.request import DocumentResult, Result, ServerInfo, SummaryResult, Totals


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
        insufficient_evidence=result.insufficient_evidence,
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
        scoring=_SCORINGS[result.scoring],
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
        tokens_spent=report.tokens_spent,
        tokens_reused=report.tokens_reused,
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
        queued=_duration(totals.queued),
        ledger=_ledger_to_pb(totals),
    )


def _ledger_to_pb(totals: Totals) -> pb.Ledger:
    saved = totals.tokens_before - totals.tokens_after
    return pb.Ledger(
        saved=saved,
        spent=totals.tokens_spent,
        reused=totals.tokens_reused,
        net=saved - totals.tokens_spent,
    )


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(max(0.0, seconds) * 1e9))
    return duration


# Protobuf takes the names of an enum's values for the values.
_OUTCOMES = {outcome: f"OUTCOME_{outcome.name}" for outcome in Outcome}
_SCORINGS = {None: "SCORING_UNSPECIFIED"} | {each: f"SCORING_{each.name}" for each in Scoring}
_STAGE_OUTCOMES = {outcome: f"STAGE_OUTCOME_{outcome.name}" for outcome in StageOutcome}


def answer_to_pb(
    end: AnswerEnd, result: Result, *, citations: Iterable[Citation]
) -> pb.GenerateEnd:
    return pb.GenerateEnd(
        finish_reason=wired(end.finish_reason),
        usage=pb.Usage(
            prompt_tokens=end.prompt_tokens or 0,
            answer_tokens=end.answer_tokens or 0,
            saved_tokens=result.totals.tokens_before - result.totals.tokens_after,
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
        insufficient_evidence=result.insufficient_evidence,
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
