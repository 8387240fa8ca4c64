"""What Prometheus gets to see."""

import asyncio
import re
import urllib.request
from typing import Any

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from condensery.v1 import compression_pb2 as pb
from service.metrics import code_name
from tests.service.hand import Hand, documents, request, served, until

COMPRESS = {
    "grpc_type": "unary",
    "grpc_service": "condensery.v1.CompressionService",
    "grpc_method": "Compress",
}


async def scrape(hand: Hand) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    url = f"http://127.0.0.1:{hand.server.ports.metrics}/metrics"

    def read() -> str:
        with urllib.request.urlopen(url, timeout=10) as page:
            return page.read().decode()

    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(await asyncio.to_thread(read))
        for sample in family.samples
    }


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

    assert of(samples, "condensery_tokens_total", direction="in") == 17
    assert of(samples, "condensery_tokens_total", direction="out") == 5
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
        first = of(await scrape(hand), "condensery_queue_oldest_seconds")
        second = of(await scrape(hand), "condensery_queue_oldest_seconds")
        hand.model.gate.set()
        for call in calls:
            await call

    assert 0 < first < second


async def test_two_servers_do_not_share_what_they_count() -> None:
    async with served(metrics_port=0) as one, served(metrics_port=0) as other:
        await one.compress()
        samples = [await scrape(hand) for hand in (one, other)]

    assert of(samples[0], "condensery_tokens_total", direction="in") == 17
    assert ("condensery_tokens_total", frozenset({("direction", "in")})) not in samples[1]


async def test_no_text_becomes_a_label() -> None:
    stages = pb.StageList(stages=[pb.Stage(name="sesame", backend="sesame")])

    async with served(metrics_port=0) as hand:
        sent = request(query="sesame", chain="sesame", documents=documents("sesame"))
        await hand.stub.Compress(sent).code()
        await hand.stub.Compress(request(stages=stages)).code()
        await hand.stub.Compress(request(query="sesame", documents=documents("sesame"))).code()
        samples = await scrape(hand)

    assert "sesame" not in repr(samples)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (grpc.StatusCode.OK, "OK"),
        (grpc.StatusCode.CANCELLED, "Canceled"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "DeadlineExceeded"),
        (grpc.StatusCode.INTERNAL, "Internal"),
    ],
)
def test_spells_statuses_as_go_does(code: grpc.StatusCode, name: str) -> None:
    assert code_name(code) == name


def test_every_status_has_a_spelling_of_its_own() -> None:
    names = {code_name(code) for code in grpc.StatusCode}

    assert len(names) == len(grpc.StatusCode)
    assert all(re.fullmatch("[A-Za-z]+", name) for name in names)
