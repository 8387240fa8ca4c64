"""The server of a run: what it counts, and what is said if it does not start."""

from __future__ import annotations

import os

import pytest

from benchmarks.load.client import connected
from benchmarks.load.loads import references
from benchmarks.load.requests import Sent
from benchmarks.load.server import Batches, Server, serving
from tests.service.hand import CATS, LOUVRE, documents, request, served

SENT = Sent("louvre", request(documents=documents(LOUVRE, CATS)), 20)


async def test_what_the_device_did_is_the_difference_of_two_looks() -> None:
    async with served(metrics_port=0) as hand, connected(hand.server.target, 1) as caller:
        assert hand.server.ports.metrics is not None
        server = Server(os.getpid(), hand.server.target, hand.server.ports.metrics)
        before = await server.batches()
        await references(caller, [SENT])
        once = (await server.batches()).since(before)
        await references(caller, [SENT])
        twice = (await server.batches()).since(before)

    # Four sentences, each with the four words of the query and a separator.
    assert once.items == 4
    assert once.tokens == 4 * (4 + 1) + 5 + 4 + 4 + 4
    assert (twice.items, twice.tokens) == (2 * once.items, 2 * once.tokens)


def test_fill_and_padding_are_shares_of_what_was_and_could_be_computed() -> None:
    batches = Batches(runs=2, items=8, tokens=900, padded_tokens=1000, busy_seconds=1)

    assert batches.padding == pytest.approx(0.1)
    assert batches.fill(1000) == pytest.approx(0.5)


def test_the_memory_of_a_process_is_what_it_holds() -> None:
    server = Server(os.getpid(), "", 0)

    before = server.resident_bytes()
    held = bytes(range(256)) * (64 * 2**20 // 256)

    assert len(held) <= server.resident_bytes() - before + 2**20


async def test_a_server_that_does_not_start_says_why() -> None:
    with pytest.raises(EOFError, match="CONDENSERY_THREADS"):
        async with serving(THREADS="many"):
            raise AssertionError
