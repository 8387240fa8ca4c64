"""What Prometheus may ask: calls, results, and how much waits. One registry for each server."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import grpc
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from compressors.engine import EngineStats
from compressors.errors import (
    CompressionError,
    InvalidInput,
    NotFound,
    Overloaded,
    Unavailable,
)
from compressors.models.cache import CacheStats
from compressors.values import Scoring
from compressors.work import current
from service.calls import Call
from service.engine_metrics import of_cache, of_engine
from service.refusals import NotAllowed, NotConfigured, Unauthenticated
from service.request import Result
from service.status import reason_of

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_CALL: Final = ("grpc_type", "grpc_service", "grpc_method")
_OTHER, _NOBODY, _MOST_TENANTS = "other", "none", 100
_REFUSALS: Final = (
    InvalidInput, NotFound, Overloaded, Unavailable, Unauthenticated, NotAllowed, NotConfigured,
)  # fmt: skip


class Metrics:
    """Counts calls and results. The names of the call metrics are those of go-grpc-prometheus.

    ``tenants`` have labels of their own, and so have others as long as there are few. Those that
    come later are counted together, for every label is kept for ever.
    """

    def __init__(self, tenants: Collection[str] = ()) -> None:
        self._tenants = {_NOBODY, *tenants}
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._started = Counter(
            "grpc_server_started", "Calls that began.", _CALL, registry=registry
        )
        self._handled = Counter(
            "grpc_server_handled", "Calls that ended.", (*_CALL, "grpc_code"), registry=registry
        )
        self._handling = Histogram(
            "grpc_server_handling_seconds",
            "Time from the begin of a call to its end.",
            (*_CALL, "grpc_code"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._rejected = Counter(
            "condensery_rejected", "Calls refused before any work.", ("reason",), registry=registry
        )
        self._stage_seconds = Histogram(
            "condensery_stage_seconds",
            "Time of a stage of a request, by what it was spent on.",
            ("stage", "backend", "phase"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "condensery_tokens",
            "Tokens given (in), kept (out), and read and written to summarize (spent).",
            ("direction", "chain", "tenant"),
            registry=registry,
        )
        self._documents = Counter(
            "condensery_documents", "Documents, by what became of them.", ("outcome",),
            registry=registry,
        )  # fmt: skip
        self._unread = Counter(
            "condensery_lexical_documents",
            "Documents scored without the model of a stage, which does not read the language.",
            registry=registry,
        )
        self._insufficient = Counter(
            "condensery_insufficient_evidence",
            "Requests of whose documents no sentence reached the threshold of the stage exit.",
            registry=registry,
        )

    @asynccontextmanager
    async def measured(self, call: Call) -> AsyncIterator[None]:
        """Around a call: counts it, when it begins and when its status is known."""
        labels = (call.kind, call.service, call.method)
        self._started.labels(*labels).inc()
        start, ended = time.perf_counter(), None
        try:
            yield
        except BaseException as error:
            ended = error
            raise
        finally:
            code = code_name(call.code(ended))
            self._handled.labels(*labels, code).inc()
            self._handling.labels(*labels, code).observe(time.perf_counter() - start)

    @asynccontextmanager
    async def refusals(self, call: Call) -> AsyncIterator[None]:
        """Around a call: counts why it was refused, before errors become statuses."""
        try:
            yield
        except CompressionError as error:
            if isinstance(error, _REFUSALS):
                self._rejected.labels(reason_of(error).lower()).inc()
            raise

    def saw(self, result: Result) -> None:
        """Count what became of a request; on the thread of its work, which knows the tenant."""
        self._count_tokens(result)
        if result.insufficient_evidence:
            self._insufficient.inc()
        for document in result.documents:
            self._documents.labels(document.outcome.value).inc()
            self._unread.inc(document.scoring is Scoring.LEXICAL)
        for stage in result.stages:
            phases = {
                "queued": stage.seconds.queued,
                "tokenizing": stage.seconds.tokenizing,
                "computing": stage.seconds.computing,
            }
            for phase, seconds in phases.items():
                self._stage_seconds.labels(stage.stage, stage.backend, phase).observe(seconds)

    def _count_tokens(self, result: Result) -> None:
        totals = result.totals
        tenant = self._label(current().tenant or _NOBODY)
        # What was saved is the difference; it may be below 0, which no counter can be.
        tokens = {
            "in": totals.tokens_before,
            "out": totals.tokens_after,
            "spent": totals.tokens_spent,
        }
        for direction, count in tokens.items():
            self._tokens.labels(direction, result.chain, tenant).inc(count)

    def _label(self, tenant: str) -> str:
        if len(self._tenants) < _MOST_TENANTS:
            self._tenants.add(tenant)
        return tenant if tenant in self._tenants else _OTHER

    def watch(
        self,
        gauges: Callable[[], Iterable[tuple[str, str, float]]],
        stats: Callable[[], EngineStats | None],
        cached: Callable[[], CacheStats | None],
    ) -> None:
        """Ask at every scrape for gauges (name, description, value), and of engine and cache.

        ``stats`` and ``cached`` give ``None`` while there is none.
        """
        register = self.registry.register
        register(_Asked(lambda: (GaugeMetricFamily(n, d, value=v) for n, d, v in gauges())))
        register(_Asked(lambda: () if (found := stats()) is None else of_engine(found)))
        register(_Asked(lambda: () if (found := cached()) is None else of_cache(found)))


def code_name(code: grpc.StatusCode) -> str:
    """As Go spells it, and so every dashboard."""
    if code in _SPELLED:
        return _SPELLED[code]
    return code.name.title().replace("_", "")


_SPELLED = {grpc.StatusCode.OK: "OK", grpc.StatusCode.CANCELLED: "Canceled"}


class _Asked(Collector):
    """Made anew at every scrape."""

    def __init__(self, made: Callable[[], Iterable[Metric]]) -> None:
        self._made = made

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        return self._made()


@contextmanager
def exported(registry: CollectorRegistry, *, host: str, port: int) -> Iterator[int]:
    """Serve the metrics over HTTP while the block runs. Gives the port; 0 picks a free one."""
    server, thread = start_http_server(port, addr=host, registry=registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
