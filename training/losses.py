"""What the heads are trained for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from training.batches import Labels, Padded, Ranking, Row, padded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.model import Heads

_MICRO_BATCH_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class RelevanceLoss:
    """Scalars: of tokens, of sentences ranked, of documents ranked.

    The last two are the cross entropy between a softmax over all units of a list and the even
    distribution over those that help: the product ranks all of them as well.
    """

    token: Tensor
    listwise: Tensor
    passage: Tensor


def relevance_loss(model: Heads, batch: Ranking, positive_weight: float) -> RelevanceLoss:
    """What a step learns of sentences and documents."""
    logits, units, passages, ends = [], [], [], []
    for part, hidden in _forwards(model, batch.rows):
        scored, ended = part.units >= 0, part.ends >= 0
        logits.append(model.relevance(hidden[scored]).squeeze(-1))
        units.append(part.units[scored])
        passages.append(model.passage(hidden[ended]).squeeze(-1))
        ends.append(part.ends[ended])
    tokens, unit = torch.cat(logits), torch.cat(units)
    labels = batch.sentences.targets[unit]
    weight = torch.where(labels > 0, positive_weight, 1.0)
    scores, seen = sentence_scores(tokens, unit, len(batch.sentences.targets))
    documents, found = sentence_scores(
        torch.cat(passages), torch.cat(ends), len(batch.passages.targets)
    )
    return RelevanceLoss(
        functional.binary_cross_entropy_with_logits(tokens, labels, weight=weight),
        _listwise(scores, seen, batch.sentences),
        _listwise(documents, found, batch.passages),
    )


def _listwise(scores: Tensor, seen: Tensor, labels: Labels) -> Tensor:
    terms = []
    for group in range(int(labels.group_of[-1]) + 1):
        mine = (labels.group_of == group) & seen
        targets = labels.targets[mine]
        if targets.sum() > 0:
            terms.append(-(functional.log_softmax(scores[mine], 0) * targets).sum() / targets.sum())
    return torch.stack(terms).mean() if terms else scores.new_zeros(())


def keep_loss(model: Heads, rows: Sequence[Row], targets: Tensor) -> Tensor:
    """Whether each word piece belongs to a word that the shortened text keeps."""
    logits, units = [], []
    for part, hidden in _forwards(model, rows):
        scored = part.units >= 0
        logits.append(model.keep(hidden[scored]).squeeze(-1))
        units.append(part.units[scored])
    return functional.binary_cross_entropy_with_logits(torch.cat(logits), targets[torch.cat(units)])


def sentence_scores(logits: Tensor, units: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The mean logit of each unit, and whether it has any token at all, both ``[count]``."""
    total = logits.new_zeros(count).index_add(0, units, logits)
    tokens = logits.new_zeros(count).index_add(0, units, torch.ones_like(logits))
    return total / tokens.clamp(min=1), tokens > 0


def _forwards(model: Heads, rows: Sequence[Row]) -> Iterator[tuple[Padded, Tensor]]:
    for part in padded(rows, _MICRO_BATCH_TOKENS):
        # The CPU has bfloat16 instructions: a third faster, and the weights stay float32.
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model.hidden(part.ids, part.types, part.mask)
        yield part, hidden
