"""A model for mode parity whose probabilities are looked up by token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from compressors.parity.tokens import Family, PackageTokens, Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_NAMES = tuple(f"[NEW{number}]" for number in range(3))


def bert_tokens(*words: str) -> PackageTokens:
    """WordPiece with these words and pieces, and with full stops, commas and names."""
    vocabulary = {token: i for i, token in enumerate((*_SPECIAL, *_NAMES, ".", ",", "-", *words))}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 - no password
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens([*_SPECIAL, *_NAMES])
    return PackageTokens(made, Family.BERT, frozenset(_SPECIAL), vocabulary["[UNK]"])


@dataclass(slots=True)
class Table:
    """A ``TokenProbabilities``: what each token is worth, by its string; ``usual`` if unnamed."""

    tokens: PackageTokens
    values: Mapping[str, float]
    usual: float = 0.5
    rows: list[Row] = field(default_factory=list)

    def probabilities(self, rows: Sequence[Row]) -> Sequence[NDArray[np.float32]]:
        self.rows += rows
        return [
            np.array([self.values.get(name, self.usual) for name in self.tokens.names(row)], "f4")
            for row in rows
        ]


def ones(texts: Sequence[str]) -> Sequence[int]:
    """Counts under which every text weighs the same."""
    return [1] * len(texts)


def letters(values: Mapping[str, float], **more: Any) -> Table:
    """A model of words of which each is one token."""
    return Table(bert_tokens(*values), values, **more)
