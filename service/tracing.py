"""Spans of calls and of their stages for OpenTelemetry; of texts, they never hold any.

Imports the SDK, the extra ``otel``, so only a server that is to trace imports this.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final, Self

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_current_span, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from compressors.values import StageOutcome, StageReport
from service.calls import Call
from service.request import Result

_PARENT: Final = ("traceparent", "tracestate")
# As OpenTelemetry has it: what else is not OK is the caller's doing.
_FAULTS: Final = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_NANOSECONDS: Final = 1_000_000_000
# For spans that were not sent yet when the server ends, while there may be no collector.
_PATIENCE: Final = 3.0


class Tracing:
    """Makes a span of each call, and of each stage of its work one inside it."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("condensery", version("condensery-server"))
        self._propagator = TraceContextTextMapPropagator()

    @classmethod
    @asynccontextmanager
    async def exporting(
        cls, endpoint: str, *, sample_ratio: float, patience: float = _PATIENCE
    ) -> AsyncIterator[Self]:
        """Send spans to an OTLP collector over gRPC, the last of them at the end of the block.

        ``endpoint`` begins with http:// or https://. ``sample_ratio`` is the share of the calls
        that become spans; a caller that traces says so himself. The end takes no longer than
        about ``patience`` seconds. What else there is to set has the names that the SDK gives it,
        OTEL_…, such as headers, certificates and attributes of the resource.
        """
        resource = Resource.create(
            {SERVICE_NAME: "condensery", SERVICE_VERSION: version("condensery-server")}
        )
        sampler = ParentBased(TraceIdRatioBased(sample_ratio))
        provider = TracerProvider(sampler, resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        try:
            yield cls(provider)
        finally:
            # On its own the SDK tries for half a minute, more than a pod is given.
            end = threading.Timer(patience, exporter.shutdown)
            end.start()
            await asyncio.to_thread(provider.shutdown)
            end.cancel()

    @asynccontextmanager
    async def traced(self, call: Call) -> AsyncIterator[None]:
        """Around a call: its span, inside that of the client if it sent one."""
        carrier = {key: value for key in _PARENT if (value := call.metadata(key)) is not None}
        span = self._tracer.start_span(
            f"{call.service}/{call.method}",
            self._propagator.extract(carrier),
            SpanKind.SERVER,
            {
                "rpc.system": "grpc",
                "rpc.service": call.service,
                "rpc.method": call.method,
                "condensery.request_id": call.request_id,
            },
        )
        ended: BaseException | None = None
        try:
            # The words of an exception may quote what it choked on.
            with use_span(span, record_exception=False, set_status_on_exception=False):
                yield
        except BaseException as error:
            ended = error
            raise
        finally:
            _end(span, call.code(ended))

    def saw(self, result: Result) -> None:
        """Make the spans of the stages; at the end of the work, inside the span of the call."""
        span = get_current_span()
        if not span.is_recording():
            return
        span.set_attributes(
            {
                "condensery.chain": result.chain,
                "condensery.documents": len(result.documents),
                "condensery.tokens_in": result.totals.tokens_before,
                "condensery.tokens_out": result.totals.tokens_after,
            }
        )
        begin = time.time_ns() - round(result.totals.elapsed * _NANOSECONDS)
        self._add_stages(result.stages, begin)

    def _add_stages(self, stages: Sequence[StageReport], begin: int) -> None:
        # Reports say how long a stage took, not when. One follows the other, so they are laid end
        # to end; what the work does before and after them, which is to find and count documents,
        # shows as a gap at the end.
        for stage in stages:
            span = self._tracer.start_span(
                f"stage {stage.stage}", start_time=begin, attributes=_attributes(stage)
            )
            if stage.outcome is StageOutcome.FAILED:
                span.set_status(Status(StatusCode.ERROR))
            begin += round(stage.seconds.elapsed * _NANOSECONDS)
            span.end(begin)


def _attributes(stage: StageReport) -> dict[str, str | int | float]:
    return {
        "condensery.backend": stage.backend,
        "condensery.outcome": stage.outcome.value,
        "condensery.tokens_in": stage.tokens_in,
        "condensery.tokens_out": stage.tokens_out,
        "condensery.seconds_queued": stage.seconds.queued,
        "condensery.seconds_tokenizing": stage.seconds.tokenizing,
        "condensery.seconds_computing": stage.seconds.computing,
    }


def _end(span: Span, code: grpc.StatusCode) -> None:
    number: int = code.value[0]
    span.set_attribute("rpc.grpc.status_code", number)
    if code in _FAULTS:
        span.set_status(Status(StatusCode.ERROR))
    span.end()
