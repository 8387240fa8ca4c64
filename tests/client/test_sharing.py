"""Clients that threads, tasks, loops and processes share; and calls that are given up."""

from __future__ import annotations

import asyncio
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing

import pytest

from condensery import (
    AsyncClient,
    Client,
    Compression,
    Connection,
)
from tests.client.museums import LOUVRE, PRADO, QUERY
from tests.client.servicer import PATIENCE, SentenceService, serving


def test_many_threads_share_a_client(client: Client) -> None:
    texts = [f"Paris {number}. Rome." for number in range(64)]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda text: client.compress("Paris", [text]).text, texts))

    assert results == [f"Paris {number}." for number in range(64)]


async def test_many_tasks_share_a_client(target: str) -> None:
    texts = [f"Paris {number}. Rome." for number in range(64)]

    async with AsyncClient(target) as client:
        results = await asyncio.gather(*(client.compress("Paris", [text]) for text in texts))

    assert [each.text for each in results] == [f"Paris {number}." for number in range(64)]


def test_one_client_serves_one_event_loop_after_another(target: str) -> None:
    client = AsyncClient(target)

    texts = [asyncio.run(client.compress("Paris", ["Paris. Rome."])).text for _ in range(3)]

    assert texts == ["Paris."] * 3


def test_one_client_serves_several_event_loops_at_a_time(target: str) -> None:
    client = AsyncClient(target)

    async def compress() -> str:
        async with client:
            return (await client.compress("Paris", ["Paris. Rome."])).text

    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda _: asyncio.run(compress()), range(8)))

    assert texts == ["Paris."] * 8


def test_clients_are_pickled_without_what_they_opened(client: Client) -> None:
    client.compress("Paris", [LOUVRE])

    again = pickle.loads(pickle.dumps(client))  # noqa: S301 - our own
    asynchronous = pickle.loads(pickle.dumps(client.as_async()))  # noqa: S301 - our own

    with again:
        assert again.compress("Paris", [LOUVRE]) == client.compress("Paris", [LOUVRE])
    assert asyncio.run(asynchronous.compress("Paris", [LOUVRE])).text == "The Louvre is in Paris."


def test_a_client_can_be_used_again_after_it_was_closed(client: Client) -> None:
    client.compress("Paris", [LOUVRE])
    client.close()

    assert client.compress("Paris", [LOUVRE]).text == "The Louvre is in Paris."


def test_to_close_a_stream_gives_up_the_call(client: Client, service: SentenceService) -> None:
    service.hold()

    with closing(client.compress_stream(QUERY, [LOUVRE, PRADO])) as stream:
        next(stream)
        assert not service.ended.is_set()

    assert service.ended.wait(PATIENCE)


async def test_to_close_an_asynchronous_stream_gives_up_the_call(
    target: str, service: SentenceService
) -> None:
    service.hold()

    async with AsyncClient(target) as client:
        async with aclosing(client.generate(QUERY, [LOUVRE])) as stream:
            assert isinstance(await anext(stream), Compression)
            assert not service.ended.is_set()

        assert await asyncio.to_thread(service.ended.wait, PATIENCE)


async def test_to_cancel_a_task_gives_up_the_call(target: str, service: SentenceService) -> None:
    service.hold()

    async with AsyncClient(target) as client:
        task = asyncio.create_task(client.compress(QUERY, [LOUVRE]))
        assert await asyncio.to_thread(service.arrived.acquire, timeout=PATIENCE)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(service.ended.wait, PATIENCE)


def test_a_call_waits_for_a_server_that_is_not_there_yet_if_told_to(
    service: SentenceService,
) -> None:

    with serving(service) as target:
        pass
    patient = Client(target, timeout=PATIENCE, connection=Connection(wait_for_ready=True))

    with ThreadPoolExecutor(1) as pool, patient:
        result = pool.submit(patient.compress, "Paris", [LOUVRE])
        with serving(service, address=target):
            assert result.result(PATIENCE).text == "The Louvre is in Paris."


def test_waits_in_a_thread_while_others_are_served(
    client: Client, service: SentenceService
) -> None:
    service.hold()
    results: list[Compression] = []
    thread = threading.Thread(target=lambda: results.append(client.compress(QUERY, [LOUVRE])))
    thread.start()
    assert service.arrived.acquire(timeout=PATIENCE)

    assert client.info().version == "1.2.3"

    service.gate.set()
    thread.join(PATIENCE)
    assert len(results) == 1
