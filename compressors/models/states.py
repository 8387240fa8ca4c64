"""Rows of which every token's vector is wanted, not only the vector of the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compressors.one_pass import TokenStates
from compressors.protocols import Encoded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Encoding
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Unpooled(Encoded):
    """A row whose result is the last hidden state of each token, float32 ``[tokens, dimension]``.

    A model that pools knows such rows by their type, so both kinds share its batches.
    """


def of_rows(batch: Sequence[Encoded], pooled: Tensor, states: Tensor) -> list[NDArray[np.float32]]:
    """The result of each row: of ``pooled``, ``[rows, d]``, or of ``states``, ``[rows, n, d]``."""
    vectors = pooled.cpu().numpy()
    return [
        states[index, : len(row)].cpu().numpy() if isinstance(row, Unpooled) else vectors[index]
        for index, row in enumerate(batch)
    ]


def token_states(
    encodings: Sequence[Encoding],
    states: Sequence[NDArray[np.float32]],
    *,
    ahead: int,
    moved: int = 0,
) -> list[TokenStates]:
    """What a model gave for ``Unpooled`` rows, with the place of each token in its text.

    ``ahead`` tokens of a row come before those of its text; ``moved`` characters stood before the
    text where it was tokenised.
    """
    found: list[TokenStates] = []
    for encoding, vectors in zip(encodings, states, strict=True):
        own = [(max(0, a - moved), max(0, b - moved)) for a, b in encoding.offsets]
        # Special tokens have no place; tokens beyond what the model reads have no vector.
        places = [(0, 0)] * ahead + own
        places = places[: len(vectors)] + [(0, 0)] * (len(vectors) - len(places))
        found.append(TokenStates(vectors, tuple(places)))
    return found
