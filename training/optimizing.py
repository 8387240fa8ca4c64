"""AdamW with two rates, warm-up and linear decay: how all our models are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from training.model import Tuned


class Schedule(Protocol):
    """What of a recipe the optimizer needs."""

    @property
    def steps(self) -> int: ...
    @property
    def warmup(self) -> int: ...
    @property
    def encoder_rate(self) -> float: ...
    @property
    def head_rate(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...


def optimizer_of(model: Tuned, recipe: Schedule) -> torch.optim.AdamW:
    """The encoder at one rate, its matrices with decay; the heads at another, without."""
    own = [one for one in model.encoder.parameters() if one.requires_grad]
    matrices = [one for one in own if one.dim() > 1]
    vectors = [one for one in own if one.dim() == 1]
    heads = [one for name, one in model.named_parameters() if not name.startswith("encoder.")]
    decay = recipe.weight_decay
    parts = [
        {"params": matrices, "initial_lr": recipe.encoder_rate, "weight_decay": decay},
        {"params": vectors, "initial_lr": recipe.encoder_rate, "weight_decay": 0.0},
        {"params": heads, "initial_lr": recipe.head_rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(parts, lr=recipe.encoder_rate)


def set_rates(optimizer: torch.optim.Optimizer, recipe: Schedule, step: int) -> None:
    """The rates of a step, the first of which is 0."""
    share = min(1.0, (step + 1) / recipe.warmup) * (1 - step / recipe.steps)
    for part in optimizer.param_groups:
        part["lr"] = part["initial_lr"] * share


def move(model: Tuned, optimizer: torch.optim.Optimizer) -> None:
    """A step along the gradients that are there, cut to a norm of 1."""
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
