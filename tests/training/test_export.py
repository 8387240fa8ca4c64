from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch")

from compressors.models.embedded import EmbeddedModel  # noqa: E402
from compressors.models.minilm import tuned  # noqa: E402
from compressors.protocols import Pieces  # noqa: E402
from training import checkpoints  # noqa: E402
from training.export import export  # noqa: E402
from training.model import Heads  # noqa: E402
from training.optimizing import optimizer_of  # noqa: E402
from training.recipe import STAGES  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path


def test_what_ships_is_the_mean_of_what_the_stages_ended_with(tmp_path: Path) -> None:
    files, ends = [], []
    for seed, (name, recipe) in enumerate(STAGES.items()):
        torch.manual_seed(seed)
        model = Heads.from_base()
        checkpoints.save(tmp_path / name, recipe.steps, model, optimizer_of(model, recipe))
        (tmp_path / name / "recipe.json").write_text(json.dumps(asdict(recipe)))
        files.append(tmp_path / name / "checkpoint.safetensors")
        ends.append(model.relevance.weight.detach())

    sha256 = export(files, tmp_path / "out")

    config, weights = tuned(tmp_path / "out")
    assert (config["sha256"], config["steps"]) == (
        sha256,
        [one.steps for one in STAGES.values()],
    )
    assert torch.allclose(weights["relevance.weight"].float(), sum(ends) / len(ends), atol=1e-3)
    assert not torch.allclose(ends[0], ends[1], atol=1e-2)
    assert not [name for name in weights if name.startswith("passage")]
    scorer = EmbeddedModel.load(tmp_path / "out").sentences
    assert len(scorer.score("who", [Pieces("A. B.", ((0, 2), (3, 5)))])[0]) == 2
