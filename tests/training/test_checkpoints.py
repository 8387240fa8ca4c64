from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch")

from training import checkpoints  # noqa: E402
from training.model import Heads  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path


def _tiny(seed: int) -> Heads:
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return Heads(BertModel(config, add_pooling_layer=False))


def _step(model: Heads, optimizer: torch.optim.Optimizer, ids: torch.Tensor) -> None:
    hidden = model.hidden(ids, torch.zeros_like(ids), torch.ones_like(ids))
    loss = model.relevance(hidden).square().mean() + model.keep(hidden).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _trained(model: Heads) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def test_a_resumed_run_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    ids = torch.arange(12).reshape(2, 6)
    through, resumed = _tiny(1), _tiny(1)
    resumed.encoder.embeddings.load_state_dict(through.encoder.embeddings.state_dict())
    first = torch.optim.AdamW(_trained(through), lr=0.01)
    _step(through, first, ids)
    checkpoints.save(tmp_path, 1, through, first)
    _step(through, first, ids)

    second = torch.optim.AdamW(_trained(resumed), lr=0.01)
    step = checkpoints.resume(tmp_path, resumed, second)
    _step(resumed, second, ids)

    assert step == 1
    for name, tensor in through.trained().items():
        assert torch.equal(tensor, resumed.trained()[name]), name


def test_without_a_checkpoint_it_starts_at_the_beginning(tmp_path: Path) -> None:
    model = _tiny(1)

    assert checkpoints.resume(tmp_path, model, torch.optim.AdamW(_trained(model))) == 0


def test_what_is_trained_holds_no_embeddings() -> None:
    names = _tiny(1).trained()

    assert not [name for name in names if "embeddings" in name]
    assert {"relevance.weight", "keep.bias", "encoder.layer.0.output.dense.weight"} <= set(names)
