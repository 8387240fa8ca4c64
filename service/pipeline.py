"""From a request to its result: everything between the edge and the compressors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Self

from compressors.budget import Budget, share_of
from compressors.chain import Chain
from compressors.engine import BatchReport, Engine
from compressors.values import Context, Document
from compressors.work import Work
from service.catalogue import Catalogue
from service.counting import RememberingCounter
from service.guarding import Guarded
from service.limits import Limits, estimated_tokens
from service.request import BudgetSpec, DocumentResult, Request, Result, ServerInfo
from service.results import Finals, document_result, summary_result, totals
from service.settings import Settings
from service.warmth import warm_up

# About what a document of an index has; its size is not known before it is found.
_CHARS_OF_FOUND = 1_000


def _ignore(_: object) -> None:
    pass


class Pipeline:
    """Compresses requests on models that are loaded once. Safe to use from several threads."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        engine: Engine,
        limits: Limits,
        device: str = "cpu",
        generates: bool = False,
    ) -> None:
        self.catalogue = catalogue
        self.engine = engine
        self.limits = limits
        self._device = device
        self._generates = generates

    @classmethod
    @contextmanager
    def open(
        cls,
        settings: Settings,
        *,
        observe: Callable[[BatchReport], None] = _ignore,
    ) -> Iterator[Self]:
        """Load the models and warm them. ``limit_threads`` must have been called before.

        ``observe`` is that of the ``Engine``. Raises ``ValueError`` or ``CompressionError`` if
        something that the settings name cannot be had.
        """
        # Only those who load models should pay for what they need.
        from service.models import load_catalogue, placement_of, sized

        placement = placement_of(settings)
        sizes = sized(settings, placement)
        with Engine(sizes, observe=observe, stall_seconds=settings.stall_seconds) as engine:
            catalogue = load_catalogue(settings, placement, engine)
            # On a CPU a large batch fits as well as a small one.
            warm_up(catalogue, tokens=sizes.batch_tokens if placement.device != "cpu" else None)
            yield cls(
                catalogue,
                engine=engine,
                limits=Limits.of(settings),
                device=placement.device,
                generates=bool(settings.llm_base_url or settings.llm_langchain),
            )

    def check(self, request: Request) -> None:
        """Raise ``InvalidInput`` or ``NotFound`` if the request can never succeed here."""
        self.limits.check(request)
        self.catalogue.stages(request)
        self.catalogue.counter(request.budget.tokenizer)
        if request.index is not None:
            self.catalogue.retriever(request.index.name)

    @contextmanager
    def admitted(self, request: Request, work: Work) -> Iterator[None]:
        """Reserve room in the engine for a request; raises ``Overloaded`` at once otherwise.

        The work of a request that was not admitted may be refused halfway.
        """
        with work.active(), self.engine.admit(self.estimated_tokens(request)):
            yield

    def estimated_tokens(self, request: Request) -> int:
        """About how many tokens all stages of a request will read together."""
        characters = request.characters
        if request.index is not None:
            characters += request.index.top_k * _CHARS_OF_FOUND
        _, stages = self.catalogue.stages(request)
        return estimated_tokens(characters) * len(stages)

    def compress(
        self,
        request: Request,
        *,
        work: Work | None = None,
        observe: Callable[[DocumentResult], None] = _ignore,
    ) -> Result:
        """The result of a request; always the same for the same request.

        ``work`` has its deadline and may cancel it from another thread. ``observe`` gets the
        result of each document as soon as it is final, all of them before this returns. Raises
        ``CompressionError``; failures of stages only if the request says so.
        """
        work = work or Work()
        with work.active():
            start = time.perf_counter()
            self.check(request)
            context = self._context(request)
            counter = RememberingCounter(self.catalogue.counter(request.budget.tokenizer))
            tokens_before = counter.count([context.text])[0]
            budget = Budget(counter, _limit(request.budget, tokens_before))
            finals = Finals(budget, observe)
            finals.watch(context)
            chain = self._chain(request, finals)
            compressed = chain.compress(context, budget)
            result = Result(
                text=compressed.text,
                documents=tuple(
                    document_result(compressed, passage, budget) for passage in compressed.originals
                ),
                summaries=tuple(
                    summary_result(passage, budget) for passage in compressed.summaries
                ),
                stages=compressed.trace,
                totals=totals(
                    compressed,
                    budget,
                    tokens_before=tokens_before,
                    elapsed=time.perf_counter() - start,
                ),
                chain=chain.name,
                context=compressed,
                retrieved=request.index is not None,
            )
            finals.end(result)
            return result

    def info(self) -> ServerInfo:
        catalogue = self.catalogue
        return ServerInfo(
            version=version("condensery-server"),
            chains=tuple(catalogue.chains.items()),
            stages=tuple((stage, tuple(names)) for stage, names in catalogue.backends.items()),
            tokenizers=tuple(catalogue.counters),
            summarizers=catalogue.summarizers,
            indexes=tuple(catalogue.retrievers),
            generates=self._generates,
            device=self._device,
        )

    def _chain(self, request: Request, finals: Finals) -> Chain:
        name, stages = self.catalogue.stages(request)
        guarded = tuple(Guarded(stage) for stage in stages)
        return Chain(guarded, name, request.failure_policy, finals.watch)

    def _context(self, request: Request) -> Context:
        return Context.of(
            request.query,
            self._documents(request),
            protected=request.protection,
            allow_empty=request.allow_empty,
            with_titles=request.with_titles,
        )

    def _documents(self, request: Request) -> tuple[Document, ...]:
        if request.index is None:
            return request.documents
        retriever = self.catalogue.retriever(request.index.name)
        return tuple(retriever.retrieve(request.query, request.index.top_k))


def _limit(spec: BudgetSpec, tokens: int) -> int | None:
    return spec.max_tokens if spec.rate is None else share_of(tokens, spec.rate)
