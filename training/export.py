"""Write the trained weights as the product reads them: ``python -m training.export``.

The encoder's layers and both heads go into ``model.safetensors`` as float16, each the mean of what
the stages ended with; the embeddings are those of the base model. The mean of weights that go on
from one another keeps what each is good at (Wortsman et al., 2203.05482). How the scores are joined
is up to ``training.fusion``, afterwards.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch import Tensor

from compressors.fusion import Fusion
from compressors.models.embedded import WEIGHTS
from training import checkpoints
from training.model import BASE_SHA256
from training.recipe import STAGES

VERSION: Final = "1.1.0"
_FOLDER = Path(__file__).resolve().parents[1] / ".cache" / "training"


def main() -> None:
    """Export the mean of the checkpoints and say its hash."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--checkpoints",
        type=Path,
        nargs="+",
        default=[_FOLDER / stage / "checkpoint.safetensors" for stage in STAGES],
        help="without: the last one of every stage",
    )
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    found = export(arguments.checkpoints, arguments.folder)
    sys.stdout.write(f"{arguments.folder / 'model.safetensors'} sha256 {found}\n")


def export(files: Sequence[Path], folder: Path) -> str:
    """Write ``model.safetensors`` and ``config.json``; gives the sha256 of the former."""
    recipe = json.loads((files[0].parent / "recipe.json").read_text())
    found = [checkpoints.weights(file) for file in files]
    # The product does not read the head for passages, see docs/quality.md.
    names = [name for name in found[0] if not name.startswith("passage.")]
    return write(
        folder,
        {name: torch.stack([one[name] for one in found]).mean(0) for name in names},
        version=VERSION,
        max_length=recipe["lengths"][0],
        steps=[checkpoints.step_of(file) for file in files],
        fusion=_fusion(folder),
    )


def write(folder: Path, weights: Mapping[str, Tensor], *, version: str, **config: Any) -> str:  # noqa: ANN401 - what each model adds
    """The two files of a model over the base's embeddings; gives the weights' sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in weights.items()}, path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    known = {
        "version": version,
        "sha256": found,
        "base": "sentence-transformers/all-MiniLM-L6-v2",
        "base_sha256": BASE_SHA256,
    }
    (folder / "config.json").write_text(json.dumps({**known, **config}, indent=1) + "\n")
    return found


def _fusion(folder: Path) -> dict[str, float]:
    """What was fitted before stays until it is fitted anew; else the model's logit alone."""
    path = folder / "config.json"
    if not path.exists():
        return {"bias": Fusion().bias, "neural": Fusion().neural}
    fusion: dict[str, float] = json.loads(path.read_text())["fusion"]
    return fusion


if __name__ == "__main__":
    main()
