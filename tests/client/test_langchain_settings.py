"""How the LangChain integration is set up, kept and shown."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest
from langchain_core.load import dumpd, dumps, load
from langchain_core.tracers.context import collect_runs
from pydantic import SecretStr, ValidationError

from condensery import (
    Client,
    Stage,
)
from condensery.langchain import CondenseryCompressor, CondenseryRetriever, CondenseryTransformer
from condensery.v1 import compression_pb2 as pb
from tests.client.servicer import SentenceService
from tests.client.ways import QUERY, Fixed, documents


def test_all_settings_arrive(target: str, service: SentenceService) -> None:
    compressor = CondenseryCompressor(
        target=target,
        token=SecretStr("s3cret"),
        stages=("exit", Stage("llmlingua2", rate=0.5)),
        rate=0.25,
        tokenizer="words",
        protected=("Prado",),
        allow_empty=True,
        priority="bulk",
    )

    compressor.compress_documents(documents(), QUERY)

    sent = service.requests[0]
    assert [each.name for each in sent.stages.stages] == ["exit", "llmlingua2"]
    assert (sent.budget.rate, sent.budget.tokenizer) == (0.25, "words")
    assert list(sent.protected_texts) == ["Prado"]
    assert sent.allow_empty
    assert sent.priority == pb.PRIORITY_BULK
    assert sent.failure_policy == pb.FAILURE_POLICY_PASS_THROUGH
    assert service.metadata[0]["authorization"] == "Bearer s3cret"


def test_the_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSERY_TOKEN", "s3cret")

    compressor = CondenseryCompressor()

    assert compressor.token == SecretStr("s3cret")
    assert "s3cret" not in repr(compressor)


@pytest.mark.parametrize("kind", [CondenseryCompressor, CondenseryTransformer, CondenseryRetriever])
def test_a_setting_that_does_not_exist_is_an_error(kind: type[Any]) -> None:
    with pytest.raises(ValidationError, match="max_token\n"):
        kind(max_token=3)


def test_an_injected_client_does_the_work(target: str, service: SentenceService) -> None:
    with Client(target, token="theirs") as client:  # noqa: S106
        compressor = CondenseryCompressor(client=client)
        ours = compressor.compress_documents(documents(), QUERY)
        theirs = asyncio.run(compressor.acompress_documents(documents(), QUERY))

    assert ours == theirs
    assert [each["authorization"] for each in service.metadata] == ["Bearer theirs"] * 2


def test_a_pickle_works_as_before(compressor: CondenseryCompressor) -> None:
    before = compressor.compress_documents(documents(), QUERY)

    again = pickle.loads(pickle.dumps(compressor))  # noqa: S301 - our own

    assert again == compressor
    assert again.compress_documents(documents(), QUERY) == before
    assert copy.deepcopy(compressor).compress_documents(documents(), QUERY) == before


LOADING = {
    "valid_namespaces": ["condensery"],
    "allowed_objects": [CondenseryCompressor, CondenseryTransformer],
    "secrets_map": {"CONDENSERY_TOKEN": "s3cret"},
}


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_what_is_dumped_and_loaded_is_the_same_and_holds_no_secret() -> None:
    compressor = CondenseryCompressor(
        target="dns:///compressor:50051",
        token=SecretStr("s3cret"),
        stages=("exit", Stage("crag", options={"clusters": 3})),
        max_tokens=500,
        on_failure="raise",
    )
    transformer = CondenseryTransformer(compressor=compressor, query=QUERY)

    assert load(dumpd(transformer), **LOADING) == transformer
    assert "s3cret" not in dumps(transformer)


def test_what_cannot_come_back_the_same_says_so_in_the_dump() -> None:
    with Client() as client:
        dumped = dumpd(CondenseryCompressor(client=client))

    assert dumped["type"] == "not_implemented"


def test_a_trace_shows_what_was_saved(compressor: CondenseryCompressor) -> None:
    retriever = CondenseryRetriever(retriever=Fixed(found=documents()), compressor=compressor)

    with collect_runs() as collected:
        retriever.invoke("pyramid")

    (root,) = collected.traced_runs
    found, compressed = root.child_runs
    assert (found.name, compressed.name) == ("Fixed", "CondenseryCompressor")
    assert compressed.outputs is not None
    assert compressed.outputs["tokens_before"] == 4 + 8 + 3 + 3
    assert compressed.outputs["tokens_saved"] == 11
    assert compressed.outputs["error"] is None


async def test_an_asynchronous_trace_shows_why_nothing_was_saved(
    dead: CondenseryCompressor,
) -> None:
    retriever = CondenseryRetriever(retriever=Fixed(found=documents()), compressor=dead)

    with collect_runs() as collected:
        await retriever.ainvoke("pyramid")

    (root,) = collected.traced_runs
    outputs = root.child_runs[-1].outputs
    assert outputs is not None
    assert outputs["tokens_saved"] is None
    assert outputs["error"].startswith("Unavailable: ")


def test_roots_without_encryption_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="needs tls"):
        CondenseryCompressor(root_certificates="PEM")


def test_titles_help_the_models(target: str, service: SentenceService) -> None:
    CondenseryCompressor(target=target).compress_documents(documents(), QUERY)
    CondenseryCompressor(target=target, title_key=None).compress_documents(documents(), QUERY)

    assert [request.documents[0].title for request in service.requests] == ["Prado", ""]
