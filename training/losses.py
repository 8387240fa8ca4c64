"""What the two heads are trained for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from training.batches import Ranking, Row, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.model import TwoHeads

_MICRO_BATCH_TOKENS = 2048


def relevance_loss(
    model: TwoHeads, batch: Ranking, positive_weight: float
) -> tuple[Tensor, Tensor]:
    """Two scalars: whether each token supports, and whether the right sentences rank first.

    The second is the cross entropy between a softmax over all sentences of a query's documents
    and the even distribution over those that support: the product ranks all of them as well.
    """
    logits, units = _token_logits(model, batch.rows, "relevance")
    labels = batch.targets[units]
    weight = torch.where(labels > 0, positive_weight, 1.0)
    tokens = functional.binary_cross_entropy_with_logits(logits, labels, weight=weight)

    scores, seen = sentence_scores(logits, units, len(batch.targets))
    terms = []
    for group in range(int(batch.group_of[-1]) + 1):
        mine = (batch.group_of == group) & seen
        targets = batch.targets[mine]
        if targets.sum() > 0:
            terms.append(-(functional.log_softmax(scores[mine], 0) * targets).sum() / targets.sum())
    return tokens, torch.stack(terms).mean() if terms else tokens.new_zeros(())


def keep_loss(model: TwoHeads, rows: Sequence[Row], targets: Tensor) -> Tensor:
    """Whether each word piece belongs to a word that the shortened text keeps."""
    logits, units = _token_logits(model, rows, "keep")
    return functional.binary_cross_entropy_with_logits(logits, targets[units])


def sentence_scores(logits: Tensor, units: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The mean logit of each sentence, and whether it has any token at all, both ``[count]``."""
    total = logits.new_zeros(count).index_add(0, units, logits)
    tokens = logits.new_zeros(count).index_add(0, units, torch.ones_like(logits))
    return total / tokens.clamp(min=1), tokens > 0


def _token_logits(model: TwoHeads, rows: Sequence[Row], head: str) -> tuple[Tensor, Tensor]:
    logits, units = [], []
    for ids, types, mask, unit in padded(rows, _MICRO_BATCH_TOKENS):
        # The CPU has bfloat16 instructions: a third faster, and the weights stay float32.
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model.hidden(ids, types, mask)
        scored = unit >= 0
        logits.append(getattr(model, head)(hidden[scored]).squeeze(-1))
        units.append(unit[scored])
    return torch.cat(logits), torch.cat(units)
