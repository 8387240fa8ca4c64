"""The same from a server as from this process, on models whose answers are worked out by hand."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, aclosing, closing, contextmanager

import pytest
from langchain_core import documents as langchain

from condensery import (
    AsyncClient,
    Cancelled,
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
from condensery.langchain import CondenseryCompressor
from condensery.local import InProcess
from service.pipeline import Pipeline
from service.settings import Settings
from tests.service.hand import CATS, LOUVRE, QUERY, Overlap, pipeline, served, settings

DOCUMENTS = [Document("louvre", LOUVRE, metadata={"a": 1}), Document("cats", CATS)]
OpenPipeline = Callable[[Settings], AbstractContextManager[Pipeline]]


@pytest.fixture
def model() -> Overlap:
    return Overlap()


@pytest.fixture
def opened() -> list[Pipeline]:
    """The pipelines that were opened, as they come."""
    return []


@pytest.fixture
def opening(model: Overlap, opened: list[Pipeline]) -> OpenPipeline:
    @contextmanager
    def opening(given: Settings) -> Iterator[Pipeline]:
        with pipeline(given, model) as made:
            opened.append(made)
            yield made

    return opening


@pytest.fixture
def client(opening: OpenPipeline) -> Iterator[Client]:
    with Client.at(InProcess(settings(), opening), timeout=20) as client:
        yield client


def timeless(result: Compression) -> str:
    """A result without what differs from run to run."""
    return repr((result.text, result.documents, result.summaries, result.chain)) + repr(
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
    ],
)
async def test_a_server_and_this_process_give_the_same(
    client: Client, options: dict[str, object]
) -> None:
    ours = timeless(await asyncio.to_thread(client.compress, QUERY, DOCUMENTS, **options))

    async with served() as hand, AsyncClient(hand.server.target, timeout=20) as remote:
        theirs = await remote.compress(QUERY, DOCUMENTS, **options)
        streamed = [each async for each in remote.compress_stream(QUERY, DOCUMENTS, **options)]
        with Client(hand.server.target, timeout=20) as threaded:
            again = await asyncio.to_thread(threaded.compress, QUERY, DOCUMENTS, **options)

    assert isinstance(streamed[-1], Compression)
    assert timeless(theirs) == timeless(again) == timeless(streamed[-1]) == ours


async def test_all_calls_give_the_same_from_threads_and_from_loops(client: Client) -> None:
    async with client.as_async() as asynchronous:
        once = await asynchronous.compress(QUERY, DOCUMENTS, max_tokens=5)
        streamed = [
            each async for each in asynchronous.compress_stream(QUERY, DOCUMENTS, max_tokens=5)
        ]
        info = await asynchronous.info()

    assert timeless(once) == timeless(client.compress(QUERY, DOCUMENTS, max_tokens=5))
    assert once.text == "The Louvre is in Paris."
    *documents, result = client.compress_stream(QUERY, DOCUMENTS, max_tokens=5)
    assert [type(each) for each in documents] == [DocumentResult, DocumentResult]
    assert isinstance(result, Compression)
    assert timeless(result) == timeless(once)
    assert isinstance(streamed[-1], Compression)
    assert timeless(streamed[-1]) == timeless(once)
    assert client.info() == info
    assert list(info.chains) == ["default", "fine"]


def test_documents_of_an_index_come_with_their_originals(client: Client) -> None:
    result = client.compress(QUERY, index="shelf", max_tokens=5)
    *_, streamed = client.compress_stream(QUERY, index="shelf", max_tokens=5)

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
    client: Client, kind: type[CondenseryError], query: str, options: dict[str, object]
) -> None:
    given = {"documents": DOCUMENTS} | options

    with pytest.raises(kind) as ours:
        client.compress(query, **given)
    with pytest.raises(kind) as streamed:
        list(client.compress_stream(query, **given))
    async with served() as hand, AsyncClient(hand.server.target, timeout=20) as remote:
        with pytest.raises(kind) as theirs:
            await remote.compress(query, **given)

    assert getattr(ours.value, "field", None) == getattr(theirs.value, "field", None)
    assert type(streamed.value) is kind


async def test_without_an_llm_there_is_no_answer(client: Client) -> None:
    with pytest.raises(NotSupported):
        list(client.generate(QUERY, DOCUMENTS))

    async with served() as hand, AsyncClient(hand.server.target, timeout=20) as remote:
        with pytest.raises(NotSupported):
            async for _ in remote.generate(QUERY, DOCUMENTS):
                pass


def test_an_answer_of_a_langchain_model_is_streamed(opening: OpenPipeline) -> None:
    answering = settings(llm_langchain="tests.service.chats:made")

    with Client.at(InProcess(answering, opening), timeout=20) as client:
        first, *pieces, end = client.generate(QUERY, DOCUMENTS, max_tokens=5)

    assert isinstance(first, Compression)
    assert first.text == "The Louvre is in Paris."
    assert not isinstance(end, str | Compression)
    assert "".join(each for each in pieces if isinstance(each, str)) == end.text != ""
    assert end.citations[0].document_id == "louvre"
    assert end.usage.saved_tokens == 12


async def test_a_deadline_ends_a_call(client: Client, model: Overlap) -> None:
    # Loaded before, so that the deadline is of the work alone.
    client.info()
    model.gate.clear()

    with pytest.raises(DeadlineExceeded):
        client.compress(QUERY, DOCUMENTS, timeout=0.2, on_failure="error")
    async with client.as_async() as asynchronous:
        with pytest.raises(DeadlineExceeded):
            await asynchronous.compress(QUERY, DOCUMENTS, timeout=0.2, on_failure="error")


async def test_a_call_that_is_given_up_lets_go_of_the_work(
    client: Client, model: Overlap, opened: list[Pipeline]
) -> None:
    model.gate.clear()
    async with client.as_async() as asynchronous:
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


def test_to_close_a_stream_gives_up_the_call(client: Client, opened: list[Pipeline]) -> None:
    with closing(client.compress_stream(QUERY, DOCUMENTS, max_tokens=5)) as stream:
        next(stream)

    assert client.compress(QUERY, DOCUMENTS, max_tokens=5).text == "The Louvre is in Paris."
    assert len(opened) == 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing tells when it has come true
            await asyncio.sleep(0.005)


def test_models_are_loaded_once_for_all_that_share_them(
    client: Client, opened: list[Pipeline]
) -> None:
    asynchronous = client.as_async()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: client.compress(QUERY, DOCUMENTS).text, range(16)))
    results.append(asyncio.run(asynchronous.compress(QUERY, DOCUMENTS)).text)

    assert len(set(results)) == 1
    assert len(opened) == 1
    asyncio.run(asynchronous.close())


def test_models_stay_until_the_last_that_shares_them_is_closed(
    client: Client, opened: list[Pipeline]
) -> None:
    asynchronous = client.as_async()
    asyncio.run(asynchronous.info())
    client.info()

    client.close()
    assert asyncio.run(asynchronous.compress(QUERY, DOCUMENTS)).text
    assert opened[0].engine.alive
    asyncio.run(asynchronous.close())

    assert not opened[0].engine.alive
    assert client.compress(QUERY, DOCUMENTS).text
    assert len(opened) == 2


def test_to_close_ends_the_calls_in_flight(client: Client, model: Overlap) -> None:
    model.gate.clear()
    errors: list[BaseException] = []

    def compress() -> None:
        try:
            client.compress(QUERY, DOCUMENTS)
        except CondenseryError as error:
            errors.append(error)

    thread = threading.Thread(target=compress)
    thread.start()
    assert model.busy.wait(20)
    # Only a call to the device cannot be given up, so somebody has to end it.
    threading.Timer(0.2, model.gate.set).start()
    client.close()
    thread.join(20)

    assert [type(error) for error in errors] == [Cancelled]


def test_what_goes_wrong_in_loading_is_told_to_every_call_and_tried_again(model: Overlap) -> None:
    attempts: list[int] = []

    @contextmanager
    def opening(given: Settings) -> Iterator[Pipeline]:
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("encoder_model: no such thing")
        with pipeline(given, model) as made:
            yield made

    with Client.at(InProcess(settings(), opening)) as client:
        for _ in range(2):
            with pytest.raises(ValueError, match="encoder_model"):
                client.info()

        assert client.compress(QUERY, DOCUMENTS).text


def test_a_pickle_takes_the_settings_along_and_not_the_models() -> None:
    client = Client.in_process(Settings(max_documents=7))

    again = pickle.loads(pickle.dumps(client))  # noqa: S301 - our own

    assert again == client
    assert again != Client.in_process()
    assert client == client.as_async().as_sync()


def test_langchain_takes_a_client_of_this_process(client: Client, opened: list[Pipeline]) -> None:
    given = [langchain.Document(LOUVRE, id="a"), langchain.Document(CATS)]
    compressor = CondenseryCompressor(client=client, max_tokens=5)

    ours = compressor.compress_documents(given, QUERY)

    assert [each.page_content for each in ours] == ["The Louvre is in Paris."]
    assert asyncio.run(compressor.acompress_documents(given, QUERY)) == ours
    client.close()
    assert opened[0].engine.alive


async def test_models_go_with_the_last_that_shares_them(
    opening: OpenPipeline, opened: list[Pipeline]
) -> None:
    forgotten = Client.at(InProcess(settings(), opening))
    compressor = CondenseryCompressor(client=forgotten)
    await compressor.acompress_documents([langchain.Document(LOUVRE)], QUERY)
    await asyncio.to_thread(forgotten.info)

    del forgotten, compressor
    gc.collect()

    await until(lambda: not opened[0].engine.alive)


def test_says_what_is_missing_where_the_server_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr("condensery.local.version", version)

    with pytest.raises(NotInstalled, match="condensery-server"):
        Client.in_process()


def version(name: str) -> str:
    raise importlib.metadata.PackageNotFoundError(name)
