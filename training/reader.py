"""Train the reader of the evaluation: ``python -m training.reader``, then ``--export``.

An extractive question answering model: the encoder of all-MiniLM-L6-v2 as the relevance model left
it, and a head for the first and the last token of the answer. Writes checkpoints and a log below
``.cache/training/reader`` and goes on from the last one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import sys
import time
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from tqdm import tqdm

from compressors.models import embedded, reader
from training import checkpoints
from training.batches import Padded, padded, tokenizer
from training.data import corpus
from training.export import write
from training.model import Tuned, base_encoder, base_folder
from training.optimizing import move, optimizer_of, set_rates
from training.reader_data import END, START, Questions, ReaderRecipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import BertModel

    from training.batches import Row

VERSION: Final = "1.0.0"
_FOLDER: Final = Path(__file__).resolve().parents[1] / ".cache" / "training" / "reader"
_MICRO_BATCH_TOKENS: Final = 2048
_LOG = logging.getLogger(__name__)


class SpanModel(Tuned):
    """Two logits per token: whether an answer begins, and whether it ends, there."""

    def __init__(self, encoder: BertModel) -> None:
        super().__init__(encoder)
        self.span = nn.Linear(encoder.config.hidden_size, 2)

    @classmethod
    def from_relevance(cls, weights: dict[str, Tensor]) -> SpanModel:
        """The encoder of the relevance model over the base's embeddings, which stay as they are."""
        model = cls(base_encoder())
        model.start_from({k: one for k, one in weights.items() if k.startswith("encoder.")})
        return model

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> Tensor:
        """Logits ``[batch, length, 2]``."""
        # The CPU has bfloat16 instructions: a third faster, and the weights stay float32.
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = self.encoder(input_ids=ids, token_type_ids=types, attention_mask=mask)
        logits: Tensor = self.span(output.last_hidden_state.float())
        return logits


def span_loss(logits: Tensor, units: Tensor) -> Tensor:
    """Minus the log chance of any right start, and of any right end, by row: ``[rows]``.

    ``logits`` are ``[rows, length, 2]``, ``units`` ``[rows, length]``: -1 where nothing can be.
    """
    losses = []
    for at, bit in enumerate((START, END)):
        possible = logits[..., at].masked_fill(units < 0, -torch.inf)
        right = possible.masked_fill((units < 0) | (units & bit == 0), -torch.inf)
        losses.append(possible.logsumexp(1) - right.logsumexp(1))
    return torch.stack(losses).mean(0)


def main() -> None:
    """Train to the end of the recipe, or export what was trained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="for checkpoints and the log")
    parser.add_argument("--start", type=Path, default=embedded.WEIGHTS / "model.safetensors")
    parser.add_argument("--steps", type=int, default=ReaderRecipe().steps)
    parser.add_argument("--export", type=Path, nargs="?", const=reader.WEIGHTS)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if arguments.export is not None:
        found = export(arguments.folder, arguments.export)
        sys.stdout.write(f"{arguments.export / 'model.safetensors'} sha256 {found}\n")
        return
    train(ReaderRecipe(steps=arguments.steps), arguments.folder, arguments.start)


def train(recipe: ReaderRecipe, folder: Path, start: Path) -> None:
    """Run the recipe, or the rest of it where a checkpoint is found."""
    torch.manual_seed(recipe.seed)
    folder.mkdir(parents=True, exist_ok=True)
    origin = {"start_sha256": hashlib.sha256(start.read_bytes()).hexdigest()}
    (folder / "recipe.json").write_text(json.dumps({**asdict(recipe), **origin}, indent=1))
    model = SpanModel.from_relevance(checkpoints.weights(start))
    optimizer = optimizer_of(model, recipe)
    first = checkpoints.resume(folder, model, optimizer)
    questions = Questions(recipe, corpus().train, tokenizer(base_folder()))
    _LOG.info("questions: %s", questions.sizes)
    started = time.monotonic()
    losses: list[float] = []
    rows = tokens = 0
    for step in tqdm(range(first, recipe.steps), mininterval=15, ascii=True):
        batch = questions.rows(step)
        losses.append(_step(model, optimizer, recipe, step, batch))
        rows, tokens = rows + len(batch), tokens + sum(len(row.ids) for row in batch)
        if (step + 1) % 20 == 0:
            seconds = round(time.monotonic() - started)
            said = {"step": step + 1, "seconds": seconds, "loss": round(fmean(losses), 4)}
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps({**said, "rows": rows, "tokens": tokens}) + "\n")
            losses.clear()
        if (step + 1) % 100 == 0 or step + 1 == recipe.steps:
            checkpoints.save(folder, step + 1, model, optimizer)


def export(folder: Path, to: Path) -> str:
    """Write ``model.safetensors`` as float16 and ``config.json``; gives the former's sha256."""
    checkpoint = folder / "checkpoint.safetensors"
    recipe = json.loads((folder / "recipe.json").read_text())
    return write(
        to,
        checkpoints.weights(checkpoint),
        version=VERSION,
        start_sha256=recipe["start_sha256"],
        max_length=recipe["length"],
        steps=checkpoints.step_of(checkpoint),
    )


def _step(
    model: SpanModel,
    optimizer: torch.optim.Optimizer,
    recipe: ReaderRecipe,
    step: int,
    rows: Sequence[Row],
) -> float:
    set_rates(optimizer, recipe, step)
    optimizer.zero_grad(set_to_none=True)
    total = 0.0
    for batch in padded(rows, _MICRO_BATCH_TOKENS):
        loss = _loss(model, batch) / len(rows)
        torch.autograd.backward(loss)
        total += loss.item()
    move(model, optimizer)
    return total


def _loss(model: SpanModel, batch: Padded) -> Tensor:
    return span_loss(model(batch.ids, batch.types, batch.mask), batch.units).sum()


if __name__ == "__main__":
    main()
