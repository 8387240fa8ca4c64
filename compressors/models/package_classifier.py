"""A token classifier with its tokenizer, as the package llmlingua 0.2.2 loads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from compressors.errors import Unavailable
from compressors.models.batches import SmallBatches
from compressors.models.loading import longest_input
from compressors.models.token_classifier import Checkpoint
from compressors.parity.tokens import LONGEST, SPARE, Family, PackageTokens, Row
from compressors.protocols import Forward

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

_SEED: Final = 42
"""What the package seeds torch with before it draws embeddings for the names that it adds."""


@dataclass(frozen=True, slots=True)
class PackageClassifier:
    """A ``TokenProbabilities`` by a checkpoint that ``forward`` runs. Thread-safe."""

    tokens: PackageTokens
    forward: Forward

    @classmethod
    def load(
        cls,
        model: str,
        *,
        label: str | int | None = None,
        device: str = "auto",
        dtype: str = "auto",
        wrap: Callable[[Forward], Forward] = SmallBatches,
    ) -> PackageClassifier:
        """As ``Checkpoint.load``, whose arguments these are; and as ``of``."""
        checkpoint = Checkpoint.load(model, label=label, device=device, dtype=dtype)
        return cls.of(checkpoint, wrap(checkpoint.forward()))

    @classmethod
    def of(cls, checkpoint: Checkpoint, forward: Forward) -> PackageClassifier:
        """The checkpoint, with embeddings added for the names that stand for forced phrases.

        That is seen by all who share the model, and changes nothing for them. Raises
        ``Unavailable`` for a model that reads less than 512 tokens, or whose tokenizer is of none
        of the two kinds that the package knows.
        """
        limit = longest_input(checkpoint.model)
        if limit is not None and limit < LONGEST:
            raise Unavailable(f"model {checkpoint.name} reads {limit} tokens, not {LONGEST}")
        tokens = _tokens(checkpoint)
        _add_embeddings(checkpoint.model, tokens.tokenizer.get_vocab_size())
        return cls(tokens, forward)

    def probabilities(self, rows: Sequence[Row]) -> Sequence[NDArray[np.float32]]:
        return self.forward(rows)


def _tokens(checkpoint: Checkpoint) -> PackageTokens:
    from tokenizers import AddedToken, Tokenizer

    loaded = checkpoint.tokenizer
    serialized = loaded.backend_tokenizer.to_str()
    family = _family(serialized, checkpoint.name)
    raw = Tokenizer.from_str(serialized)
    raw.no_padding()
    raw.no_truncation()
    raw.encode_special_tokens = False
    names = [AddedToken(f"[NEW{i}]", special=True, normalized=False) for i in range(SPARE)]
    raw.add_special_tokens(names)
    if loaded.unk_token_id is None:
        raise Unavailable(f"model {checkpoint.name} has no token for what is unknown")
    usual = {
        str(token)
        for name, token in loaded.special_tokens_map.items()
        if name not in {"pad_token", "additional_special_tokens"}
    }
    # The package takes the padding from the model's configuration, and there 0 is none.
    padding = checkpoint.model.config.pad_token_id
    special = usual | ({str(raw.id_to_token(padding))} if padding else set())
    return PackageTokens(raw, family, frozenset(special), loaded.unk_token_id)


def _family(serialized: str, name: str) -> Family:
    model = json.loads(serialized)["model"]
    if model["type"] == "WordPiece" and model["continuing_subword_prefix"] == "##":
        return Family.BERT
    if model["type"] == "Unigram":
        return Family.XLM_ROBERTA
    raise Unavailable(f"model {name} has a tokenizer of the kind {model['type']}: not in parity")


def _add_embeddings(model: PreTrainedModel, size: int) -> None:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        model.resize_token_embeddings(size)
    model.requires_grad_(requires_grad=False)
