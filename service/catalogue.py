"""Everything that a request can name, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from compressors.budget import Counter
from compressors.chain import AtRate
from compressors.chains import CHAINS, DEFAULT
from compressors.errors import InvalidInput, NotFound
from compressors.models.cache import Cache
from compressors.protocols import Compressor
from compressors.values import Document
from service.request import (
    CragOptions,
    ExitOptions,
    Llmlingua2Options,
    LongLlmlinguaOptions,
    Request,
    StageOptions,
    StageSpec,
    TcraSemanticOptions,
    TcraSummaryOptions,
)

T = TypeVar("T")

OPTIONS: Mapping[str, type[StageOptions]] = MappingProxyType(
    {
        "exit": ExitOptions,
        "llmlingua2": Llmlingua2Options,
        "crag": CragOptions,
        "tcra-summary": TcraSummaryOptions,
        "tcra-semantic": TcraSemanticOptions,
        "longllmlingua": LongLlmlinguaOptions,
    }
)
"""The stages, each with the type of its options."""

CUSTOM = "custom"
"""The name of a chain that a request brings."""


class Backend(Protocol):
    """Makes the compressor of a stage from the options that a request sets.

    Names that the options hold, such as of a summarizer, are looked up here. Raises
    ``InvalidInput`` and ``NotFound`` with the path of the option within the stage.
    """

    def __call__(self, options: Mapping[str, Any]) -> Compressor: ...


class Retriever(Protocol):
    """Finds the documents of an index that are nearest to a query, best first."""

    def retrieve(self, query: str, top_k: int, /) -> Sequence[Document]: ...


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Names and what they stand for; the first backend, counter and summarizer is the default."""

    backends: Mapping[str, Mapping[str, Backend]]
    """By stage and name."""
    counters: Mapping[str, Counter]
    summarizers: tuple[str, ...]
    retrievers: Mapping[str, Retriever]
    chains: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: CHAINS)
    cache: Cache | None = None
    """What the models remember, if they do."""

    def counter(self, name: str | None) -> Counter:
        return _found(self.counters, name, "budget.tokenizer")

    def retriever(self, name: str) -> Retriever:
        return _found(self.retrievers, name, "index.name")

    def stages(self, request: Request) -> tuple[str, tuple[Compressor, ...]]:
        """The name of the chain that a request wants, and its stages.

        Raises ``NotFound`` and ``InvalidInput`` with the path of what is wrong.
        """
        if request.stages is None:
            name = request.chain or DEFAULT
            specs = [StageSpec(name=stage) for stage in _found(self.chains, name, "chain")]
        else:
            name, specs = CUSTOM, list(request.stages)
        return name, tuple(self._stage(f"stages[{i}]", spec) for i, spec in enumerate(specs))

    def _stage(self, path: str, spec: StageSpec) -> Compressor:
        backends = _found(self.backends, spec.name, f"{path}.name")
        backend = _found(backends, spec.backend, f"{path}.backend")
        try:
            compressor = backend(_options(spec))
        except (InvalidInput, NotFound) as error:
            # Stages are called as on the wire, where the fields of their options have underscores.
            field = error.field.replace("-", "_")
            raise type(error)(f"{path}.{field}", error.problem) from error
        if spec.rate is None:
            return compressor
        # Written so that NaN, which compares false, is refused too.
        if not 0.0 < spec.rate <= 1.0:
            raise InvalidInput(f"{path}.rate", f"must be in (0, 1], is {spec.rate}")
        return AtRate(compressor, spec.rate)


def _options(spec: StageSpec) -> dict[str, Any]:
    if spec.options is None:
        return {}
    if not isinstance(spec.options, OPTIONS[spec.name]):
        given = next(name for name, kind in OPTIONS.items() if isinstance(spec.options, kind))
        raise InvalidInput(given.replace("-", "_"), f"options of another stage, not {spec.name}")
    values = {field.name: getattr(spec.options, field.name) for field in fields(spec.options)}
    return {name: value for name, value in values.items() if value is not None}


def named(summarizers: Mapping[str, T], name: str | None, field: str) -> T:
    """The summarizer of that name, the first without one. Raises ``NotFound``."""
    return _found(summarizers, name, field)


def _found(table: Mapping[str, T], name: str | None, field: str) -> T:
    if not table:
        raise NotFound(field, "this server has none")
    if name is None:
        return next(iter(table.values()))
    if name not in table:
        raise NotFound(field, f"unknown: {name[:100]!r}; known: {', '.join(table)}")
    return table[name]
