"""The same from a server as from this process, on models whose answers are worked out by hand."""

from __future__ import annotations

import asyncio
import importlib.metadata
from contextlib import aclosing, closing

import pytest

from condensery import (
    AsyncClient,
    Client,
    Compression,
    CondenseryError,
    DeadlineExceeded,
    Document,
    DocumentResult,
    InvalidRequest,
    NotFound,
    NotInstalled,
    NotSupported,
    Outcome,
    ServerFailure,
    Stage,
)
from condensery.local import InProcess
from service.pipeline import Pipeline
from tests.client.opening import DOCUMENTS, OpenPipeline
from tests.service.hand import LOUVRE, QUERY, Overlap, served, settings, until


def timeless(result: Compression) -> str:
    """A result without what differs from run to run."""
    said = (result.text, result.documents, result.summaries, result.chain)
    return repr((*said, result.insufficient_evidence)) + repr(
        [(each.stage, each.outcome, each.documents, each.tokens_out) for each in result.stages]
    )


@pytest.mark.parametrize(
    "options",
    [
        {"max_tokens": 5},
        {"rate": 0.5, "chain": "fine"},
        {"rate": 1.0},
        {"stages": [Stage("exit", "overlap", options={"threshold": 0.1}), "llmlingua2"]},
        {"stages": [Stage("exit", "failing")]},
        {"max_tokens": 9, "protected": ["dawn"]},
        {"stages": [Stage("exit", "overlap", options={"threshold": 0.9})], "with_titles": True},
    ],
)
async def test_a_server_and_this_process_give_the_same(
    local: Client, options: dict[str, object]
) -> None:
    ours = timeless(await asyncio.to_thread(local.compress, QUERY, DOCUMENTS, **options))

    async with served() as hand, AsyncClient(hand.server.target, timeout=20) as remote:
        theirs = await remote.compress(QUERY, DOCUMENTS, **options)
        streamed = [each async for each in remote.compress_stream(QUERY, DOCUMENTS, **options)]
        with Client(hand.server.target, timeout=20) as threaded:
            again = await asyncio.to_thread(threaded.compress, QUERY, DOCUMENTS, **options)

    assert isinstance(streamed[-1], Compression)
    assert timeless(theirs) == timeless(again) == timeless(streamed[-1]) == ours


async def test_all_calls_give_the_same_from_threads_and_from_loops(local: Client) -> None:
    async with local.as_async() as asynchronous:
        once = await asynchronous.compress(QUERY, DOCUMENTS, max_tokens=5)
        streamed = [
            each async for each in asynchronous.compress_stream(QUERY, DOCUMENTS, max_tokens=5)
        ]
        info = await asynchronous.info()

    assert timeless(once) == timeless(local.compress(QUERY, DOCUMENTS, max_tokens=5))
    assert once.text == "The Louvre is in Paris."
    *documents, result = local.compress_stream(QUERY, DOCUMENTS, max_tokens=5)
    assert [type(each) for each in documents] == [DocumentResult, DocumentResult]
    assert isinstance(result, Compression)
    assert timeless(result) == timeless(once)
    assert isinstance(streamed[-1], Compression)
    assert timeless(streamed[-1]) == timeless(once)
    assert local.info() == info
    assert list(info.chains) == ["default", "fine"]


def test_documents_of_an_index_come_with_their_originals(local: Client) -> None:
    result = local.compress(QUERY, index="shelf", max_tokens=5)
    *_, streamed = local.compress_stream(QUERY, index="shelf", max_tokens=5)

    assert result.documents[0].document == Document(
        "louvre", LOUVRE, "Museums", {"year": 1793, "tags": ["art", None]}
    )
    assert result.documents[1].outcome is Outcome.DROPPED
    assert isinstance(streamed, Compression)
    assert timeless(streamed) == timeless(result)


@pytest.mark.parametrize(
    ("kind", "query", "options"),
    [
        (InvalidRequest, " ", {}),
        (NotFound, QUERY, {"chain": "none"}),
        (NotFound, QUERY, {"index": "none", "documents": ()}),
        (ServerFailure, QUERY, {"stages": [Stage("exit", "failing")], "on_failure": "error"}),
    ],
)
async def test_errors_are_those_of_a_server(
    local: Client, kind: type[CondenseryError], query: str, options: dict[str, object]
) -> None:
    given = {"documents": DOCUMENTS} | options

    with pytest.raises(kind) as ours:
        local.compress(query, **given)
    with pytest.raises(kind) as streamed:
        list(local.compress_stream(query, **given))
    async with served() as hand, AsyncClient(hand.server.target, timeout=20) as remote:
        with pytest.raises(kind) as theirs:
            await remote.compress(query, **given)

    assert getattr(ours.value, "field", None) == getattr(theirs.value, "field", None)
    assert type(streamed.value) is kind


async def test_without_an_llm_there_is_no_answer(local: Client) -> None:
    with pytest.raises(NotSupported):
        list(local.generate(QUERY, DOCUMENTS))

    async with served() as hand, AsyncClient(hand.server.target, timeout=20) as remote:
        with pytest.raises(NotSupported):
            async for _ in remote.generate(QUERY, DOCUMENTS):
                pass


def test_an_answer_of_a_langchain_model_is_streamed(opening: OpenPipeline) -> None:
    answering = settings(llm_langchain="tests.service.chats:made")

    with Client.at(InProcess(answering, opening), timeout=20) as local:
        first, *pieces, end = local.generate(QUERY, DOCUMENTS, max_tokens=5)

    assert isinstance(first, Compression)
    assert first.text == "The Louvre is in Paris."
    assert not isinstance(end, str | Compression)
    assert "".join(each for each in pieces if isinstance(each, str)) == end.text != ""
    assert end.citations[0].document_id == "louvre"
    assert end.usage.saved_tokens == 12


async def test_a_deadline_ends_a_call(local: Client, model: Overlap) -> None:
    # Loaded before, so that the deadline is of the work alone.
    local.info()
    model.gate.clear()

    with pytest.raises(DeadlineExceeded):
        local.compress(QUERY, DOCUMENTS, timeout=0.2, on_failure="error")
    async with local.as_async() as asynchronous:
        with pytest.raises(DeadlineExceeded):
            await asynchronous.compress(QUERY, DOCUMENTS, timeout=0.2, on_failure="error")


async def test_a_call_that_is_given_up_lets_go_of_the_work(
    local: Client, model: Overlap, opened: list[Pipeline]
) -> None:
    model.gate.clear()
    async with local.as_async() as asynchronous:
        task = asyncio.create_task(asynchronous.compress(QUERY, DOCUMENTS))
        assert await asyncio.to_thread(model.busy.wait, 20)

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        stream = asynchronous.compress_stream(QUERY, DOCUMENTS)
        async with aclosing(stream):
            waiting = asyncio.ensure_future(anext(stream))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        model.gate.set()
        # All the room that the engine has is free again.
        await until(lambda: opened[0].engine.stats().claimed_tokens == 0)


def test_to_close_a_stream_gives_up_the_call(local: Client, opened: list[Pipeline]) -> None:
    with closing(local.compress_stream(QUERY, DOCUMENTS, max_tokens=5)) as stream:
        next(stream)

    assert local.compress(QUERY, DOCUMENTS, max_tokens=5).text == "The Louvre is in Paris."
    assert len(opened) == 1


def test_says_what_is_missing_where_the_server_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr("condensery.local.version", version)

    with pytest.raises(NotInstalled, match="condensery-server"):
        Client.in_process()


def version(name: str) -> str:
    raise importlib.metadata.PackageNotFoundError(name)
