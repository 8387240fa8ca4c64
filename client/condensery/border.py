"""Values to messages and back: the one place that knows both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from condensery.errors import InvalidRequest, ServerFailure
from condensery.request import AnswerOptions, Request, stage_of
from condensery.v1 import compression_pb2 as pb
from condensery.values import (
    Citation,
    Compression,
    Document,
    DocumentResult,
    Ledger,
    Limits,
    Outcome,
    Scoring,
    ServerInfo,
    Source,
    Span,
    Stage,
    StageOutcome,
    StageReport,
    Summary,
    Totals,
    Usage,
)

_POLICIES = {"pass_through": pb.FAILURE_POLICY_PASS_THROUGH, "error": pb.FAILURE_POLICY_ERROR}


def request_to_pb(request: Request) -> pb.CompressRequest:
    """Raises ``InvalidRequest`` for what does not fit into a message."""
    message = pb.CompressRequest(
        failure_policy=_POLICIES[request.on_failure],
        allow_empty=request.allow_empty,
        with_titles=request.with_titles,
        priority=pb.PRIORITY_BULK if request.priority == "bulk" else None,
    )
    _set(message, "query", request.query, "query")
    for number, document in enumerate(request.documents):
        _document_to_pb(message.documents.add(), document, f"documents[{number}]")
    _set(message, "chain", request.chain, "chain")
    for number, stage in enumerate(request.stages or ()):
        _stage_to_pb(message.stages.stages.add(), stage_of(stage), f"stages.stages[{number}]")
    if request.stages is not None:
        message.stages.SetInParent()
    _set(message.budget, "max_tokens", request.max_tokens, "budget.max_tokens")
    _set(message.budget, "rate", request.rate, "budget.rate")
    _set(message.budget, "tokenizer", request.tokenizer or None, "budget.tokenizer")
    _set(message.index, "name", request.index, "index.name")
    _set(message.index, "top_k", request.top_k, "index.top_k")
    for number, text in enumerate(request.protected):
        _append(message.protected_texts, text, f"protected_texts[{number}]")
    for number, text in enumerate(request.protected_patterns):
        _append(message.protected_patterns, text, f"protected_patterns[{number}]")
    return message


def generate_to_pb(request: Request, options: AnswerOptions) -> pb.GenerateRequest:
    """Raises ``InvalidRequest`` for what does not fit into a message."""
    message = pb.GenerateRequest(compress=request_to_pb(request))
    for field in AnswerOptions.__annotations__:
        _set(message, field, options.get(field), field)
    return message


def _document_to_pb(message: pb.Document, document: Document, path: str) -> None:
    # Not the metadata: the server would only carry it along, and not all of it is JSON.
    _set(message, "id", document.id, f"{path}.id")
    _set(message, "title", document.title, f"{path}.title")
    _set(message, "text", document.text, f"{path}.text")
    for number, span in enumerate(document.protected):
        own = f"{path}.protected_spans[{number}]"
        sent = message.protected_spans.add()
        try:
            start, end = span
        except (TypeError, ValueError) as error:
            raise InvalidRequest(own, "must be a start and an end") from error
        _set(sent, "start", start, f"{own}.start")
        _set(sent, "end", end, f"{own}.end")


def _stage_to_pb(message: pb.Stage, stage: Stage, path: str) -> None:
    _set(message, "name", stage.name, f"{path}.name")
    _set(message, "backend", stage.backend, f"{path}.backend")
    _set(message, "rate", stage.rate, f"{path}.rate")
    if not stage.options:
        return
    name = str(stage.name).replace("-", "_")
    known = {field.name for field in pb.Stage.DESCRIPTOR.oneofs_by_name["options"].fields}
    if name not in known:
        raise InvalidRequest(f"{path}.options", f"this client knows none for {stage.name!r}")
    _fill(getattr(message, name), stage.options, f"{path}.{name}")


def _fill(message: Message, values: Mapping[str, object], path: str) -> None:
    """Set fields of options, which may hold enums by their short names, lists and mappings."""
    message.SetInParent()
    known = message.DESCRIPTOR.fields_by_name
    for key, value in values.items():
        own = f"{path}.{key}"
        if key not in known:
            raise InvalidRequest(own, f"unknown; there are {', '.join(known)}")
        field = known[key]
        if isinstance(value, Mapping) and field.message_type is not None:
            _fill(getattr(message, key), value, own)
        elif field.is_repeated:
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise InvalidRequest(own, f"must be a list, is a {type(value).__name__}")
            for number, each in enumerate(value):
                _append(getattr(message, key), each, f"{own}[{number}]")
        elif isinstance(value, str) and field.enum_type is not None:
            _set(message, key, _enum(field.enum_type, value, own), own)
        else:
            _set(message, key, value, own)


def _enum(enum: Any, name: str, path: str) -> int:  # noqa: ANN401 - the stubs know two of it
    """The value that is called so, with or without what all names of the enum begin with."""
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    by_name = {each.name.removeprefix(prefix).lower(): each.number for each in enum.values}
    if name.lower() not in by_name:
        raise InvalidRequest(path, f"must be one of {', '.join([*by_name][1:])}; is {name!r}")
    return int(by_name[name.lower()])


def _set(message: Message, field: str, value: object, path: str) -> None:
    """Set a field unless the value is ``None``, which leaves it absent."""
    if value is None:
        return
    try:
        setattr(message, field, value)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(path, _problem(value, error)) from error


def _append(texts: object, value: str, path: str) -> None:
    try:
        texts.append(value)  # type: ignore[attr-defined] # the stubs' container has no public name
    except (TypeError, ValueError) as error:
        raise InvalidRequest(path, _problem(value, error)) from error


def _problem(value: object, error: Exception) -> str:
    """What is wrong with a value, without any of the text that it may hold."""
    if isinstance(error, UnicodeEncodeError):
        return f"a lone surrogate at character {error.start}"
    if isinstance(value, int | float):
        return f"does not fit: {value}"
    return f"does not take a {type(value).__name__}"


def compression_from_pb(message: pb.CompressResponse, documents: Sequence[Document]) -> Compression:
    """``documents`` are those that were sent; none: the server found them in its index.

    Raises ``ServerFailure`` if the answer is not about them, one by one and in their order.
    """
    given = {document.id: document for document in documents}
    results = tuple(document_from_pb(each, given) for each in message.documents)
    return compression_of(message, results, documents)


def compression_of(
    message: pb.CompressResponse,
    results: Sequence[DocumentResult],
    documents: Sequence[Document],
) -> Compression:
    """The result of ``message`` with ``results`` for its documents; raises as above."""
    if documents and [each.id for each in results] != [each.id for each in documents]:
        raise ServerFailure("the answer is not about the documents that were sent")
    return Compression(
        text=message.text,
        documents=tuple(results),
        summaries=tuple(_summary_from_pb(each) for each in message.summaries),
        stages=tuple(_report_from_pb(each) for each in message.stages),
        totals=_totals_from_pb(message.totals),
        chain=message.chain,
        insufficient_evidence=message.insufficient_evidence,
    )


def document_from_pb(message: pb.DocumentResult, given: Mapping[str, Document]) -> DocumentResult:
    """``given`` holds the originals by id; for others the message brings them along."""
    document = given.get(message.id) or Document(
        message.id, message.original_text, message.title, MessageToDict(message.metadata)
    )
    return DocumentResult(
        id=message.id,
        outcome=_outcome_from_pb(message.outcome),
        spans=tuple(_span_from_pb(each) for each in message.spans),
        text=message.text,
        tokens_before=message.tokens_before,
        tokens_after=message.tokens_after,
        document=document,
        scoring=_scoring_from_pb(message.scoring),
    )


def citation_from_pb(message: pb.Citation) -> Citation:
    return Citation(
        mark=message.mark,
        document_id=message.document_id,
        spans=tuple(_span_from_pb(each) for each in message.spans),
        sources=tuple(_source_from_pb(each) for each in message.sources),
    )


def usage_from_pb(message: pb.Usage) -> Usage:
    return Usage(message.prompt_tokens, message.answer_tokens, message.saved_tokens)


def server_info_from_pb(message: pb.GetServerInfoResponse) -> ServerInfo:
    limits = message.limits
    return ServerInfo(
        version=message.version,
        chains={each.name: tuple(each.stages) for each in message.chains},
        stages={each.name: tuple(each.backends) for each in message.stages},
        limits=Limits(**{f.name: getattr(limits, f.name) for f in limits.DESCRIPTOR.fields}),
        tokenizers=tuple(message.tokenizers),
        summarizers=tuple(message.summarizers),
        indexes=tuple(message.indexes),
        generates=message.generates,
        device=message.device,
    )


def _span_from_pb(message: pb.Span) -> Span:
    return Span(message.start, message.end, message.score)


def _source_from_pb(message: pb.Source) -> Source:
    return Source(message.document_id, message.start, message.end)


def _summary_from_pb(message: pb.Summary) -> Summary:
    sources = tuple(_source_from_pb(each) for each in message.sources)
    return Summary(message.id, message.text, sources, message.tokens)


def _report_from_pb(message: pb.StageReport) -> StageReport:
    outcome = _short(pb.StageOutcome, message.outcome)
    return StageReport(
        stage=message.stage,
        backend=message.backend,
        outcome=StageOutcome.__members__.get(outcome, StageOutcome.UNKNOWN),
        detail=message.detail,
        tokens_in=message.tokens_in,
        tokens_out=message.tokens_out,
        queued=_seconds(message.queued),
        tokenizing=_seconds(message.tokenizing),
        computing=_seconds(message.computing),
        elapsed=_seconds(message.elapsed),
        documents=tuple((each.id, _outcome_from_pb(each.outcome)) for each in message.documents),
        tokens_spent=message.tokens_spent,
        tokens_reused=message.tokens_reused,
    )


def _totals_from_pb(message: pb.Totals) -> Totals:
    ledger = message.ledger
    return Totals(
        tokens_before=message.tokens_before,
        tokens_after=message.tokens_after,
        tokenizer=message.tokenizer,
        max_tokens=message.max_tokens or None,
        within_budget=message.within_budget,
        tokens_spent=message.tokens_spent,
        elapsed=_seconds(message.elapsed),
        ledger=Ledger(ledger.saved, ledger.spent, ledger.reused, ledger.net),
        queued=_seconds(message.queued),
    )


def _outcome_from_pb(number: pb.Outcome) -> Outcome:
    return Outcome.__members__.get(_short(pb.Outcome, number), Outcome.UNKNOWN)


def _scoring_from_pb(number: pb.Scoring) -> Scoring | None:
    known = Scoring.__members__.get(_short(pb.Scoring, number), Scoring.UNKNOWN)
    return known if number else None


def _short(enum: Any, number: int) -> str:  # noqa: ANN401 - the stubs hide what the enums are
    """The name of a value without what all names of its enum begin with; empty if unknown."""
    names = enum.DESCRIPTOR.values_by_number
    prefix = names[0].name.removesuffix("UNSPECIFIED")
    return names[number].name.removeprefix(prefix) if number in names else ""


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9
