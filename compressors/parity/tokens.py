"""A tokenizer as the package llmlingua 0.2.2 uses it: tokens are strings, control tokens are such.

Source: `utils.py` and `prompt_compressor.py` of the package; spec/llmlingua2.md, 2.2.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from compressors.protocols import Encoded
from compressors.work import current

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

LONGEST: Final = 512
"""Tokens of a row, whatever the model: the package has it fixed."""
FIELD: Final = "llmlingua2.parity"
"""Where a request has the package's arguments, for errors."""
SPARE: Final = 100
"""Names that the package adds to a vocabulary, one for each forced phrase."""
_CLS, _SEP, _PAD = "[CLS]", "[SEP]", "[PAD]"
"""What the package frames a row with, whatever the tokenizer; XLM-R reads them as unknown."""


class Family(Enum):
    """Where words begin. The package goes by the name of the model's path."""

    BERT = "bert-base-multilingual-cased"
    XLM_ROBERTA = "xlm-roberta-large"


@dataclass(frozen=True, slots=True)
class Row(Encoded):
    """Ids of a row; the model must not look at the positions ``hidden``."""

    hidden: tuple[int, ...] = ()

    def __len__(self) -> int:
        # A dataclass with slots is a new class, so `super()` would not find itself.
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class PackageTokens:
    """A tokenizer and the rules that the package has for it. Thread-safe: it never changes.

    ``special`` are the strings that are skipped wherever they stand, also the unknown token.
    """

    tokenizer: Tokenizer
    family: Family
    special: frozenset[str]
    unknown: int

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokens with offsets, without a frame."""
        with current().tokenizing():
            return list(self.tokenizer.encode_batch(list(texts), add_special_tokens=False))

    def strings(self, texts: Sequence[str]) -> list[list[str]]:
        # Not the fast way to encode a batch, which leaves the strings of tokens out.
        return [encoding.tokens for encoding in self.encode(texts)]

    def joined(self, tokens: Sequence[str]) -> str:
        """The text that tokens are turned into; not the one that they were made from."""
        decoder = self.tokenizer.decoder
        return " ".join(tokens) if decoder is None else str(decoder.decode(list(tokens)))

    def normalized(self, text: str) -> str:
        normalizer = self.tokenizer.normalizer
        return text if normalizer is None else str(normalizer.normalize_str(text))

    def row(self, tokens: Sequence[str]) -> Row:
        """What the model reads for a part: framed and cut, so that a long part loses its end."""
        framed = [_CLS, *tokens, _SEP][:LONGEST]
        find, unknown = self.tokenizer.token_to_id, self.unknown
        found = map(find, framed)
        ids = tuple(unknown if token is None else token for token in found)
        if _PAD in framed:
            return Row(ids, hidden=tuple(i for i, token in enumerate(framed) if token == _PAD))
        return Row(ids)

    def names(self, row: Row) -> list[str]:
        """The row's ids as tokens again: what is unknown is the unknown token now."""
        return [str(self.tokenizer.id_to_token(token)) for token in row.ids]

    def begins(self, token: str, forced: frozenset[str]) -> bool:
        """Whether a token begins a word; ``forced`` are forced tokens and names of phrases."""
        if self.family is Family.BERT:
            return token.lstrip("#") in forced or not token.startswith("##")
        return token in string.punctuation or token in forced or token.startswith("▁")

    def pure(self, token: str) -> str:
        """A token without what marks the place in its word."""
        return token.lstrip("#" if self.family is Family.BERT else "▁")


class TokenProbabilities(Protocol):
    """A token classifier with its tokenizer, as the package sees them."""

    @property
    def tokens(self) -> PackageTokens: ...

    def probabilities(self, rows: Sequence[Row]) -> Sequence[NDArray[np.float32]]:
        """The probability of keeping each token of each row, ``[tokens]``."""
        ...
