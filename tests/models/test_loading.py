"""Where models run, and what is said of those that do not load."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from compressors.errors import NotFound, Unavailable
from compressors.models.causal_lm import CausalLmScorer
from compressors.models.loading import Placement, longest_input
from compressors.models.sentence_encoder import SentenceEncoder
from compressors.models.seq2seq import Seq2SeqSummarizer
from compressors.models.token_classifier import TokenClassifier
from compressors.models.vocabulary import Vocabulary
from tests.models import models_made_here

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOADERS: tuple[Callable[[str], object], ...] = (
    CausalLmScorer.load,
    TokenClassifier.load,
    SentenceEncoder.load,
    Seq2SeqSummarizer.load,
)


def test_a_cpu_computes_in_float32() -> None:
    assert Placement.of("cpu") == Placement("cpu", "float32")
    assert Placement.of("cpu", "bfloat16") == Placement("cpu", "bfloat16")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_without_cuda_auto_is_the_cpu_and_cuda_an_error() -> None:
    assert Placement.of("auto") == Placement("cpu", "float32")
    with pytest.raises(Unavailable, match="torch sees no CUDA device"):
        Placement.of("cuda")


@pytest.mark.parametrize(("device", "dtype"), [("tpu", "auto"), ("cpu", "int8"), ("", "auto")])
def test_refuses_other_places_and_types(device: str, dtype: str) -> None:
    with pytest.raises(Unavailable, match=r"(device|dtype) is"):
        Placement.of(device, dtype)


@pytest.mark.parametrize("load", LOADERS)
def test_names_a_directory_that_is_not_there(load: Callable[[str], object]) -> None:
    with pytest.raises(NotFound, match="model: there is no directory /nowhere/at/all"):
        load("/nowhere/at/all")


@pytest.mark.parametrize("load", LOADERS)
def test_names_a_directory_that_holds_no_model(
    load: Callable[[str], object], tmp_path: Path
) -> None:
    with pytest.raises(Unavailable, match=str(tmp_path)):
        load(str(tmp_path))


@pytest.mark.slow
def test_without_the_hub_a_name_is_unavailable() -> None:
    """In a process of its own, since the hub's library reads the switch when it is imported."""
    code = (
        "from compressors.errors import CompressionError\n"
        "from tests.models.test_loading import LOADERS\n"
        "for load in LOADERS:\n"
        "    try:\n"
        "        load('some-org/no-such-model')\n"
        "    except CompressionError as error:\n"
        "        print(type(error).__name__, '|', error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"HF_HUB_OFFLINE": "1", "PATH": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    lines = ran.stdout.splitlines()
    assert len(lines) == len(LOADERS), ran.stderr
    assert all(line.startswith("Unavailable | ") for line in lines)
    assert all("some-org/no-such-model" in line for line in lines)


def test_refuses_weights_that_are_a_pickle(tmp_path: Path) -> None:
    folder = models_made_here.causal("qwen", tmp_path)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    with pytest.raises(Unavailable, match=str(folder)):
        CausalLmScorer.load(str(folder), device="cpu")


def test_runs_no_code_of_a_model(tmp_path: Path) -> None:
    """A config that wants its own code is refused, and the code is not run."""
    folder = models_made_here.causal("qwen", tmp_path)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    config = (folder / "config.json").read_text()
    remote = '"auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"},'
    config = config.replace('"model_type": "qwen2"', f'{remote} "model_type": "evil"')
    (folder / "config.json").write_text(config)

    with pytest.raises(Unavailable, match=str(folder)):
        CausalLmScorer.load(str(folder), device="cpu")

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", models_made_here.CLASSIFIERS)
def test_knows_how_many_tokens_a_model_can_read(kind: str, tmp_path: Path) -> None:
    """XLM-R counts positions from behind the padding's: 66 of them are 64 tokens."""
    from transformers import AutoModelForTokenClassification

    folder = models_made_here.classifier(kind, tmp_path, positions=64)
    model = AutoModelForTokenClassification.from_pretrained(folder)

    assert longest_input(model) == 64


def test_knows_what_a_model_wants_around_a_text(tmp_path: Path) -> None:
    """B2: CLS and SEP are those of the tokenizer."""
    bert = Vocabulary.load(str(models_made_here.classifier("bert", tmp_path / "a")))
    roberta = Vocabulary.load(str(models_made_here.classifier("xlm-roberta", tmp_path / "b")))

    assert bert.framed([7, 8]) == (2, 7, 8, 3)
    assert roberta.framed([7, 8]) == (0, 7, 8, 2)
    assert (bert.frame, bert.padding, bert.unknown) == (2, 0, 1)
    assert (roberta.frame, roberta.padding, roberta.unknown) == (2, 1, 3)


def test_importing_the_models_imports_no_torch() -> None:
    code = (
        "import sys\n"
        "from compressors.models import causal_lm, token_classifier, sentence_encoder, seq2seq\n"
        "from compressors.models import openai_summarizer\n"
        "assert not {'torch', 'transformers', 'openai', 'numpy', 'peft'} & set(sys.modules)\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
