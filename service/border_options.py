"""The border to the wire: the options of stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from google.protobuf.message import Message

from compressors.errors import InvalidInput, NotFound
from compressors.parity.values import ParityOptions
from condensery.v1 import compression_pb2 as pb
from service.request import (
    CragOptions,
    ExitOptions,
    Llmlingua2Options,
    LongLlmlinguaOptions,
    StageOptions,
    TcraSemanticOptions,
    TcraSummaryOptions,
)


@contextmanager
def inside(field: str) -> Iterator[None]:
    """Name fields from the outer message, whose ``field`` holds the one that is looked at."""
    try:
        yield
    except (InvalidInput, NotFound) as error:
        path = f"{field}.{error.field}" if error.field else field
        raise type(error)(path, error.problem) from error


def options_from_pb(stage: pb.Stage) -> StageOptions | None:
    """``None`` where the stage has none. Raises ``InvalidInput`` within the options."""
    name = stage.WhichOneof("options")
    return None if name is None else _OPTIONS[name](getattr(stage, name))


def _exit(message: pb.ExitOptions) -> ExitOptions:
    return ExitOptions(
        threshold=_set(message, "threshold"),
        overflow=_mode(pb.ExitOverflow, message.overflow, "exit.overflow"),
        strict_threshold=message.strict_threshold or None,
    )


def _llmlingua2(message: pb.Llmlingua2Options) -> Llmlingua2Options:
    return Llmlingua2Options(
        threshold=_set(message, "threshold"),
        min_words=_set(message, "min_words"),
        parity=_parity(message.parity) if message.HasField("parity") else None,
    )


def _parity(message: pb.Llmlingua2Parity) -> ParityOptions:
    given: dict[str, Any] = {
        field.name: getattr(message, field.name) for field, _ in message.ListFields()
    }
    is_list = {name for name in given if message.DESCRIPTOR.fields_by_name[name].is_repeated}
    given |= {name: tuple(given[name]) for name in is_list}
    return ParityOptions(**given)


def _crag(message: pb.CragOptions) -> CragOptions:
    return CragOptions(
        clusters=_set(message, "clusters"),
        summarizer=message.summarizer or None,
        query_weight=_set(message, "query_weight"),
        mode=_mode(pb.CragMode, message.mode, "crag.mode"),
    )


def _tcra_summary(message: pb.TcraSummaryOptions) -> TcraSummaryOptions:
    return TcraSummaryOptions(summarizer=message.summarizer or None)


def _tcra_semantic(message: pb.TcraSemanticOptions) -> TcraSemanticOptions:
    return TcraSemanticOptions(
        min_words=_set(message, "min_words"),
        mode=_mode(pb.TcraSemanticMode, message.mode, "tcra_semantic.mode"),
    )


def _longllmlingua(message: pb.LongLlmlinguaOptions) -> LongLlmlinguaOptions:
    return LongLlmlinguaOptions(
        condition_in_question=message.condition_in_question or None,
        reorder_context=message.reorder_context or None,
        dynamic_context_compression_ratio=_set(message, "dynamic_context_compression_ratio"),
        context_budget=message.context_budget or None,
        mode=message.mode or None,
    )


_OPTIONS: Mapping[str, Callable[[Any], StageOptions]] = MappingProxyType(
    {
        "exit": _exit,
        "llmlingua2": _llmlingua2,
        "crag": _crag,
        "tcra_summary": _tcra_summary,
        "tcra_semantic": _tcra_semantic,
        "longllmlingua": _longllmlingua,
    }
)


def _mode(enum: Any, number: int, field: str) -> str | None:  # noqa: ANN401 - the stubs' own
    """What is special of a value's name, as ``head-tail``; ``None`` where none is specified."""
    if number not in enum.values():
        raise InvalidInput(field, f"is not known: {number}")
    if number == 0:
        return None
    prefix = str(enum.Name(0)).removesuffix("UNSPECIFIED")
    return str(enum.Name(number)).removeprefix(prefix).lower().replace("_", "-")


def _set(message: Message, field: str) -> Any:  # noqa: ANN401 - a field of any type
    return getattr(message, field) if message.HasField(field) else None
