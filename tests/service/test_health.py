"""Health, reflection, and who is told what at which time of a server's life."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Event

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from condensery.v1 import compression_pb2_grpc as pb_grpc
from service.pipeline import Pipeline
from service.server import Server, listening, serving
from service.settings import Settings
from tests.service.hand import Overlap, pipeline, request, served, settings, until

SERVICE = "condensery.v1.CompressionService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def check(channel: grpc.aio.Channel, service: str) -> int:
    stub = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
    return int(answer.status)


@asynccontextmanager
async def starting() -> AsyncIterator[tuple[Server, grpc.aio.Channel]]:
    async with (
        listening(settings(health_port=0)) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        yield server, channel


async def test_nothing_is_served_before_the_models_are_warm_but_the_process_lives() -> None:
    async with starting() as (_, channel):
        states = [await check(channel, name) for name in ("", SERVICE, "liveness")]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pb_grpc.CompressionServiceStub(channel).Compress(request(), timeout=10)

    assert states == [NOT_SERVING, NOT_SERVING, SERVING]
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert caught.value.details() == "the models are not warm yet"


async def test_a_warm_server_serves_under_every_name() -> None:
    async with served() as hand:
        states = [await check(hand.channel, name) for name in ("", SERVICE, "liveness")]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await check(hand.channel, "other")

    assert states == [SERVING] * 3
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_whoever_watches_sees_the_server_become_ready_and_drain() -> None:
    async with starting() as (server, channel):
        stub = health_pb2_grpc.HealthStub(channel)
        watch = aiter(stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=10))
        seen = [(await anext(watch)).status]
        with pipeline(settings(), Overlap()) as made:
            await server.open(made)
            seen.append((await anext(watch)).status)
            await server.drain()
            seen.append((await anext(watch)).status)
            alive = await check(channel, "liveness")

    assert seen == [NOT_SERVING, SERVING, NOT_SERVING]
    assert alive == SERVING


async def test_an_open_watch_does_not_hold_up_the_end() -> None:
    loop = asyncio.get_running_loop()

    async with served(drain_seconds=30.0) as hand:
        stub = health_pb2_grpc.HealthStub(hand.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        await watch.read()
        start = loop.time()

    assert loop.time() - start < 5


async def test_the_health_port_knows_health_and_nothing_else() -> None:
    async with served(health_port=0) as hand:
        port = hand.server.ports.health
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            state = await check(channel, SERVICE)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await pb_grpc.CompressionServiceStub(channel).Compress(request(), timeout=10)

    assert state == SERVING
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def listed(channel: grpc.aio.Channel) -> set[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in stub.ServerReflectionInfo(iter([asked])):
        return {service.name for service in answer.list_services_response.service}
    return set()


async def test_the_server_describes_its_contract() -> None:
    async with served() as hand:
        names = await listed(hand.channel)

    assert names == {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


async def test_the_contract_can_be_kept_to_oneself() -> None:
    async with served(reflection="false") as hand:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await listed(hand.channel)

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_two_servers_cannot_share_a_port() -> None:
    async with served() as hand:
        with pytest.raises(OSError, match="cannot listen"):
            async with listening(settings(port=hand.server.ports.grpc)):
                pass


async def test_health_is_answered_while_the_models_load() -> None:
    loading, loaded = Event(), Event()

    @contextmanager
    def slow(given: Settings) -> Iterator[Pipeline]:
        loading.set()
        loaded.wait()
        with pipeline(given, Overlap()) as made:
            yield made

    ready = asyncio.Event()
    port: list[int] = []

    async def run() -> None:
        async with serving(settings(port=port[0]), open_pipeline=slow):
            ready.set()

    async with served() as other:
        port.append(other.server.ports.grpc)
    task = asyncio.create_task(run())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port[0]}") as channel:
        await until(loading.is_set)
        before = await check(channel, "")
        loaded.set()
        await ready.wait()
    await task

    assert before == NOT_SERVING
