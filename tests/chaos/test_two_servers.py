"""Two servers and the retrying client: one goes, dies or falls asleep, and nobody notices."""

from __future__ import annotations

import asyncio
import signal

import pytest

from condensery import AsyncClient, Connection, DeadlineExceeded
from tests.chaos.members import EMBEDDED, Member, members, target
from tests.chaos.traffic import PATIENCE, answer, asking, compressed, documents, survives
from tests.service.hand import QUERY, until

# Pings as often as the server allows. A connection that does not answer one within ten seconds
# is dead.
ALERT = Connection(keepalive=10.0)


def both(pair: list[Member]) -> str:
    return target([each.address for each in pair])


# Loses a request now and then on a machine that others keep busy; not understood yet.
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
async def test_a_server_that_goes_under_load_costs_the_retrying_client_no_request(
    number: signal.Signals,
) -> None:
    async with (
        members(2) as pair,
        AsyncClient(both(pair)) as client,
        asking(client) as traffic,
    ):
        await survives(traffic, pair, number, calls=100)

    assert traffic.faults == []


async def test_servers_that_are_replaced_one_by_one_lose_no_request() -> None:
    async with members(4) as group, AsyncClient(both(group)) as client, asking(client) as traffic:
        for each in group[:3]:
            await traffic.more(40)
            each.send(signal.SIGTERM)
        statuses = [await each.end for each in group[:3]]
        await traffic.more(40)

    assert traffic.faults == []
    assert statuses == [0, 0, 0]


async def test_a_call_to_a_server_that_sleeps_ends_at_its_deadline_and_the_next_are_answered() -> (
    None
):
    async with members(2) as pair, AsyncClient(both(pair)) as client:
        # Both connections are made before one of the two falls asleep.
        async with asking(client) as traffic:
            await until(lambda: all(each.server.calls("OK") > 0 for each in pair), seconds=PATIENCE)
        pair[0].send(signal.SIGSTOP)
        start = asyncio.get_running_loop().time()
        ends = await asyncio.gather(
            *(compressed(client, number, timeout=2.0) for number in range(8)),
            return_exceptions=True,
        )
        seconds = asyncio.get_running_loop().time() - start
        pair[0].send(signal.SIGCONT)
        async with asking(client) as after:
            await after.more(50)

    assert traffic.faults == after.faults == []
    assert seconds < 2.0 + 3.0
    kept = [end for end in ends if not isinstance(end, DeadlineExceeded)]
    # They went round the two servers.
    assert len(kept) == 4
    assert [getattr(end, "text", end) for end in kept] == [
        answer(number) for number, end in enumerate(ends) if end in kept
    ]


@pytest.mark.slow
async def test_a_server_that_sleeps_for_long_is_left_and_its_calls_are_made_elsewhere() -> None:
    async with (
        members(2) as pair,
        AsyncClient(both(pair), connection=ALERT) as client,
        asking(client) as traffic,
    ):
        await traffic.more(100)
        pair[0].send(signal.SIGSTOP)
        # All askers wait for the sleeper sooner or later, until a ping tells that it is one.
        await traffic.more(200)

    assert traffic.faults == []
    assert traffic.slowest < 60


@pytest.mark.slow
async def test_sigterm_under_load_on_the_embedded_model_loses_no_request() -> None:
    async def texts(client: AsyncClient) -> list[str]:
        calls = [
            client.compress(QUERY, documents(number), rate=0.4, timeout=300.0)
            for number in range(8)
        ]
        return [each.text for each in await asyncio.gather(*calls)]

    async with members(2, EMBEDDED) as pair, AsyncClient(both(pair)) as client:
        expected = await texts(client)
        asking_on = [asyncio.create_task(texts(client)) for _ in range(4)]
        await until(lambda: pair[0].server.calls("OK") > 8, seconds=300)
        pair[0].send(signal.SIGTERM)
        status = await pair[0].end
        answers = await asyncio.gather(*asking_on, texts(client))

    assert status == 0
    assert answers == [expected] * 5
    assert len(set(expected)) == 8
