"""The border to the wire on the way in: from messages to values."""

from __future__ import annotations

from collections.abc import Iterable

from compressors.chain import FailurePolicy
from compressors.errors import InvalidInput
from compressors.values import Document
from condensery.v1 import compression_pb2 as pb
from service.border_options import inside, options_from_pb
from service.llm import Question
from service.request import (
    BudgetSpec,
    IndexQuery,
    Request,
    StageSpec,
)

_POLICIES = {
    pb.FAILURE_POLICY_UNSPECIFIED: FailurePolicy.PASS_THROUGH,
    pb.FAILURE_POLICY_PASS_THROUGH: FailurePolicy.PASS_THROUGH,
    pb.FAILURE_POLICY_ERROR: FailurePolicy.ERROR,
}
_BULK = {
    pb.PRIORITY_UNSPECIFIED: False,
    pb.PRIORITY_INTERACTIVE: False,
    pb.PRIORITY_BULK: True,
}


def request_from_pb(message: pb.CompressRequest) -> Request:
    """Raises ``InvalidInput`` where the message cannot be said in values."""
    if message.failure_policy not in _POLICIES:
        raise InvalidInput("failure_policy", f"is not known: {message.failure_policy}")
    if message.priority not in _BULK:
        raise InvalidInput("priority", f"is not known: {message.priority}")
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
        with_titles=message.with_titles,
        bulk=_BULK[message.priority],
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
        _stage_from_pb(stage, f"stages[{number}]") for number, stage in enumerate(message.stages)
    )


def _stage_from_pb(message: pb.Stage, path: str) -> StageSpec:
    with inside(path):
        options = options_from_pb(message)
    return StageSpec(
        name=message.name,
        backend=message.backend or None,
        rate=message.rate if message.HasField("rate") else None,
        options=options,
    )


def question_from_pb(message: pb.GenerateRequest, *, deadline: float) -> Question:
    """The question without its prompt. Raises ``InvalidInput``."""
    return Question(
        prompt="",
        model=message.model or None,
        max_tokens=message.max_answer_tokens if message.HasField("max_answer_tokens") else None,
        temperature=message.temperature if message.HasField("temperature") else 0.0,
        deadline=deadline,
    )
