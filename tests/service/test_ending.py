"""Cancellation, deadlines, overload and the drain: what ends work, and what does not."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status

from compressors.protocols import Encoded
from condensery.v1 import compression_pb2 as pb
from tests.service.hand import LOUVRE, Overlap, documents, end_of, request, served, until

LONG = documents(*[LOUVRE] * 50)


async def test_a_call_that_the_client_cancels_does_no_more_work() -> None:
    async with served() as hand:
        hand.model.gate.clear()
        call = hand.stub.Compress(request())
        await until(hand.model.busy.is_set)
        waiting = hand.stub.Compress(request(documents=LONG))
        await until(lambda: hand.engine.stats().queued_items == 100)
        claimed = hand.engine.stats().claimed_tokens
        waiting.cancel()
        await until(lambda: hand.engine.stats().queued_items == 0)
        await until(lambda: hand.engine.stats().claimed_tokens < claimed - 500)
        hand.model.gate.set()
        answer = await call
        seen = hand.model.seen
        await until(lambda: hand.engine.stats().claimed_tokens == 0)
        dropped = hand.engine.stats().dropped

    assert answer.text
    assert seen == 4
    assert dropped == {"cancelled": 100}


async def test_a_cancelled_call_is_not_inside_any_more() -> None:
    async with served() as hand:
        hand.model.gate.clear()
        call = hand.stub.Compress(request())
        await until(lambda: hand.server.inside == 1)
        call.cancel()
        await until(lambda: hand.server.inside == 0)
        hand.model.gate.set()


async def test_work_that_is_cancelled_by_nobody_is_answered_all_the_same() -> None:
    async with served() as hand:
        sent = request(index=pb.IndexQuery(name="cancelled"))
        ends = [
            await end_of(hand.stub.Compress(sent, timeout=30)),
            await end_of(
                hand.stub.CompressStream(pb.CompressStreamRequest(request=sent), timeout=30)
            ),
        ]

    assert ends == [grpc.StatusCode.UNAVAILABLE] * 2


async def test_a_stream_that_the_client_cancels_does_no_more_work() -> None:
    async with served() as hand:
        hand.model.gate.clear()
        blocker = hand.stub.Compress(request())
        await until(hand.model.busy.is_set)
        sent = pb.CompressStreamRequest(request=request(documents=[*documents(" "), *LONG[1:]]))
        stream = hand.stub.CompressStream(sent)
        await stream.read()
        await until(lambda: hand.engine.stats().queued_items == 98)
        stream.cancel()
        await until(lambda: hand.engine.stats().queued_items == 0 and hand.server.inside == 1)
        hand.model.gate.set()
        await blocker


async def test_before_the_deadline_the_text_so_far_arrives() -> None:
    async with served() as hand:
        hand.model.gate.clear()
        answer = await hand.stub.Compress(request(), timeout=0.5)

    assert answer.stages[0].outcome == pb.STAGE_OUTCOME_SKIPPED_DEADLINE
    assert {d.outcome for d in answer.documents} == {pb.OUTCOME_PASSED_THROUGH_DEADLINE}
    assert answer.text.startswith(LOUVRE)


async def test_the_deadline_is_an_error_where_the_request_asks_for_that() -> None:
    async with served() as hand:
        hand.model.gate.clear()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await hand.stub.Compress(request(failure_policy=pb.FAILURE_POLICY_ERROR), timeout=0.5)

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    # Its own words: gRPC's are others, and come when the client has given up.
    assert caught.value.details() == "the request's deadline is over"


async def test_a_deadline_between_stages_leaves_what_the_first_ones_have_done() -> None:
    words = pb.Llmlingua2Options(min_words=0, threshold=0.0)
    stages = [
        pb.Stage(name="llmlingua2", rate=0.8, llmlingua2=words),
        pb.Stage(name="exit"),
        pb.Stage(name="llmlingua2", rate=0.2, llmlingua2=words),
    ]

    async with served() as hand:
        alone = await hand.compress(stages=pb.StageList(stages=stages[:1]))
        hand.model.gate.clear()
        sent = request(stages=pb.StageList(stages=stages))
        answer = await hand.stub.Compress(sent, timeout=0.8)

    assert [report.outcome for report in answer.stages] == [
        pb.STAGE_OUTCOME_RAN,
        pb.STAGE_OUTCOME_SKIPPED_DEADLINE,
        pb.STAGE_OUTCOME_SKIPPED_DEADLINE,
    ]
    assert answer.text == alone.text
    assert 0 < answer.totals.tokens_after < answer.totals.tokens_before
    assert {d.outcome for d in answer.documents} == {pb.OUTCOME_PASSED_THROUGH_DEADLINE}


async def test_a_call_without_a_deadline_gets_one() -> None:
    async with served(default_deadline_seconds=0.2) as hand:
        hand.model.gate.clear()
        async with asyncio.timeout(10):
            answer = await hand.stub.Compress(request())

    assert answer.stages[0].outcome == pb.STAGE_OUTCOME_SKIPPED_DEADLINE


async def test_a_call_that_never_got_a_thread_ends_with_its_deadline() -> None:
    async with served(workers=1) as hand:
        hand.model.gate.clear()
        first = hand.stub.Compress(request())
        await until(hand.model.busy.is_set)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await hand.stub.Compress(request(), timeout=0.3)
        hand.model.gate.set()
        await first

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_small_call_passes_many_large_ones_that_came_before() -> None:
    order = list[str]()

    async with served() as hand:
        hand.model.gate.clear()
        large = [hand.stub.Compress(request(documents=LONG)) for _ in range(24)]
        await until(lambda: hand.model.begun + hand.engine.stats().queued_items == 24 * 100)
        small = hand.stub.Compress(request())
        await until(lambda: hand.model.begun + hand.engine.stats().queued_items == 24 * 100 + 4)
        for call in large:
            call.add_done_callback(lambda _: order.append("large"))
        small.add_done_callback(lambda _: order.append("small"))
        hand.model.gate.set()
        await asyncio.gather(small, *large)

    assert order.index("small") < 12


async def test_what_waits_for_a_thread_waits_for_the_totals_too() -> None:
    async with served(workers=1) as hand:
        hand.model.gate.clear()
        first = hand.stub.Compress(request())
        await until(hand.model.busy.is_set)
        second = hand.stub.Compress(request())
        await until(lambda: hand.server.inside == 2)
        start = time.monotonic()
        await until(lambda: time.monotonic() - start > 0.05)
        hand.model.gate.set()
        totals = (await second).totals
        await first

    assert totals.elapsed.ToTimedelta() >= totals.queued.ToTimedelta()
    assert totals.queued.ToMilliseconds() >= 40


async def test_bulk_lets_others_pass() -> None:
    order = list[str]()

    async with served(workers=1) as hand:
        hand.model.gate.clear()
        calls = [hand.stub.Compress(request())]
        await until(hand.model.busy.is_set)
        for name, priority in (
            ("bulk", pb.PRIORITY_BULK),
            ("interactive", pb.PRIORITY_UNSPECIFIED),
        ):
            claimed = hand.engine.stats().claimed_tokens
            calls.append(hand.stub.Compress(request(priority=priority)))
            calls[-1].add_done_callback(lambda _, name=name: order.append(name))
            await until(lambda: hand.engine.stats().claimed_tokens > claimed)  # noqa: B023 - awaited here
        hand.model.gate.set()
        await asyncio.gather(*calls)

    assert order == ["interactive", "bulk"]


@dataclass
class Slow(Overlap):
    """Takes the same time for every row, as a device does."""

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[float]:
        time.sleep(0.005 * len(batch))
        return super().__call__(batch)


async def test_a_call_that_cannot_be_done_in_time_is_refused_at_once() -> None:
    async with served(model=Slow()) as hand:
        while not any(model.tokens_per_second for model in hand.engine.stats().models):
            await hand.compress()
        # This is what calls of its kind take.
        await hand.compress(documents=LONG)
        hand.model.gate.clear()
        first = hand.stub.Compress(request(documents=LONG), timeout=30)
        await until(lambda: hand.engine.stats().claimed_tokens > 500)
        start = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await hand.stub.Compress(request(documents=LONG), timeout=0.4)
        seconds = time.monotonic() - start
        rejected = hand.engine.stats().rejected
        hand.model.gate.set()
        answer = await first

    error, retry = caught.value, RetryInfo()
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert seconds < 0.3
    assert rejected == {"deadline": 1}
    assert rpc_status.from_call(error).details[0].Unpack(retry)
    pushback = int(dict(error.trailing_metadata() or ())["grpc-retry-pushback-ms"])
    assert pushback == retry.retry_delay.ToMilliseconds() > 0
    assert answer.text


async def test_overload_is_answered_at_once_with_the_time_to_come_again() -> None:
    async with served(max_queued_tokens=600) as hand:
        hand.model.gate.clear()
        first = hand.stub.Compress(request(documents=LONG))
        await until(hand.model.busy.is_set)
        start = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await hand.stub.Compress(request(documents=LONG), timeout=60)
        seconds = time.monotonic() - start
        hand.model.gate.set()
        answer = await first

    error, retry = caught.value, RetryInfo()
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert seconds < 1
    assert rpc_status.from_call(error).details[0].Unpack(retry)
    pushback = int(dict(error.trailing_metadata() or ())["grpc-retry-pushback-ms"])
    assert pushback == retry.retry_delay.ToMilliseconds() > 0
    assert answer.text


async def test_a_client_that_tries_again_gets_through_once_there_is_room() -> None:
    policy = (
        '{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":5,"initialBackoff":"0.01s",'
        '"maxBackoff":"0.01s","backoffMultiplier":1,"retryableStatusCodes":["RESOURCE_EXHAUSTED"]}}]}'
    )
    options = [("grpc.service_config", policy)]

    async with (
        served(max_queued_tokens=600) as hand,
        grpc.aio.insecure_channel(hand.server.target, options=options) as patient,
    ):
        hand.model.gate.clear()
        first = hand.stub.Compress(request(documents=LONG))
        await until(hand.model.busy.is_set)
        again = patient.unary_unary(
            "/condensery.v1.CompressionService/Compress",
            request_serializer=pb.CompressRequest.SerializeToString,
            response_deserializer=pb.CompressResponse.FromString,
        )(request(documents=LONG), timeout=20)
        await until(lambda: hand.engine.stats().rejected.get("queue_full", 0) > 0)
        hand.model.gate.set()
        answers = [await first, await again]

    assert answers[0].text == answers[1].text


async def test_a_drain_waits_for_what_is_inside_and_refuses_what_comes() -> None:
    async with served() as hand:
        hand.model.gate.clear()
        inside = [hand.stub.Compress(request()) for _ in range(4)]
        await until(lambda: hand.server.inside == 4)
        drain = asyncio.create_task(hand.server.drain())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await hand.stub.Compress(request(), timeout=10)
        waited = not drain.done()
        hand.model.gate.set()
        answers = await asyncio.gather(*inside)
        await drain

    assert waited
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert caught.value.details() == "the server is draining"
    assert [answer.text for answer in answers] == [answers[0].text] * 4


async def test_what_outlasts_the_drain_is_cut_off() -> None:
    loop = asyncio.get_running_loop()

    async with served(drain_seconds=0.1) as hand:
        hand.model.gate.clear()
        call = hand.stub.Compress(request())
        await until(hand.model.busy.is_set)
        start = loop.time()
        await hand.server.drain()
        seconds = loop.time() - start
        hand.model.gate.set()
        await call

    assert 0.1 <= seconds < 2
