"""From a request to its result: everything between the edge and the compressors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Self

from compressors.budget import Budget, Counter, share_of
from compressors.chain import Chain
from compressors.engine import BatchReport, Engine
from compressors.protocols import Compressor
from compressors.values import Context, Document
from compressors.work import Work
from service.break_even import BreakEven, most_saved
from service.catalogue import Catalogue, Retriever
from service.counting import RememberingCounter
from service.estimates import estimated_tokens, kind_of, load_of
from service.guarding import Guarded
from service.limits import Limits
from service.request import BudgetSpec, DocumentResult, Request, Result, ServerInfo
from service.results import Finals, result_of, totals
from service.settings import Settings
from service.warmth import warm_up

_CHARS_OF_FOUND = 1_000
"""About what a document of an index has, as long as none was found."""


def _ignore(_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Checked:
    """A request that can be worked on, and what the catalogue has for it."""

    request: Request
    chain: str
    stages: tuple[Compressor, ...]
    counter: Counter
    retriever: Retriever | None
    tokens: int
    """About what all stages read together."""


class Pipeline:
    """Compresses requests on models that are loaded once. Safe to use from several threads."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        engine: Engine,
        limits: Limits,
        break_even: BreakEven | None = None,
        device: str = "cpu",
        generates: bool = False,
    ) -> None:
        self.catalogue = catalogue
        self.engine = engine
        self.limits = limits
        self._device = device
        self._generates = generates
        self._break_even = break_even or BreakEven()
        self._found_characters: dict[str, int] = {}

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
                break_even=BreakEven.of(settings),
                device=placement.device,
                generates=bool(settings.llm_base_url or settings.llm_langchain),
            )

    def check(self, request: Request) -> Checked:
        """Look up all that a request names, once.

        Raises ``InvalidInput`` or ``NotFound`` if it can never succeed here.
        """
        self.limits.check(request)
        chain, stages = self.catalogue.stages(request)
        counter = self.catalogue.counter(request.budget.tokenizer)
        retriever, found = None, _CHARS_OF_FOUND
        if request.index is not None:
            retriever = self.catalogue.retriever(request.index.name)
            found = self._found_characters.get(request.index.name, found)
        load = load_of(request, found_characters=found)
        tokens = estimated_tokens(load, request.budget, stages)
        return Checked(request, chain, stages, counter, retriever, tokens)

    @contextmanager
    def admitted(self, checked: Checked, work: Work) -> Iterator[None]:
        """Reserve room in the engine for a request; raises ``Overloaded`` at once otherwise.

        The work of a request that was not admitted may be refused halfway.
        """
        kind = kind_of(checked.stages)
        with work.active(), self.engine.admit(checked.tokens, kind=kind):
            yield

    def compress(
        self,
        request: Request | Checked,
        *,
        work: Work | None = None,
        observe: Callable[[DocumentResult], None] = _ignore,
    ) -> Result:
        """The result of a request; always the same for the same request, unless time decides.

        Time does at a deadline, and where the settings say what the downstream model costs.
        ``work`` has the deadline and may cancel it from another thread. ``observe`` gets the
        result of each document as soon as it is final, all of them before this returns. Raises
        ``CompressionError``; failures of stages only if the request says so.
        """
        work = work or Work()
        with work.active():
            waited, start = work.seconds.queued, time.perf_counter()
            # Those who waited for a worker when the device was lost need not begin.
            self.engine.check()
            checked = request if isinstance(request, Checked) else self.check(request)
            context = self._context(checked)
            counter = RememberingCounter(checked.counter)
            tokens_before = counter.count([context.text])[0]
            budget = Budget(counter, _limit(checked.request.budget, tokens_before))
            finals = Finals(budget, observe)
            finals.watch(context)
            chain = self._chain(checked, finals)
            if reason := self._objection(checked, budget, tokens_before):
                compressed = chain.passed_by(context, budget, reason)
            else:
                compressed = chain.compress(context, budget)
            elapsed = waited + time.perf_counter() - start
            sums = totals(compressed, budget, tokens_before=tokens_before, elapsed=elapsed)
            result = result_of(
                compressed, budget, sums, chain=chain.name, retrieved=checked.retriever is not None
            )
            finals.end(result)
            return result

    def _objection(self, checked: Checked, budget: Budget, tokens: int) -> str:
        """Why compression would not pay; empty if it would, or nobody asks, or it has to be."""
        if not self._break_even.is_asked:
            return ""
        saved = most_saved(checked.request.budget, tokens, budget.max_tokens)
        expected = self.engine.expected(checked.tokens, kind=kind_of(checked.stages))
        if saved is None or expected is None:
            return ""
        waiting, own = expected
        return self._break_even.objection(own=own, waiting=waiting, saved=saved)

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

    def _chain(self, checked: Checked, finals: Finals) -> Chain:
        guarded = tuple(Guarded(stage) for stage in checked.stages)
        return Chain(guarded, checked.chain, checked.request.failure_policy, finals.watch)

    def _context(self, checked: Checked) -> Context:
        request = checked.request
        return Context.of(
            request.query,
            self._documents(checked),
            protected=request.protection,
            allow_empty=request.allow_empty,
            with_titles=request.with_titles,
        )

    def _documents(self, checked: Checked) -> tuple[Document, ...]:
        index = checked.request.index
        if checked.retriever is None or index is None:
            return checked.request.documents
        found = tuple(checked.retriever.retrieve(checked.request.query, index.top_k))
        if found:
            characters = sum(len(each.text) + len(each.title) for each in found)
            self._found_characters[index.name] = characters // len(found)
        return found


def _limit(spec: BudgetSpec, tokens: int) -> int | None:
    return spec.max_tokens if spec.rate is None else share_of(tokens, spec.rate)
