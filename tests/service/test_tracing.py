"""What a collector of traces gets to see."""

import asyncio
import subprocess
import sys
import time
from typing import Any

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from compressors.values import Context, Document, Seconds, StageOutcome, StageReport
from condensery.v1 import compression_pb2 as pb
from service.request import Result, Totals
from service.tracing import Tracing
from tests.service.collector import Collector, attributes, collecting
from tests.service.hand import documents, end_of, request, served, until

SERVICE = "condensery.v1.CompressionService"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = (("traceparent", f"00-{TRACE}-{PARENT}-01"),)
NOT_SAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-00"),)


def named(collector: Collector, name: str) -> Span:
    (span,) = [span for span in collector.spans if span.name == name]
    return span


async def test_a_call_is_a_span_and_its_stages_are_spans_inside_it() -> None:
    with collecting() as collector:
        async with served(otlp_endpoint=collector.target) as hand:
            sent = request(chain="fine", budget=pb.Budget(max_tokens=5))
            await hand.stub.Compress(sent, timeout=10)

    call = named(collector, f"{SERVICE}/Compress")
    assert call.kind == Span.SPAN_KIND_SERVER
    assert call.parent_span_id == b""
    assert call.status.code == Status.STATUS_CODE_UNSET
    seen = attributes(call)
    assert (seen["rpc.system"], seen["rpc.service"]) == ("grpc", SERVICE)
    assert (seen["rpc.method"], seen["rpc.grpc.status_code"]) == ("Compress", 0)
    assert (seen["condensery.chain"], seen["condensery.documents"]) == ("fine", 2)
    assert (seen["condensery.tokens_in"], seen["condensery.tokens_out"]) == (17, 5)
    exit_, llmlingua2 = (named(collector, f"stage {name}") for name in ("exit", "llmlingua2"))
    for stage in (exit_, llmlingua2):
        assert (stage.trace_id, stage.parent_span_id) == (call.trace_id, call.span_id)
    times = [
        call.start_time_unix_nano,
        exit_.start_time_unix_nano,
        exit_.end_time_unix_nano,
        llmlingua2.start_time_unix_nano,
        llmlingua2.end_time_unix_nano,
        call.end_time_unix_nano,
    ]
    assert times == sorted(times)
    assert collector.resources[0]["service.name"] == "condensery"


async def test_a_span_continues_the_trace_of_the_client() -> None:
    with collecting() as collector:
        async with served(otlp_endpoint=collector.target) as hand:
            await hand.stub.Compress(request(), metadata=TRACEPARENT, timeout=10)

    call, stage = named(collector, f"{SERVICE}/Compress"), named(collector, "stage exit")
    assert (call.trace_id.hex(), call.parent_span_id.hex()) == (TRACE, PARENT)
    assert (stage.trace_id.hex(), stage.parent_span_id) == (TRACE, call.span_id)


async def test_calls_at_the_same_time_keep_their_stages_apart() -> None:
    with collecting() as collector:
        async with served(otlp_endpoint=collector.target) as hand:
            await asyncio.gather(*(hand.compress(query=f"Who sleeps {n}?") for n in range(8)))

    calls = [span for span in collector.spans if span.name == f"{SERVICE}/Compress"]
    stages = [span for span in collector.spans if span.name == "stage exit"]
    assert len({call.trace_id for call in calls}) == 8
    assert {(s.trace_id, s.parent_span_id) for s in stages} == {
        (call.trace_id, call.span_id) for call in calls
    }


async def test_a_stream_is_a_span_with_stages_too() -> None:
    with collecting() as collector:
        async with served(otlp_endpoint=collector.target) as hand:
            sent = pb.CompressStreamRequest(request=request())
            assert await end_of(hand.stub.CompressStream(sent)) is grpc.StatusCode.OK

    call = named(collector, f"{SERVICE}/CompressStream")
    assert named(collector, "stage exit").parent_span_id == call.span_id


async def test_the_span_of_a_call_says_how_it_ended() -> None:
    broken = pb.StageList(stages=[pb.Stage(name="exit", backend="broken")])

    with collecting() as collector:
        async with served(otlp_endpoint=collector.target) as hand:
            refused = await hand.stub.Compress(request(query=" ")).code()
            sent = request(stages=broken, failure_policy=pb.FAILURE_POLICY_ERROR)
            failed = await hand.stub.Compress(sent).code()
            hand.model.gate.clear()
            left = hand.stub.Compress(request())
            await until(hand.model.busy.is_set)
            left.cancel()
            await until(lambda: hand.server.inside == 0)

    assert (refused, failed) == (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)
    ended = {
        attributes(span)["rpc.grpc.status_code"]: span.status.code
        for span in collector.spans
        if span.name == f"{SERVICE}/Compress"
    }
    # Only what is the fault of the server is an error of its span.
    assert ended == {3: Status.STATUS_CODE_UNSET, 13: Status.STATUS_CODE_ERROR, 1: 0}


