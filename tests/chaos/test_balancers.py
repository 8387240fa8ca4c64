"""Two servers behind a balancer: one is killed or ends, and nobody notices."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from condensery import AsyncClient
from tests.chaos.balancers import NAMES, balancer
from tests.chaos.members import members
from tests.chaos.traffic import asking, survives


# Loses a request now and then on a machine that others keep busy; not understood yet.
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda n: n.name)
@pytest.mark.parametrize("name", NAMES)
async def test_a_server_behind_a_balancer_that_goes_costs_the_retrying_client_no_request(
    name: str, number: signal.Signals, tmp_path: Path
) -> None:
    async with (
        members(2) as pair,
        balancer(name, tmp_path, [each.address for each in pair]) as address,
        AsyncClient(address) as client,
        asking(client) as traffic,
    ):
        await survives(traffic, pair, number, calls=60)

    assert traffic.faults == []
