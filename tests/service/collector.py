"""An OTLP collector in this process: a real gRPC server that keeps what is exported to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass
class Collector:
    """``raw`` holds the messages as they came; ``gate`` keeps exporters waiting while closed."""

    raw: list[bytes] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    target: str = ""

    def __post_init__(self) -> None:
        self.gate.set()

    def export(self, raw: bytes, _: Any) -> bytes:
        self.asked.set()
        self.gate.wait()
        self.raw.append(raw)
        return ExportTraceServiceResponse().SerializeToString()

    @property
    def resources(self) -> list[dict[str, Any]]:
        return [
            attributes(of_resource.resource)
            for message in map(ExportTraceServiceRequest.FromString, self.raw)
            for of_resource in message.resource_spans
        ]

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for message in map(ExportTraceServiceRequest.FromString, self.raw)
            for of_resource in message.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    handler: Any = grpc.unary_unary_rpc_method_handler(collector.export)
    service, _, method = _EXPORT.lstrip("/").partition("/")
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    collector.target = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        collector.gate.set()
        server.stop(None).wait()


def attributes(holder: Any) -> dict[str, Any]:
    """Of a span or a resource, as plain values."""
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in holder.attributes
    }
