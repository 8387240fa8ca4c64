"""LongLLMLingua's reader among threads, without network, and what it does not load."""

from __future__ import annotations

import inspect
import json
import random
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tiktoken
import torch
from llmlingua import PromptCompressor
from transformers import AutoTokenizer

from compressors.errors import Cancelled, DeadlineExceeded, ModelFailure, NotFound, Unavailable
from compressors.longllmlingua import Method
from compressors.models.longllmlingua import LongLlmlinguaReader
from compressors.work import Work
from tests.models import models_made_here as made
from tests.models.questions import QUESTION, requests, text_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.causal("llama", tmp_path_factory.mktemp("a-llama"))


@pytest.fixture(scope="module")
def llama(folder: Path) -> LongLlmlinguaReader:
    return LongLlmlinguaReader.load(str(folder), device="cpu")


def test_threads_get_what_one_gets(llama: LongLlmlinguaReader) -> None:
    given = list(requests(6))
    wanted = [llama.keep(QUESTION, *request) for request in given]

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda request: llama.keep(QUESTION, *request), given * 2))

    assert found == wanted * 2


def test_time_is_counted_and_waiting_apart(llama: LongLlmlinguaReader) -> None:
    work = Work()
    with work.active():
        llama.keep(QUESTION, [text_of(30, 1)], 0.5, Method())

    assert work.seconds.computing > 0.0
    assert work.seconds.queued < work.seconds.computing


def test_a_late_request_does_not_wait_for_its_turn(llama: LongLlmlinguaReader) -> None:
    with llama._turn, Work(time.monotonic() + 0.01).active() as work:
        with pytest.raises(DeadlineExceeded):
            llama.keep(QUESTION, ["a b c"], 0.5, Method())

        assert work.seconds.queued > 0.0
    assert not llama._turn.locked()


def test_a_cancelled_request_ends_before_its_next_forward_pass(
    llama: LongLlmlinguaReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, passes = Work(), 0
    run = llama._package.model._model

    def cancelling(*args: Any, **options: Any) -> Any:
        nonlocal passes
        passes += 1
        if passes == 3:
            work.cancel()
        return run(*args, **options)

    monkeypatch.setattr(llama._package.model, "_model", cancelling)
    with work.active(), pytest.raises(Cancelled):
        llama.keep(QUESTION, [text_of(60, n) for n in range(9)], 0.5, Method())

    assert passes == 3
    assert not llama._turn.locked()


def test_a_model_that_breaks_is_a_model_failure_and_the_next_request_works(
    llama: LongLlmlinguaReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(llama._package.model, "_model", broken)
        with pytest.raises(ModelFailure, match="failed on 2 documents"):
            llama.keep(QUESTION, ["a b", "c d"], 0.5, Method())

    assert len(llama.keep(QUESTION, ["a b", "c d"], 0.5, Method()).kept) == 2


def test_likelihoods_that_are_no_numbers_are_a_model_failure(
    llama: LongLlmlinguaReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = llama._package.model._model

    def nan(*args: Any, **options: Any) -> Any:
        output = run(*args, **options)
        output.logits = output.logits * float("nan")
        return output

    monkeypatch.setattr(llama._package.model, "_model", nan)
    with pytest.raises(ModelFailure, match="not finite"):
        llama.keep(QUESTION, [text_of(60, 1), text_of(60, 2)], 0.5, Method())


def test_nothing_is_remembered_of_a_request(llama: LongLlmlinguaReader) -> None:
    for texts, share, method in requests(3):
        llama.keep(QUESTION, texts, share, method)

    assert llama._package.context_idxs == []


def test_leaves_the_state_of_chance_and_the_package_s_defaults_alone(
    folder: Path,
) -> None:
    """L18."""
    states = random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002 - the global one
    deterministic = torch.backends.cudnn.deterministic

    reader = LongLlmlinguaReader.load(str(folder), device="cpu")
    reader.keep(QUESTION, [text_of(60, 1), text_of(60, 2)], 0.5, Method())

    assert states == (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist())  # noqa: NPY002 - the global one
    assert torch.backends.cudnn.deterministic == deterministic
    parameters = inspect.signature(PromptCompressor.__init__).parameters
    assert parameters["model_config"].default == {}


def test_needs_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """L17: the package's constructor fetches tiktoken's file, or fails."""

    def refused(*_: Any, **__: Any) -> Any:
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(tiktoken, "encoding_for_model", refused)

    reader = LongLlmlinguaReader.load(str(folder), device="cpu")

    assert len(reader.keep(QUESTION, ["a b", "c d"], 0.5, Method()).kept) == 2


PROGRAM = """
import random
import transformers, torch
state = random.getstate()
from compressors.models.longllmlingua import LongLlmlinguaReader
import sys
LongLlmlinguaReader.load(sys.argv[1], device="cpu")
print(state == random.getstate(), "nltk" in sys.modules)
"""


@pytest.mark.slow
def test_draws_no_numbers_even_while_importing(folder: Path) -> None:
    """L18: nltk, which the package imports, does."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, check=True, text=True
    )

    assert done.stdout.split() == ["True", "True"]


def test_never_runs_code_of_a_model(tmp_path: Path) -> None:
    folder = made.causal("llama", tmp_path)
    config = json.loads((folder / "config.json").read_text())
    del config["model_type"]
    config["auto_map"] = {"AutoModelForCausalLM": "own.Model", "AutoConfig": "own.Config"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "own"}))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")

    with pytest.raises(Unavailable):
        LongLlmlinguaReader.load(str(folder), device="cpu")

    assert not (tmp_path / "ran").exists()


def test_never_loads_a_pickle(tmp_path: Path) -> None:
    folder = made.causal("llama", tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")

    with pytest.raises(Unavailable):
        LongLlmlinguaReader.load(str(folder), device="cpu")


@pytest.mark.parametrize("kind", made.CLASSIFIERS)
def test_refuses_a_model_that_is_not_causal(kind: str, tmp_path: Path) -> None:
    folder = made.classifier(kind, tmp_path)

    with pytest.raises(Unavailable, match="does not continue from its cache"):
        LongLlmlinguaReader.load(str(folder), device="cpu")


def test_refuses_a_model_that_reads_too_little(tmp_path: Path) -> None:
    folder = made.causal("llama", tmp_path, positions=64)

    with pytest.raises(Unavailable, match="reads 64 tokens, not 128"):
        LongLlmlinguaReader.load(str(folder), device="cpu")


def test_says_that_there_is_no_such_model() -> None:
    with pytest.raises(NotFound):
        LongLlmlinguaReader.load("/no/such/model", device="cpu")


def test_the_tokenizer_splits_control_tokens_only_for_us(folder: Path) -> None:
    """What is set on our tokenizer is not set on others of the same directory."""
    LongLlmlinguaReader.load(str(folder), device="cpu")

    assert not AutoTokenizer.from_pretrained(folder).split_special_tokens
