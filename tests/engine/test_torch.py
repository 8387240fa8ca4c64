"""A real model in batches of everybody's rows: near what it says of single rows, or the same."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from compressors.engine import BatchReport, Engine, EngineSettings
from compressors.models.batches import steady
from compressors.protocols import Encoded, Forward
from tests.engine.fakes import PATIENCE
from tests.engine.test_engine import submit

if TYPE_CHECKING:
    from transformers import BertModel


class Hidden:
    """The last hidden states of a BERT, one array of shape ``[tokens, width]`` for each row."""

    def __init__(self, model: BertModel) -> None:
        self._model = model

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Any]:
        import torch

        longest = max(map(len, batch))
        ids = torch.zeros(len(batch), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for index, row in enumerate(batch):
            ids[index, : len(row)] = torch.tensor(row.ids)
            mask[index, : len(row)] = 1
        with torch.inference_mode():
            states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
        return [state[: len(row)].numpy().copy() for row, state in zip(batch, states, strict=True)]


@pytest.fixture(scope="module")
def bert() -> BertModel:
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=100,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    model = BertModel(config)
    model.train(mode=False)
    return model


@pytest.fixture
def one_thread() -> Iterator[None]:
    """With two, on a busy machine, a last bit once came out otherwise: docs/determinism.md."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def requests() -> list[list[Encoded]]:
    dice = random.Random(3)  # noqa: S311 - a test
    return [
        [Encoded(tuple(dice.choices(range(1, 100), k=dice.randint(2, 100)))) for _ in range(12)]
        for _ in range(6)
    ]


def answers_of(model: Forward, requests: list[list[Encoded]]) -> list[Sequence[Any]]:
    """Those that an engine has for all requests at once, out of batches with padding."""
    reports: list[BatchReport] = []
    settings = EngineSettings(batch_tokens=1_024, launch_tokens=256)
    with Engine(settings, observe=reports.append) as engine, ThreadPoolExecutor(6) as pool:
        forward = engine.wrap(model, name="bert")
        calls = [submit(pool, forward, rows) for rows in requests]
        answers = [call.result(PATIENCE) for call in calls]

    assert max(report.items for report in reports) > 1
    assert max(report.padded_tokens - report.tokens for report in reports) > 0
    return answers


def test_a_batch_gives_about_what_single_rows_give(
    bert: BertModel, requests: list[list[Encoded]]
) -> None:
    model = Hidden(bert)

    answers = answers_of(model, requests)

    for rows, states in zip(requests, answers, strict=True):
        for row, state in zip(rows, states, strict=True):
            (alone,) = model([row])
            assert state.shape == alone.shape
            assert abs(state - alone).max() < 1e-5


@pytest.mark.usefixtures("one_thread")
def test_on_a_cpu_our_own_models_give_the_same_bits(
    bert: BertModel, requests: list[list[Encoded]]
) -> None:
    model = Hidden(bert)

    answers = answers_of(steady(model, "cpu"), requests)

    for rows, states in zip(requests, answers, strict=True):
        for row, state in zip(rows, states, strict=True):
            (alone,) = model([row])
            assert state.tobytes() == alone.tobytes()


def test_on_a_gpu_rows_share_batches(bert: BertModel) -> None:
    model = Hidden(bert)

    assert steady(model, "cuda:0") is model
