"""Fine-tune all-MiniLM-L6-v2 into one encoder with heads: ``python -m training.train single``.

Then ``... together --start .cache/training/single/checkpoint.safetensors``. Writes checkpoints and
a log below ``.cache/training/<stage>`` and goes on from the last one.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections import defaultdict
from dataclasses import asdict, fields
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from training import checkpoints
from training.batches import keeping, ranking, tokenizer
from training.data import corpus
from training.losses import keep_loss, relevance_loss
from training.model import Heads, base_folder
from training.optimizing import move, optimizer_of, set_rates
from training.plan import Plan
from training.recipe import STAGES, Recipe

if TYPE_CHECKING:
    from tokenizers import Tokenizer


_LOG = logging.getLogger(__name__)
_FOLDER = Path(__file__).resolve().parents[1] / ".cache" / "training"


def main() -> None:
    """Train to the end of a stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--start", type=Path, help="safetensors to go on from; without: the base")
    parser.add_argument("--folder", type=Path, help="for checkpoints and the log")
    arguments = parser.parse_args()
    folder = arguments.folder or _FOLDER / arguments.stage
    recipe = STAGES[arguments.stage]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(recipe, folder, arguments.start)


def train(recipe: Recipe, folder: Path, start: Path | None = None) -> None:
    """Run the recipe, or the rest of it where a checkpoint is found."""
    torch.manual_seed(recipe.seed)
    examples = corpus()
    _LOG.info("groups: %s", {name: len(part) for name, part in examples.train.items()})
    model = Heads.from_base()
    if start is not None:
        model.start_from(checkpoints.weights(start))
    tokens = tokenizer(base_folder())
    optimizer = optimizer_of(model, recipe)
    first = checkpoints.resume(folder, model, optimizer)
    plan = Plan(recipe, examples)
    for step in range(first):
        plan.draw(step)  # keeps the order of the sources where it would have been
    started = time.monotonic()
    recent: dict[str, list[float]] = defaultdict(list)
    for step in tqdm(range(first, recipe.steps), mininterval=15, ascii=True):
        for name, value in _step(model, optimizer, plan, tokens, step).items():
            recent[name].append(value)
        if (step + 1) % 20 == 0:
            means = {name: round(fmean(values), 4) for name, values in recent.items()}
            seconds = round(time.monotonic() - started)
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps({"step": step + 1, "seconds": seconds, **means}) + "\n")
            recent.clear()
        if (step + 1) % 100 == 0 or step + 1 == recipe.steps:
            checkpoints.save(folder, step + 1, model, optimizer)


def _step(
    model: Heads, optimizer: torch.optim.Optimizer, plan: Plan, tokens: Tokenizer, step: int
) -> dict[str, float]:
    recipe = plan.recipe
    set_rates(optimizer, recipe, step)
    batch = ranking(plan.draw(step), tokens, recipe.lengths)
    found = relevance_loss(model, batch, recipe.positive_weight)
    loss = found.token + recipe.listwise_weight * found.listwise
    loss = loss + recipe.passage_weight * found.passage
    values = {part.name: getattr(found, part.name).item() for part in fields(found)}
    if step % recipe.keep_every == 0:
        rng = plan.rng(-1 - step)
        rows = keeping(plan.examples.pairs, rng, recipe.keep_rows, tokens, recipe.lengths[0])
        keep = keep_loss(model, *rows)
        loss = loss + recipe.keep_weight * recipe.keep_every * keep
        values["keep"] = keep.item()
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    move(model, optimizer)
    return values


if __name__ == "__main__":
    main()
