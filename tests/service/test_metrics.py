"""What Prometheus gets to see."""

import asyncio
import urllib.request
from typing import Any

import grpc
from prometheus_client.parser import text_string_to_metric_families

from compressors.engine import EngineSettings
from compressors.work import Work
from condensery.v1 import compression_pb2 as pb
from service.border import request_from_pb
from service.metrics import Metrics
from tests.service.hand import (
    Hand,
    Overlap,
    documents,
    pipeline,
    request,
    served,
    settings,
    until,
)

COMPRESS = {
    "grpc_type": "unary",
    "grpc_service": "condensery.v1.CompressionService",
    "grpc_method": "Compress",
}

TOKENS = "condensery_tokens_total"
USUAL = {"chain": "default", "tenant": "none"}


async def scrape(hand: Hand) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    url = f"http://127.0.0.1:{hand.server.ports.metrics}/metrics"

    def read() -> str:
        with urllib.request.urlopen(url, timeout=10) as page:
            return str(page.read(), "utf-8")

    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(await asyncio.to_thread(read))
        for sample in family.samples
    }


def queued(hand: Hand) -> int:
    return hand.engine.stats().queued_items


def of(samples: dict[Any, float], name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


async def test_counts_calls_by_method_and_status() -> None:
    async with served(metrics_port=0) as hand:
        for query in ("Where?", "Who?", " "):
            await hand.stub.Compress(request(query=query), timeout=10).code()
        samples = await scrape(hand)

    assert of(samples, "grpc_server_started_total", **COMPRESS) == 3
    assert of(samples, "grpc_server_handled_total", **COMPRESS, grpc_code="OK") == 2
    assert of(samples, "grpc_server_handled_total", **COMPRESS, grpc_code="InvalidArgument") == 1
    assert of(samples, "grpc_server_handling_seconds_count", **COMPRESS, grpc_code="OK") == 2
    assert of(samples, "condensery_rejected_total", reason="invalid_input") == 1


async def test_counts_streams_and_what_ended_them() -> None:
    labels = COMPRESS | {"grpc_type": "server_stream", "grpc_method": "CompressStream"}
    ended = labels | {"grpc_code": "Canceled"}
    cancelled = ("grpc_server_handled_total", frozenset(ended.items()))

    async with served(metrics_port=0) as hand:
        sent = pb.CompressStreamRequest(request=request())
        async for _ in hand.stub.CompressStream(sent):
            pass
        # Its end is told to the client first.
        await until(lambda: hand.server.inside == 0)
        hand.model.gate.clear()
        stream = hand.stub.CompressStream(sent)
        await until(lambda: hand.server.inside == 1)
        stream.cancel()
        async with asyncio.timeout(10):
            while not (samples := await scrape(hand)).get(cancelled):
                pass

    assert of(samples, "grpc_server_handled_total", **labels, grpc_code="OK") == 1
    assert samples[cancelled] == 1


async def test_counts_tokens_documents_and_the_time_of_stages() -> None:
    async with served(metrics_port=0) as hand:
        await hand.compress(budget=pb.Budget(max_tokens=5))
        samples = await scrape(hand)

    assert of(samples, TOKENS, direction="in", **USUAL) == 17
    assert of(samples, TOKENS, direction="out", **USUAL) == 5
    assert of(samples, TOKENS, direction="spent", **USUAL) == 0
    assert of(samples, "condensery_documents_total", outcome="compressed") == 1
    assert of(samples, "condensery_documents_total", outcome="dropped") == 1
    stage = {"stage": "exit", "backend": "overlap"}
    for phase in ("queued", "tokenizing", "computing"):
        assert of(samples, "condensery_stage_seconds_count", **stage, phase=phase) == 1
    assert of(samples, "condensery_stage_seconds_sum", **stage, phase="computing") > 0


async def test_counts_the_batches_of_the_engine() -> None:
    async with served(metrics_port=0) as hand:
        await hand.compress()
        samples = await scrape(hand)

    assert of(samples, "condensery_batch_runs_total", model="overlap") >= 1
    assert of(samples, "condensery_batch_items_total", model="overlap") == 4
    tokens = of(samples, "condensery_batch_tokens_total", model="overlap")
    assert of(samples, "condensery_batch_padded_tokens_total", model="overlap") >= tokens > 0
    assert of(samples, "condensery_batch_failed_items_total", model="overlap") == 0


async def test_tells_how_full_batches_are() -> None:
    async with served(metrics_port=0) as hand:
        await hand.compress()
        samples = await scrape(hand)

    of_model = {"model": "overlap"}
    runs = of(samples, "condensery_batch_runs_total", **of_model)
    padded = of(samples, "condensery_batch_padded_tokens_total", **of_model)
    budget = of(samples, "condensery_batch_budget_tokens", **of_model)
    assert budget == EngineSettings().batch_tokens
    assert 0 < padded / (runs * budget) < 1


async def test_counts_what_was_dropped_by_reason() -> None:
    # The model is held, so the rows of the second request wait behind those of the first.
    async with served(metrics_port=0) as hand:
        before = await scrape(hand)
        hand.model.gate.clear()
        first = hand.stub.Compress(request())
        await until(hand.model.busy.is_set)
        second = hand.stub.Compress(request(query="Who sleeps a lot?"))
        await until(lambda: queued(hand) > 0)
        second.cancel()
        await until(lambda: queued(hand) == 0)
        hand.model.gate.set()
        await first
        samples = await scrape(hand)

    assert of(before, "condensery_dropped_total", reason="cancelled") == 0
    assert of(samples, "condensery_dropped_total", reason="cancelled") == 4
    for reason in ("deadline", "failed", "unavailable"):
        assert of(samples, "condensery_dropped_total", reason=reason) == 0


async def test_counts_what_the_engine_refused_by_reason() -> None:
    async with served(metrics_port=0, max_queued_tokens=1) as hand:
        hand.model.gate.clear()
        first = hand.stub.Compress(request())
        await until(hand.model.busy.is_set)
        code = await hand.stub.Compress(request()).code()
        samples = await scrape(hand)
        hand.model.gate.set()
        await first

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert of(samples, "condensery_refused_total", reason="queue_full") == 1
    assert of(samples, "condensery_refused_total", reason="deadline") == 0
    assert of(samples, "condensery_rejected_total", reason="overloaded") == 1
    assert of(samples, "condensery_queue_limit_tokens") == 1
    assert of(samples, "condensery_queue_tokens") > 1


async def test_shows_the_engine_while_the_server_drains() -> None:
    async with served(metrics_port=0) as hand:
        hand.model.gate.clear()
        call = hand.stub.Compress(request())
        await until(hand.model.busy.is_set)
        draining = asyncio.ensure_future(hand.server.drain())
        async with asyncio.timeout(10):
            while of(samples := await scrape(hand), "condensery_serving"):
                pass
        hand.model.gate.set()
        await call
        await draining

    assert of(samples, "condensery_engine_alive") == 1
    assert of(samples, "condensery_engine_stalled_seconds") > 0
    assert of(samples, "condensery_queue_tokens") > 0
    assert of(samples, "condensery_batch_runs_total", model="overlap") == 0


async def test_shows_how_fast_a_model_is_once_it_knows() -> None:
    speed = ("condensery_model_tokens_per_second", frozenset({("model", "overlap")}))

    async with served(metrics_port=0) as hand:
        before = await scrape(hand)
        for _ in range(3):
            await hand.compress()
        after = await scrape(hand)

    assert speed not in before
    assert after[speed] > 0


async def test_counts_tokens_by_chain_and_calls_those_of_a_request_custom() -> None:
    stages = pb.StageList(stages=[pb.Stage(name="exit")])

    async with served(metrics_port=0) as hand:
        await hand.compress(chain="fine")
        await hand.compress(stages=stages)
        samples = await scrape(hand)

    for chain in ("fine", "custom"):
        assert of(samples, TOKENS, direction="in", chain=chain, tenant="none") == 17


def test_counts_tokens_by_tenant_and_those_of_too_many_tenants_together() -> None:
    metrics, many = Metrics(tenants=["search"]), [f"tenant {n}" for n in range(150)]
    with pipeline(settings(), Overlap()) as engine:
        result = engine.compress(request_from_pb(request()))

    for tenant in ("", *many, "search", "search"):
        with Work(tenant=tenant).active():
            metrics.saw(result)

    samples = [s for family in metrics.registry.collect() for s in family.samples]
    counted = {
        s.labels["tenant"]: s.value
        for s in samples
        if s.name == TOKENS and s.labels["direction"] == "in"
    }
    assert (counted["search"], counted["none"], counted["tenant 0"]) == (34, 17, 17)
    assert len(counted) == 101
    assert sum(counted.values()) == 153 * 17


async def test_shows_how_much_waits_and_for_how_long() -> None:
    async with served(metrics_port=0) as hand:
        idle = await scrape(hand)
        hand.model.gate.clear()
        call = hand.stub.Compress(request())
        await until(hand.model.busy.is_set)
        busy = await scrape(hand)
        hand.model.gate.set()
        await call

    for name in ("condensery_queue_tokens", "condensery_queue_oldest_seconds"):
        assert of(idle, name) == 0
        assert of(busy, name) > 0
    assert (of(idle, "condensery_in_flight"), of(busy, "condensery_in_flight")) == (0, 1)
    assert of(idle, "condensery_serving") == 1


async def test_shows_those_that_wait_for_a_thread() -> None:
    async with served(metrics_port=0, workers=1) as hand:
        hand.model.gate.clear()
        calls = [hand.stub.Compress(request()) for _ in range(2)]
        await until(lambda: hand.server.inside == 2)
        first = of(await scrape(hand), "condensery_worker_wait_seconds")
        second = of(await scrape(hand), "condensery_worker_wait_seconds")
        hand.model.gate.set()
        for call in calls:
            await call

    assert 0 < first < second


async def test_two_servers_do_not_share_what_they_count() -> None:
    async with served(metrics_port=0) as one, served(metrics_port=0) as other:
        await one.compress()
        samples = [await scrape(hand) for hand in (one, other)]

    assert of(samples[0], TOKENS, direction="in", **USUAL) == 17
    assert not any(name == TOKENS for name, _ in samples[1])


async def test_no_text_becomes_a_label() -> None:
    stages = pb.StageList(stages=[pb.Stage(name="sesame", backend="sesame")])

    async with served(metrics_port=0) as hand:
        sent = request(query="sesame", chain="sesame", documents=documents("sesame"))
        await hand.stub.Compress(sent).code()
        await hand.stub.Compress(request(stages=stages)).code()
        await hand.stub.Compress(request(query="sesame", documents=documents("sesame"))).code()
        samples = await scrape(hand)

    assert "sesame" not in repr(samples)
