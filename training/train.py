"""Fine-tune all-MiniLM-L6-v2 into one encoder with two heads: ``python -m training.train``.

Writes checkpoints and a log below ``.cache/training`` and goes on from the last one.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from training import checkpoints
from training.batches import keeping, ranking, tokenizer
from training.data import Corpus, corpus
from training.losses import keep_loss, relevance_loss
from training.model import HEADS, TwoHeads, base_folder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from training.examples import Group, LabelledDocument

_LOG = logging.getLogger(__name__)
_FOLDER = Path(__file__).resolve().parents[1] / ".cache" / "training"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides how the weights come out."""

    seed: int = 13
    steps: int = 2000
    warmup: int = 150
    groups: int = 4
    """Queries a step."""
    keep_every: int = 2
    keep_rows: int = 8
    max_length: int = 288
    encoder_rate: float = 8e-5
    head_rate: float = 1e-3
    weight_decay: float = 0.01
    positive_weight: float = 3.0
    listwise_weight: float = 1.0
    keep_weight: float = 0.5
    mix: dict[str, float] = field(
        default_factory=lambda: {
            "squad": 0.40,
            "nq_oracle": 0.14,
            "qed_nq": 0.15,
            "hotpotqa": 0.12,
            "partial": 0.04,
            "2wikimultihopqa": 0.05,
            "musique": 0.02,
            "selqa": 0.04,
            "clapnq": 0.015,
            "covid_qa": 0.015,
            "qmsum": 0.01,
        }
    )
    """How often a query is drawn from each source."""
    distractors: dict[str, int] = field(
        default_factory=lambda: {"hotpotqa": 5, "2wikimultihopqa": 5, "musique": 5}
    )
    """Documents beside the gold ones, where not ``4``."""


def main() -> None:
    """Train to the end of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    parser.add_argument("--folder", type=Path, default=_FOLDER)
    arguments = parser.parse_args()
    recipe = Recipe(steps=arguments.steps)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(recipe, arguments.folder)


def train(recipe: Recipe, folder: Path) -> None:
    """Run the recipe, or the rest of it where a checkpoint is found."""
    torch.manual_seed(recipe.seed)
    examples = corpus(recipe.seed)
    _LOG.info("groups: %s", {name: len(part) for name, part in examples.train.items()})
    model = TwoHeads.from_base()
    tokens = tokenizer(base_folder(), recipe.max_length)
    optimizer = _optimizer(model, recipe)
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


def chance(seed: int, step: int) -> random.Random:
    """Chance that depends on the step only, so that a resumed run is the same run."""
    return random.Random(f"{seed}/{step}")  # noqa: S311 - reproducible, not secret


class Plan:
    """Which queries come in which step: the same again for the same recipe."""

    def __init__(self, recipe: Recipe, examples: Corpus) -> None:
        self.recipe = recipe
        self.examples = examples
        self._queues: dict[str, list[Group]] = {name: [] for name in recipe.mix}

    def draw(self, step: int) -> list[tuple[Group, list[LabelledDocument]]]:
        """The queries of a step, each with the documents to rank for it."""
        rng = self.rng(step)
        names = rng.choices(
            list(self.recipe.mix), list(self.recipe.mix.values()), k=self.recipe.groups
        )
        return [self._documents(self._next(name, rng), rng) for name in names]

    def rng(self, step: int) -> random.Random:
        """The chance of a step."""
        return chance(self.recipe.seed, step)

    def _next(self, name: str, rng: random.Random) -> Group:
        if not self._queues[name]:
            self._queues[name] = rng.sample(
                self.examples.train[name], len(self.examples.train[name])
            )
        return self._queues[name].pop()

    def _documents(self, group: Group, rng: random.Random) -> tuple[Group, list[LabelledDocument]]:
        wanted = self.recipe.distractors.get(group.source, 4)
        rest = rng.sample(group.distractors, min(wanted, len(group.distractors)))
        return group, [*group.gold, *rest]


def _step(
    model: TwoHeads, optimizer: torch.optim.Optimizer, plan: Plan, tokens: Tokenizer, step: int
) -> dict[str, float]:
    recipe = plan.recipe
    rate = min(1.0, (step + 1) / recipe.warmup) * (1 - step / recipe.steps)
    for part in optimizer.param_groups:
        part["lr"] = part["initial_lr"] * rate
    batch = ranking(plan.draw(step), tokens)
    token, listwise = relevance_loss(model, batch, recipe.positive_weight)
    loss = token + recipe.listwise_weight * listwise
    values = {"token": token.item(), "listwise": listwise.item()}
    if step % recipe.keep_every == 0:
        rng = plan.rng(-1 - step)
        keep = keep_loss(model, *keeping(plan.examples.pairs, rng, recipe.keep_rows, tokens))
        loss = loss + recipe.keep_weight * recipe.keep_every * keep
        values["keep"] = keep.item()
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return values


def _optimizer(model: TwoHeads, recipe: Recipe) -> torch.optim.Optimizer:
    heads: list[torch.nn.Parameter] = []
    matrices: list[torch.nn.Parameter] = []
    vectors: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if name.split(".")[0] in HEADS:
            heads.append(parameter)
        elif parameter.requires_grad:
            (matrices if parameter.dim() > 1 else vectors).append(parameter)
    decay = recipe.weight_decay
    parts = [
        {"params": matrices, "initial_lr": recipe.encoder_rate, "weight_decay": decay},
        {"params": vectors, "initial_lr": recipe.encoder_rate, "weight_decay": 0.0},
        {"params": heads, "initial_lr": recipe.head_rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(parts, lr=recipe.encoder_rate)


if __name__ == "__main__":
    main()
