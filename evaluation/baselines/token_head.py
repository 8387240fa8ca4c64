"""The embedded model's token head as a token classifier that other libraries can load."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from compressors.models import minilm
from compressors.models.batches import SmallBatches
from compressors.protocols import Encoded

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import BertForTokenClassification
    from transformers.modeling_outputs import TokenClassifierOutput

REMEMBERED: Final = 4096
"""Rows whose logits are kept, of 4 KB each at most."""
_LABELS: Final = 2
_TOKENIZER: Final = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def export(folder: Path, target: Path) -> None:
    """Write encoder and keep head from ``folder`` as a ``BertForTokenClassification``.

    Label 1 is keep, and its softmax is the sigmoid of the head's logit: label 0 has the logit 0.
    Safetensors, with the tokenizer beside them.
    """
    import torch
    from safetensors.torch import load_file
    from transformers import BertConfig, BertForTokenClassification

    tuned = {
        name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()
    }
    encoder = minilm.bert({**minilm.weights(), **tuned}, device="cpu", dtype="float32")
    config = BertConfig(**{**encoder.config.to_dict(), "num_labels": _LABELS})
    model = BertForTokenClassification(config)
    model.bert.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        nothing = torch.zeros_like(tuned["keep.weight"])
        model.classifier.weight.copy_(torch.cat([nothing, tuned["keep.weight"]]))
        model.classifier.bias.copy_(torch.cat([nothing[:, 0], tuned["keep.bias"]]))
    model.save_pretrained(target)
    for name in _TOKENIZER:
        shutil.copyfile(minilm.folder() / name, target / name)


class RememberedLogits:
    """A token classifier that runs a row once, without its padding.

    Called as the model is: ids and mask ``[rows, longest]``, padded on the right; gives the logits
    ``[rows, longest, labels]``, 0 where the padding is. For one thread.
    """

    def __init__(self, model: BertForTokenClassification, most: int = REMEMBERED) -> None:
        self._model = model
        self._most = most
        self._known: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()

    def __call__(self, input_ids: Tensor, attention_mask: Tensor) -> TokenClassifierOutput:
        import torch
        from transformers.modeling_outputs import TokenClassifierOutput

        lengths = attention_mask.sum(1).tolist()
        rows = [
            tuple(row[:length]) for row, length in zip(input_ids.tolist(), lengths, strict=True)
        ]
        self._run(list(dict.fromkeys(row for row in rows if row not in self._known)))
        logits = torch.zeros(*input_ids.shape, _LABELS)
        for index, row in enumerate(rows):
            self._known.move_to_end(row)
            logits[index, : len(row)] = self._known[row]
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return TokenClassifierOutput(logits=logits)

    def _run(self, rows: Sequence[tuple[int, ...]]) -> None:
        results = SmallBatches(self._forward)([Encoded(row) for row in rows])
        self._known.update(zip(rows, results, strict=True))

    def _forward(self, batch: Sequence[Encoded]) -> Sequence[Tensor]:
        import torch

        ids, _, mask = minilm.padded(batch, "cpu")
        with torch.inference_mode():
            logits = self._model(input_ids=ids, attention_mask=mask).logits
        return [logits[index, : len(row)].clone() for index, row in enumerate(batch)]
