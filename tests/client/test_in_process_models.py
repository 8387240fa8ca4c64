"""Models in this process: loaded once, shared, and let go of."""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from langchain_core import documents as langchain

from condensery import (
    Cancelled,
    Client,
    CondenseryError,
)
from condensery.langchain import CondenseryCompressor
from condensery.local import InProcess
from service.pipeline import Pipeline
from service.settings import Settings
from tests.client.opening import DOCUMENTS, OpenPipeline
from tests.service.hand import CATS, LOUVRE, QUERY, Overlap, pipeline, settings, until


def test_models_are_loaded_once_for_all_that_share_them(
    local: Client, opened: list[Pipeline]
) -> None:
    asynchronous = local.as_async()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: local.compress(QUERY, DOCUMENTS).text, range(16)))
    results.append(asyncio.run(asynchronous.compress(QUERY, DOCUMENTS)).text)

    assert len(set(results)) == 1
    assert len(opened) == 1
    asyncio.run(asynchronous.close())


def test_models_stay_until_the_last_that_shares_them_is_closed(
    local: Client, opened: list[Pipeline]
) -> None:
    asynchronous = local.as_async()
    asyncio.run(asynchronous.info())
    local.info()

    local.close()
    assert asyncio.run(asynchronous.compress(QUERY, DOCUMENTS)).text
    assert opened[0].engine.alive
    asyncio.run(asynchronous.close())

    assert not opened[0].engine.alive
    assert local.compress(QUERY, DOCUMENTS).text
    assert len(opened) == 2


def test_to_close_ends_the_calls_in_flight(local: Client, model: Overlap) -> None:
    model.gate.clear()
    errors: list[BaseException] = []

    def compress() -> None:
        try:
            local.compress(QUERY, DOCUMENTS)
        except CondenseryError as error:
            errors.append(error)

    thread = threading.Thread(target=compress)
    thread.start()
    assert model.busy.wait(20)
    # Only a call to the device cannot be given up, so somebody has to end it.
    threading.Timer(0.2, model.gate.set).start()
    local.close()
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

    with Client.at(InProcess(settings(), opening)) as local:
        for _ in range(2):
            with pytest.raises(ValueError, match="encoder_model"):
                local.info()

        assert local.compress(QUERY, DOCUMENTS).text


def test_a_pickle_takes_the_settings_along_and_not_the_models() -> None:
    local = Client.in_process(Settings(max_documents=7))

    again = pickle.loads(pickle.dumps(local))  # noqa: S301 - our own

    assert again == local
    assert again != Client.in_process()
    assert local == local.as_async().as_sync()


def test_langchain_takes_a_client_of_this_process(local: Client, opened: list[Pipeline]) -> None:
    given = [langchain.Document(LOUVRE, id="a"), langchain.Document(CATS)]
    compressor = CondenseryCompressor(client=local, max_tokens=5)

    ours = compressor.compress_documents(given, QUERY)

    assert [each.page_content for each in ours] == ["The Louvre is in Paris."]
    assert asyncio.run(compressor.acompress_documents(given, QUERY)) == ours
    local.close()
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
