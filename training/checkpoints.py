"""Save and resume training, in safetensors only."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

if TYPE_CHECKING:
    from pathlib import Path

    from training.model import Tuned


def save(folder: Path, step: int, model: Tuned, optimizer: torch.optim.Optimizer) -> None:
    """Write the newest state; what was there before stays whole until this is."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}": tensor for name, tensor in model.trained().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = torch.as_tensor(value).contiguous()
    partial = folder / "partial.safetensors"
    save_file(tensors, partial, metadata={"state": json.dumps({"step": step})})
    os.replace(partial, folder / "checkpoint.safetensors")  # noqa: PTH105 - atomic, and said so


def resume(folder: Path, model: Tuned, optimizer: torch.optim.Optimizer) -> int:
    """The step to go on from, 0 if nothing was saved; puts the state back."""
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return 0
    tensors = load_file(path)
    model.restore(weights(path))
    for name, parameter in model.named_parameters():
        state = {
            key: tensors[f"optimizer.{key}.{name}"]
            for key in ("step", "exp_avg", "exp_avg_sq")
            if f"optimizer.{key}.{name}" in tensors
        }
        if state:
            optimizer.state[parameter] = state
    return step_of(path)


def weights(path: Path) -> dict[str, torch.Tensor]:
    """Only the trained weights of a checkpoint, or all of a file that was exported."""
    return {
        name.removeprefix("model."): tensor.float()
        for name, tensor in load_file(path).items()
        if not name.startswith("optimizer.")
    }


def step_of(path: Path) -> int:
    """After how many steps a checkpoint was written."""
    with safe_open(path, framework="pt") as file:
        return int(json.loads(file.metadata()["state"])["step"])
