"""Callers of a real server: none waits for another, and nothing that happens to one is hidden."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

from benchmarks.load.answers import End, Expected
from benchmarks.load.arrivals import Arrival
from benchmarks.load.client import Outcome, closed_loop, connected, open_loop
from benchmarks.load.loads import references
from benchmarks.load.requests import Sent
from compressors.protocols import Encoded
from tests.service.hand import CATS, LOUVRE, Overlap, documents, request, served, until

SENT = Sent("louvre", request(documents=documents(LOUVRE, CATS)), 20)


@dataclass
class Moody(Overlap):
    """Likes what it did not like before, once it is in the mood."""

    is_moody: bool = False

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[float]:
        scores = super().__call__(batch)
        return [1 - score for score in scores] if self.is_moody else scores


def closed_gate() -> Overlap:
    model = Overlap()
    model.gate.clear()
    return model


async def outcomes_of(
    model: Overlap, *times: float, deadline: float, **settings: int
) -> tuple[Outcome, ...]:
    async with served(model=model, **settings) as hand, connected(hand.server.target, 2) as caller:
        arrivals = [Arrival(at, SENT) for at in times]
        return await open_loop(caller, arrivals, deadline=deadline)


async def test_a_request_is_sent_when_its_time_has_come_though_no_other_was_answered() -> None:
    model, times = closed_gate(), (0.0, 0.05, 0.1, 0.15, 0.2)

    async with served(model=model) as hand, connected(hand.server.target, 2) as caller:
        arrivals = [Arrival(at, SENT) for at in times]
        asking = asyncio.create_task(open_loop(caller, arrivals, deadline=20))
        await until(lambda: hand.server.inside == len(times))
        model.gate.set()
        outcomes = await asking

    assert [outcome.end for outcome in outcomes] == [End.GOOD] * len(times)
    assert [outcome.intended for outcome in outcomes] == list(times)
    # The first had to wait until the last had come, and its latency says so.
    assert outcomes[0].latency >= times[-1]


async def test_another_answer_than_that_of_the_idle_server_is_noticed() -> None:
    model = Moody()

    async with served(model=model) as hand, connected(hand.server.target, 1) as caller:
        knowing = replace(caller, expected=await references(caller, [SENT]))
        (before,) = await open_loop(knowing, [Arrival(0, SENT)], deadline=20)
        model.is_moody = True
        (after,) = await open_loop(knowing, [Arrival(0, SENT)], deadline=20)

    assert (before.end, after.end) == (End.GOOD, End.WRONG)


async def test_an_answer_that_the_deadline_cut_short_is_not_called_good() -> None:
    (outcome,) = await outcomes_of(closed_gate(), 0, deadline=1)

    assert outcome.end is End.CUT


async def test_a_refusal_is_told_with_when_to_come_again() -> None:
    first, second = await outcomes_of(closed_gate(), 0, 0.1, deadline=1, max_queued_tokens=20)

    assert first.end is End.CUT
    assert (second.end, second.code) == (End.REFUSED, "RESOURCE_EXHAUSTED")
    assert second.pushback is not None
    assert second.latency < first.latency


async def test_a_refusal_of_what_can_never_succeed_is_a_failure() -> None:
    async with served() as hand, connected(hand.server.target, 1) as caller:
        hopeless = Sent("blank", request(query=" "), 20)
        (outcome,) = await open_loop(caller, [Arrival(0, hopeless)], deadline=20)

    assert (outcome.end, outcome.code) == (End.FAILED, "INVALID_ARGUMENT")


async def test_a_deadline_counts_from_when_a_request_was_to_be_sent() -> None:
    async with served() as hand, connected(hand.server.target, 1) as caller:
        # The generator was held up for 5 seconds: who waits for this answer has gone.
        start = time.monotonic() - 5
        held_up = await caller.ask(SENT, start=start, intended=0, deadline=4)
        in_time = await caller.ask(SENT, start=start, intended=0, deadline=25)

    assert (held_up.end, in_time.end) == (End.LATE, End.GOOD)


async def test_a_closed_loop_asks_every_request_and_never_more_at_once_than_it_has_clients() -> (
    None
):
    inside: list[int] = []

    async with served() as hand, connected(hand.server.target, 2) as caller:
        watching = replace(caller, told=lambda: inside.append(hand.server.inside))
        requests = islice(cycle([SENT]), 20)
        outcomes = await closed_loop(watching, requests, clients=3, seconds=60)

    assert [outcome.end for outcome in outcomes] == [End.GOOD] * 20
    assert max(inside) <= 3


async def test_an_idle_server_whose_answer_is_not_good_is_no_reference() -> None:
    async with served(model=Overlap()) as hand, connected(hand.server.target, 1) as caller:
        expected = await references(caller, [SENT])

    assert expected == {
        "louvre": Expected("The Louvre is in Paris.", ((0, 0, 23),), expected["louvre"].scores)
    }
