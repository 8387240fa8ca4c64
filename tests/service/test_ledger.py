"""What summaries cost is set against what they save, and is paid once for the same documents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from condensery import Client, Compression, Stage
from service.settings import Settings
from tests.models.chat_endpoint import Endpoint, endpoint, says

TEXTS = [
    "The ferry to the island leaves at noon. It takes an hour, and the sea is often rough.",
    "The ferry to the island sails every day. The crossing is long and the sea can be rough.",
    "The bakery in the old town sells rye bread. It opens before dawn and closes at noon.",
    "The bakery in the old town is small. People queue for its rye bread before dawn.",
]
SUMMARY = "The sea is often rough."


@pytest.fixture(scope="module")
def server() -> Iterator[Endpoint]:
    with endpoint([says(SUMMARY, tokens=50)]) as started:
        yield started


@pytest.fixture(scope="module")
def client(server: Endpoint) -> Iterator[Client]:
    settings = Settings(
        device="cpu", llm_base_url=server.url, llm_model="a-model", summarizer_openai=True
    )
    with Client.in_process(settings, timeout=60) as opened:
        yield opened


def summarized(client: Client, *ids: str) -> Compression:
    stage = Stage("crag", options={"clusters": 1, "summarizer": "openai", "query_weight": 0.0})
    documents = [{"id": id_, "text": text} for id_, text in zip(ids, TEXTS, strict=True)]
    return client.compress("How is the sea?", documents, stages=[stage], rate=0.5)


def test_the_second_time_the_same_summary_costs_nothing(client: Client, server: Endpoint) -> None:
    first = summarized(client, "a", "b", "c", "d")
    second = summarized(client, "e", "f", "g", "h")

    assert [each.text for each in first.summaries] == [f"4 of 4 documents:\n{SUMMARY}"]
    assert second.text == first.text
    assert len(server.asked) == 1
    saved = first.totals.tokens_saved
    assert (first.totals.ledger.saved, first.totals.ledger.spent) == (saved, 50)
    assert (first.totals.ledger.net, first.totals.ledger.reused) == (saved - 50, 0)
    assert (second.totals.ledger.spent, second.totals.ledger.reused) == (0, 50)
    assert second.totals.ledger.net == saved
    assert (second.stages[0].tokens_spent, second.stages[0].tokens_reused) == (0, 50)


def test_sources_name_the_documents_of_the_request(client: Client) -> None:
    again = summarized(client, "w", "x", "y", "z")

    assert {each.document_id for each in again.summaries[0].sources} == {"w", "x", "y", "z"}


def test_other_documents_are_summarized_anew(client: Client, server: Endpoint) -> None:
    asked = len(server.asked)
    stage = Stage("crag", options={"clusters": 1, "summarizer": "openai", "query_weight": 0.0})
    texts = [*TEXTS[:3], TEXTS[3].replace("small", "rough")]

    client.compress("How is the sea?", texts, stages=[stage], rate=0.5)

    assert len(server.asked) == asked + 1
