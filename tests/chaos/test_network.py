"""A network that is slow, cuts, resets and swallows: retries win, deadlines hold, nothing hangs,
and no answer is wrong.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from condensery import (
    AsyncClient,
    Compression,
    CondenseryError,
    Connection,
    DeadlineExceeded,
    DocumentResult,
    Unavailable,
)
from tests.chaos.members import target
from tests.chaos.proxy import faulty
from tests.chaos.traffic import answer, asking, compressed, documents
from tests.service.hand import QUERY, served, until

# About what a server says of itself before the first answer; an answer is larger.
GREETING = 300


async def test_a_slow_network_makes_answers_later_and_no_worse() -> None:
    async with (
        served() as hand,
        faulty(hand.server.ports.grpc, delay=0.2) as proxy,
        AsyncClient(proxy.address) as client,
    ):
        start = time.monotonic()
        results = await asyncio.gather(*(compressed(client, number) for number in range(8)))
        seconds = time.monotonic() - start

    assert [each.text for each in results] == [answer(number) for number in range(8)]
    assert seconds >= 2 * 0.2


async def test_a_network_that_dribbles_makes_no_answer_wrong() -> None:
    async with (
        served() as hand,
        faulty(hand.server.ports.grpc, piece=7) as proxy,
        AsyncClient(proxy.address) as client,
    ):
        results = await asyncio.gather(*(compressed(client, number) for number in range(8)))

    assert [each.text for each in results] == [answer(number) for number in range(8)]


@pytest.mark.parametrize("how", ["cut_after", "reset_after"])
async def test_a_call_whose_connection_breaks_before_the_answer_is_made_again(how: str) -> None:
    async with (
        served() as hand,
        faulty(hand.server.ports.grpc, faulty=1) as proxy,
        AsyncClient(proxy.address) as client,
    ):
        before = await compressed(client, 1)
        setattr(proxy, how, 0)
        after = await compressed(client, 2)

    assert [before.text, after.text] == [answer(1), answer(2)]
    assert proxy.connections == 2


@pytest.mark.parametrize("how", ["cut_after", "reset_after"])
async def test_whatever_byte_an_answer_breaks_at_it_is_right_or_there_is_none(how: str) -> None:
    patient = Connection(wait_for_ready=True)
    ends: list[Compression | BaseException] = []

    async with served() as hand:
        for position in range(1, 1_200, 109):
            async with (
                faulty(hand.server.ports.grpc, faulty=1, **{how: position}) as proxy,
                AsyncClient(proxy.address, connection=patient) as client,
            ):
                for number in range(3):
                    (end,) = await asyncio.gather(
                        compressed(client, number), return_exceptions=True
                    )
                    right = isinstance(end, Compression) and end.text == answer(number)
                    assert right or type(end) is Unavailable
                    ends.append(end)

    # gRPC tries a call again as long as nothing of its answer is here; later it cannot.
    assert sum(isinstance(end, Compression) for end in ends) > len(ends) / 2


async def test_resets_under_load_cost_at_most_the_answers_that_had_begun() -> None:
    askers, resets = 6, 3

    async with (
        served() as hand,
        faulty(hand.server.ports.grpc, delay=0.01) as proxy,
        AsyncClient(proxy.address) as client,
        asking(client, askers=askers) as traffic,
    ):
        for _ in range(resets):
            await traffic.more(30, despite_errors=True)
            proxy.reset()
        await traffic.more(30, despite_errors=True)

    assert traffic.wrong == []
    # gRPC does not try a call again once the headers of its answer are here.
    assert all(error.startswith("Unavailable: ") for error in traffic.errors)
    assert traffic.errors.total() < askers * resets / 2
    assert proxy.connections == 1 + resets


async def test_a_network_that_breaks_every_answer_is_said_to_be_unavailable() -> None:
    async with (
        served() as hand,
        faulty(hand.server.ports.grpc, reset_after=GREETING) as proxy,
        AsyncClient(proxy.address, timeout=60) as client,
    ):
        start = time.monotonic()
        with pytest.raises(Unavailable):
            await compressed(client, 1)

    assert time.monotonic() - start < 30


async def test_a_black_hole_ends_calls_at_their_deadline_and_then_all_is_well() -> None:
    async with (
        served() as hand,
        faulty(hand.server.ports.grpc) as proxy,
        AsyncClient(proxy.address) as client,
    ):
        before = await compressed(client, 1)
        proxy.open.clear()
        start = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            await compressed(client, 2, timeout=0.5)
        seconds = time.monotonic() - start
        proxy.open.set()
        after = await compressed(client, 3)

    assert 0.4 < seconds < 5
    assert [before.text, after.text] == [answer(1), answer(3)]


async def test_one_of_two_ways_that_swallows_everything_costs_its_own_calls_alone() -> None:
    async with (
        served() as hand,
        faulty(hand.server.ports.grpc) as bad,
        faulty(hand.server.ports.grpc) as good,
        AsyncClient(target([bad.address, good.address])) as client,
    ):
        async with asking(client, askers=4) as traffic:
            await until(lambda: bad.connections == good.connections == 1)
            await traffic.more(20)
        bad.open.clear()
        ends = await asyncio.gather(
            *(compressed(client, number, timeout=1.0) for number in range(6)),
            return_exceptions=True,
        )

    texts = {n: end.text for n, end in enumerate(ends) if isinstance(end, Compression)}
    assert traffic.faults == []
    assert texts == {number: answer(number) for number in texts}
    assert len(texts) == 3
    assert sum(isinstance(end, DeadlineExceeded) for end in ends) == 3


async def test_a_stream_that_is_cut_half_way_is_no_result() -> None:
    given = [text for number in range(40) for text in documents(number)]
    seen: list[DocumentResult | Compression] = []

    async def read(client: AsyncClient) -> None:
        async for event in client.compress_stream(QUERY, given, timeout=60):
            seen.append(event)  # noqa: PERF401 - the error comes in between

    async with (
        served() as hand,
        faulty(hand.server.ports.grpc, reset_after=4_000) as proxy,
        AsyncClient(proxy.address) as client,
    ):
        with pytest.raises(CondenseryError) as caught:
            await read(client)

    assert type(caught.value) is Unavailable
    assert all(isinstance(event, DocumentResult) for event in seen)
