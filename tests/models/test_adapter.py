"""A LoRA adapter, merged into the model that it was made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from compressors.errors import NotFound, Unavailable
from compressors.models.causal_lm import CausalLmScorer
from tests.models.test_causal_lm import naive
from tests.models.texts import DOCUMENTS, QUERY

if TYPE_CHECKING:
    from pathlib import Path

# peft 0.21 asks transformers 5.23 for a property under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")


@pytest.fixture(scope="module")
def adapter(gemma: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter whose weights are random, so that it changes what the model says."""
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_pretrained(gemma, dtype=torch.float32)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"])
    adapted = get_peft_model(model, config)
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.2)
    folder = tmp_path_factory.mktemp("adapter")
    adapted.save_pretrained(folder)
    return folder


def test_scores_are_those_of_the_adapted_model(gemma: Path, adapter: Path, tmp_path: Path) -> None:
    scorer = CausalLmScorer.load(str(gemma), adapter=str(adapter), device="cpu")

    scores = scorer.score(QUERY, DOCUMENTS)

    # Peft's own merge, saved as a model of its own, read by plain code.
    base = AutoModelForCausalLM.from_pretrained(gemma, dtype=torch.float32)
    PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((gemma / name).read_bytes())
    wanted, without = naive(tmp_path, QUERY, DOCUMENTS), naive(gemma, QUERY, DOCUMENTS)
    for row, own in zip(scores, wanted, strict=True):
        assert row == pytest.approx(own, abs=1e-5)
    differences = [
        abs(a - b) for r, s in zip(wanted, without, strict=True) for a, b in zip(r, s, strict=True)
    ]
    assert max(differences) > 0.01


def test_refuses_an_adapter_that_is_a_pickle(gemma: Path, adapter: Path, tmp_path: Path) -> None:
    """peft would take it; we never do."""
    (tmp_path / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    torch.save({}, tmp_path / "adapter_model.bin")

    with pytest.raises(Unavailable, match=r"has no adapter_model\.safetensors"):
        CausalLmScorer.load(str(gemma), adapter=str(tmp_path), device="cpu")


def test_names_an_adapter_that_is_not_there(gemma: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"there is no directory .*nothing"):
        CausalLmScorer.load(str(gemma), adapter=str(tmp_path / "nothing"), device="cpu")
