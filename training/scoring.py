"""Score sentences with weights under training, to look at them before they are exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from training.batches import padded, ranking, tokenizer
from training.examples import Group, LabelledDocument
from training.losses import sentence_scores
from training.model import TwoHeads, base_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_BATCH_TOKENS = 4096
_WINDOW_CHARS = 1000


class TrainedScorer:
    """The mean relevance logit of each sentence, as ``benchmarks.quality`` asks for it."""

    def __init__(self, weights: dict[str, torch.Tensor], *, max_length: int = 288) -> None:
        self._model = TwoHeads.from_base().eval()
        self._model.restore(weights)
        self._tokens = tokenizer(base_folder(), max_length)

    @classmethod
    def of_checkpoint(cls, path: Path) -> TrainedScorer:
        """Read ``checkpoint.safetensors``."""
        from training.checkpoints import weights

        return cls(weights(path))

    def __call__(
        self, query: str, documents: Sequence[tuple[str, Sequence[str]]]
    ) -> list[list[float]]:
        windows = [
            (number, window)
            for number, (title, sentences) in enumerate(documents)
            for window in _windows(title, sentences)
        ]
        group = Group("", "", query, (), ())
        batch = ranking([(group, [window for _, window in windows])], self._tokens)
        total = torch.zeros(len(batch.targets))
        logits, units = [], []
        with torch.inference_mode():
            for ids, types, mask, unit in padded(batch.rows, _BATCH_TOKENS):
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    hidden = self._model.hidden(ids, types, mask)
                scored = unit >= 0
                logits.append(self._model.relevance(hidden[scored]).squeeze(-1))
                units.append(unit[scored])
            total, seen = sentence_scores(torch.cat(logits), torch.cat(units), len(batch.targets))
        scores = iter(torch.where(seen, total, -10.0).tolist())
        result: list[list[float]] = [[] for _ in documents]
        for number, window in windows:
            result[number].extend(next(scores) for _ in window.spans)
        return result


def _windows(title: str, sentences: Sequence[str]) -> list[LabelledDocument]:
    """Runs of sentences that fit the model; a document of the benchmark is mostly one."""
    windows: list[LabelledDocument] = []
    text, spans = "", []
    for sentence in sentences:
        if spans and len(text) + len(sentence) > _WINDOW_CHARS:
            windows.append(LabelledDocument(title, text, tuple(spans)))
            text, spans = "", []
        spans.append((len(text), len(text) + len(sentence)))
        text += sentence
    if spans:
        windows.append(LabelledDocument(title, text, tuple(spans)))
    return windows
