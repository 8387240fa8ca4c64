"""The client with the models that come along."""

from __future__ import annotations

import asyncio

import pytest

from condensery import Client
from tests.client.museums import LOUVRE, PRADO

pytestmark = pytest.mark.slow


QUERY = "Where is the Louvre?"


def test_answers_in_this_process_with_nothing_but_what_is_installed() -> None:
    with Client.in_process(timeout=300) as client:
        result = client.compress(QUERY, [LOUVRE, PRADO], rate=0.5)
        again = asyncio.run(client.as_async().compress(QUERY, [LOUVRE, PRADO], rate=0.5))

    assert result.documents[0].text.startswith("The Louvre is in Paris.")
    assert result.totals.within_budget
    assert again.documents == result.documents
