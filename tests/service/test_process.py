"""The process: SIGTERM under load, a dead engine, a port that is taken."""

import asyncio
import signal
import socket
from collections import Counter

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from condensery.v1 import compression_pb2 as pb
from condensery.v1 import compression_pb2_grpc as pb_grpc
from tests.service.hand import CATS, LOUVRE, documents, end_of, request
from tests.service.processes import ServerProcess, running
from tests.service.test_health import NOT_SERVING, SERVING

LOAD = request(documents=documents(*[LOUVRE, CATS] * 5), budget=pb.Budget(rate=0.2))


async def keep_asking(
    stub: pb_grpc.CompressionServiceStub, texts: set[str], ends: Counter[grpc.StatusCode]
) -> None:
    """Ask until the server is gone, one call after the other."""
    while not ends[grpc.StatusCode.UNAVAILABLE]:
        try:
            answer = await stub.Compress(LOAD, timeout=60)
        except grpc.aio.AioRpcError as error:
            ends[error.code()] += 1
        else:
            ends[grpc.StatusCode.OK] += 1
            texts.add(answer.text)


async def asked_until_gone(
    server: ServerProcess, port: int, askers: int
) -> Counter[grpc.StatusCode]:
    ends: Counter[grpc.StatusCode] = Counter()
    texts: set[str] = set()
    options = [("grpc.enable_retries", 0)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        await watch.read()
        stub = pb_grpc.CompressionServiceStub(channel)
        asking = [asyncio.create_task(keep_asking(stub, texts, ends)) for _ in range(askers)]
        for _ in range(2 * askers):
            await server.log("call")
        server.process.send_signal(signal.SIGTERM)
        await asyncio.gather(server.ended(), *asking)
    assert len(texts) == 1
    return ends


@pytest.mark.parametrize(
    ("command", "askers"),
    [(("service.cli", "serve"), 6), (("tests.service.by_hand", "quick"), 50)],
    ids=["the embedded model", "a quick model"],
)
async def test_sigterm_under_load_loses_no_call_that_was_let_in(
    command: tuple[str, str], askers: int
) -> None:
    async with asyncio.timeout(300), running(*command, BATCH_TOKENS="256") as server:
        port = (await server.log("serving"))["grpc"]
        ends = await asked_until_gone(server, port, askers)

    assert server.process.returncode == 0
    assert set(ends) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
    assert ends[grpc.StatusCode.OK] == server.calls("OK") >= 2 * askers
    assert server.calls("CANCELLED") == 0
    draining = next(line for line in server.lines if line["message"] == "draining")
    assert draining["inside"] > 0


async def test_a_dead_engine_ends_the_process_with_its_own_status() -> None:
    async with asyncio.timeout(60), running("tests.service.by_hand", "deadly") as server:
        port = (await server.log("serving"))["grpc"]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            states = [(await watch.read()).status]
            stub = pb_grpc.CompressionServiceStub(channel)
            sent = [request(failure_policy=policy) for policy in pb.FailurePolicy.values()] * 4
            calls = [end_of(stub.Compress(each, timeout=30)) for each in sent]
            ends = await asyncio.gather(*calls)
            states.append((await watch.read()).status)
            status = await server.ended()

    assert status == 70
    assert set(ends) == {grpc.StatusCode.UNAVAILABLE}
    assert states == [SERVING, NOT_SERVING]
    assert any(line["message"] == "the engine is dead" for line in server.lines)


async def test_a_second_signal_ends_the_process_at_once() -> None:
    async with asyncio.timeout(60), running("tests.service.by_hand", "hanging") as server:
        port = (await server.log("serving"))["grpc"]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = pb_grpc.CompressionServiceStub(channel).Compress(request(), timeout=60)
            await server.log("busy")
            server.process.send_signal(signal.SIGTERM)
            await server.log("draining")
            server.process.send_signal(signal.SIGTERM)
            status = await server.process.wait()
            call.cancel()

    assert status == -signal.SIGTERM


async def test_a_server_that_still_loads_ends_at_once() -> None:
    async with asyncio.timeout(60), running("tests.service.by_hand", "loading") as server:
        await server.log("loading")
        server.process.send_signal(signal.SIGTERM)
        status = await server.ended()

    assert status == 0


async def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with asyncio.timeout(60), running("service.cli", "serve", PORT=port) as server:
            output = await server.process.stderr.read()
            status = await server.process.wait()

    assert status == 1
    assert f"cannot listen on 127.0.0.1:{port}" in output.decode().splitlines()[-1]