async def test_no_text_of_a_request_is_exported() -> None:
    broken = pb.StageList(stages=[pb.Stage(name="exit", backend="broken")])
    failing = pb.StageList(stages=[pb.Stage(name="exit", backend="failing")])
    unknown = pb.StageList(stages=[pb.Stage(name="sesame", backend="sesame")])
    texts = {"query": "Where is sesame?", "documents": documents("Open sesame. It is secret.")}

    with collecting() as collector:
        async with served(otlp_endpoint=collector.target) as hand:
            await hand.compress(**texts)
            for stages in (broken, failing, unknown):
                await hand.stub.Compress(request(**texts, stages=stages)).code()
                strict = request(**texts, stages=stages, failure_policy=pb.FAILURE_POLICY_ERROR)
                await hand.stub.Compress(strict).code()
            await hand.stub.Compress(request(**texts, chain="sesame")).code()
            await hand.stub.Compress(request(**texts, protected_patterns=["sesame("])).code()

    exported = b"".join(collector.raw).lower()
    assert exported.count(b"compressionservice/compress") == 9
    for text in (b"sesame", b"open", b"secret"):
        # What the SDK says of itself is no text of a request.
        assert exported.replace(b"opentelemetry", b"").count(text) == 0


@pytest.mark.parametrize(
    ("ratio", "metadata", "spans"), [(0.0, (), 0), (0.0, TRACEPARENT, 2), (1.0, NOT_SAMPLED, 0)]
)
async def test_the_caller_decides_what_is_traced_and_the_ratio_where_it_does_not(
    ratio: float, metadata: Any, spans: int
) -> None:
    with collecting() as collector:
        async with served(otlp_endpoint=collector.target, otlp_sample_ratio=ratio) as hand:
            await hand.stub.Compress(request(), metadata=metadata, timeout=10)

    assert len(collector.spans) == spans


async def test_a_collector_that_does_not_answer_delays_neither_calls_nor_the_end() -> None:
    with collecting() as collector:
        collector.gate.clear()
        async with Tracing.exporting(collector.target, sample_ratio=1, patience=0.2) as tracing:
            tracing._tracer.start_span("a span").end()
            start = time.monotonic()
        seconds = time.monotonic() - start

        assert collector.asked.is_set()
    assert seconds < 5


def of_stages(*stages: StageReport, elapsed: float) -> Result:
    context = Context.of("Where?", [Document("1", "Here.")])
    totals = Totals(
        tokens_before=9,
        tokens_after=4,
        tokenizer="words",
        max_tokens=None,
        within_budget=True,
        tokens_spent=0,
        tokens_reused=0,
        elapsed=elapsed,
    )
    return Result(
        text="Here.",
        documents=(),
        summaries=(),
        stages=stages,
        totals=totals,
        chain="default",
        context=context,
    )


def report(stage: str, seconds: Seconds, outcome: StageOutcome = StageOutcome.RAN) -> StageReport:
    return StageReport(stage, "minilm", outcome, 9, 4, seconds, (), detail="sesame")


def test_spans_of_stages_have_their_times_and_what_they_were_spent_on() -> None:
    memory, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracing = Tracing(provider)
    first = report("crag", Seconds(0.25, 0.5, 1.0, 2.0))
    second = report("exit", Seconds(0.0, 0.0, 0.5, 1.0), StageOutcome.FAILED)

    with provider.get_tracer("test").start_as_current_span("call"):
        tracing.saw(of_stages(first, second, elapsed=4.0))

    crag, exit_, call = memory.get_finished_spans()
    assert (crag.name, exit_.name) == ("stage crag", "stage exit")
    assert (seconds_of(crag), seconds_of(exit_)) == (2.0, 1.0)
    assert crag.end_time == exit_.start_time
    assert crag.attributes == {
        "condensery.backend": "minilm",
        "condensery.outcome": "ran",
        "condensery.tokens_in": 9,
        "condensery.tokens_out": 4,
        "condensery.seconds_queued": 0.25,
        "condensery.seconds_tokenizing": 0.5,
        "condensery.seconds_computing": 1.0,
    }
    assert (crag.status.is_unset, exit_.status.is_ok) == (True, False)
    assert call.attributes is not None
    assert call.attributes["condensery.tokens_out"] == 4
    assert "sesame" not in "".join(span.to_json() for span in (crag, exit_, call))


def seconds_of(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1_000_000_000


def test_results_outside_a_call_make_no_spans() -> None:
    memory, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))

    Tracing(provider).saw(of_stages(report("exit", Seconds()), elapsed=1.0))

    assert memory.get_finished_spans() == ()


def test_a_server_without_an_endpoint_imports_no_sdk() -> None:
    program = """
import asyncio, sys
from service.metrics import Metrics
from service.observing import observed
from service.settings import Settings

async def main():
    async with observed(Settings(), Metrics()):
        sys.exit(any(name.startswith("opentelemetry.sdk") for name in sys.modules))

asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_endpoint_without_the_extra_is_told_so() -> None:
    program = """
import asyncio, sys
sys.modules["opentelemetry.sdk"] = None
from service.metrics import Metrics
from service.observing import observed
from service.settings import Settings

async def main():
    async with observed(Settings(otlp_endpoint="http://127.0.0.1:1"), Metrics()):
        pass

asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )

    assert "ValueError: otlp_endpoint: needs the extra otel" in ended.stderr
