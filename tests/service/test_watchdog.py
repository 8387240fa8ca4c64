"""What callers and probes see of a device that dies or hangs, and how the process ends."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from compressors.protocols import Encoded
from condensery.v1 import compression_pb2 as pb
from condensery.v1 import compression_pb2_grpc as pb_grpc
from tests.service.hand import Hand, Overlap, end_of, request, served, until
from tests.service.processes import ServerProcess, running
from tests.service.test_health import NOT_SERVING, SERVICE, SERVING, check

STRICT = request(failure_policy=pb.FAILURE_POLICY_ERROR)
LENIENT = request()
CALLERS = 20
"""More than there are workers."""


class Dying(Overlap):
    """Once its gate is open, what no engine survives."""

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[float]:
        super().__call__(batch)
        raise GeneratorExit


async def details_of(call: grpc.aio.UnaryUnaryCall) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    return str(caught.value.details())


@asynccontextmanager
async def besieged(
    model: Overlap, stall: float
) -> AsyncIterator[tuple[Hand, list[Any], list[Any]]]:
    """A server with many inside who wait for a device that is in its first batch; and watches."""
    model.gate.clear()
    async with served(model=model, stall_seconds=stall) as hand:
        stub = health_pb2_grpc.HealthStub(hand.channel)
        watches = []
        for name in ("", SERVICE, "liveness"):
            watch = stub.Watch(health_pb2.HealthCheckRequest(service=name), timeout=30)
            assert (await watch.read()).status == SERVING
            watches.append(watch)
        asked = [STRICT, LENIENT] * (CALLERS // 2)
        calls = [hand.stub.Compress(each, timeout=30) for each in asked]
        await until(lambda: hand.server.inside == CALLERS and model.busy.is_set())
        yield hand, calls, watches


@pytest.mark.parametrize("hangs", [False, True], ids=["its thread dies", "it hangs"])
async def test_a_lost_device_fails_everybody_and_health_at_once(hangs: bool) -> None:  # noqa: FBT001
    model, stall = (Overlap(), 3.0) if hangs else (Dying(), 300.0)

    async with besieged(model, stall) as (hand, calls, watches):
        if not hangs:
            model.gate.set()
        first, *others = [await details_of(call) for call in calls]
        states = [await check(hand.channel, name) for name in ("", SERVICE, "liveness")]
        seen = [(await watch.read()).status for watch in watches]
        late = await details_of(hand.stub.Compress(STRICT, timeout=10))
        await hand.server.died.wait()

    assert states == seen == [NOT_SERVING] * 3
    assert first.startswith("the device is lost")
    assert set(others) == {first}
    assert late == "the engine is dead"


async def test_health_is_down_before_the_first_caller_hears_of_it() -> None:
    model = Dying()
    model.gate.clear()
    async with served(model=model) as hand:
        call = asyncio.ensure_future(details_of(hand.stub.Compress(STRICT, timeout=30)))
        await until(model.busy.is_set)
        model.gate.set()
        await call
        state = await check(hand.channel, "")

    assert state == NOT_SERVING


async def ends_of_callers(server: ServerProcess, *, drained: bool) -> tuple[list[str], int, int]:
    """What callers of a process whose device hangs hear, what it logged last, and its status."""
    port = (await server.log("serving"))["grpc"]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = pb_grpc.CompressionServiceStub(channel)
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == SERVING
        asking = [asyncio.ensure_future(details_of(stub.Compress(STRICT))) for _ in range(4)]
        await server.log("busy")
        if drained:
            server.process.send_signal(signal.SIGTERM)
        heard = await asyncio.gather(*asking)
        state = (await watch.read()).status
        status = await server.ended()
    return list(heard), state, status


@pytest.mark.parametrize("drained", [False, True], ids=["serving", "draining"])
async def test_a_hang_ends_the_process_with_its_own_status(drained: bool) -> None:  # noqa: FBT001
    hanging = running("tests.service.by_hand", "hanging", STALL_SECONDS="1")
    async with asyncio.timeout(60), hanging as server:
        heard, state, status = await ends_of_callers(server, drained=drained)

    assert status == 70
    assert state == NOT_SERVING
    said = {text.partition(":")[0] for text in heard}
    assert "the device is lost" in said
    # Who comes after the signal is not let in.
    assert said <= {"the device is lost"} | ({"the server is draining"} if drained else set())


async def test_a_hang_while_the_models_are_warmed_ends_the_process_too() -> None:
    hanging = running("tests.service.by_hand", "warming", STALL_SECONDS="0.5")
    async with asyncio.timeout(60), hanging as server:
        await server.log("busy")
        status = await server.ended()

    assert status == 70
    assert not any(line["message"] == "serving" for line in server.lines)


@pytest.mark.slow
async def test_a_loop_that_hangs_with_the_device_ends_with_the_process() -> None:
    hanging = running("tests.service.by_hand", "hanging", STALL_SECONDS="0.5", DRAIN_SECONDS="0")
    async with asyncio.timeout(60), hanging as server:
        port = (await server.log("serving"))["grpc"]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = pb_grpc.CompressionServiceStub(channel).Compress(STRICT)
            await server.log("busy")
            server.process.send_signal(signal.SIGUSR1)
            end, status = await asyncio.gather(end_of(call), server.ended())

    assert status == 70
    assert end is grpc.StatusCode.UNAVAILABLE


async def test_a_process_that_was_stopped_goes_on_where_it_was() -> None:
    # The batch takes less than a stall; the stop takes more, with somebody waiting.
    slow = running("tests.service.by_hand", "slow", STALL_SECONDS="2")
    async with asyncio.timeout(60), slow as server:
        port = (await server.log("serving"))["grpc"]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = pb_grpc.CompressionServiceStub(channel)
            late = stub.Compress(request(), timeout=3)
            await server.log("busy")
            server.process.send_signal(signal.SIGSTOP)
            try:
                ends = await asyncio.gather(
                    end_of(late), *(end_of(stub.Compress(request(), timeout=3)) for _ in range(3))
                )
            finally:
                server.process.send_signal(signal.SIGCONT)
            answer = await stub.Compress(request(), timeout=30)
            state = await check(channel, "")
            server.process.send_signal(signal.SIGTERM)
            status = await server.ended()

    assert set(ends) == {grpc.StatusCode.DEADLINE_EXCEEDED}
    assert answer.text
    assert state == SERVING
    assert status == 0
