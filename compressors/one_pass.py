"""What each word is worth by one reading of its sentence: an approximation of leave-one-out.

The spec's ``fast``: where a sentence's vector is the mean of its tokens' vectors, a word is left
out of that mean instead of out of the text. The other tokens' vectors stay as they were, though
they were read beside the word; that is what is neglected. ``python -m benchmarks.deletion
--correlation`` prints how well this ranking agrees with the exact one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from compressors.errors import ModelFailure
from compressors.leave_one_out import Unit, batches, relative
from compressors.work import current

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TokenStates:
    """The vectors of a text's tokens, float32 ``[tokens, dimension]``, special tokens among them.

    Their mean is the direction of the text's vector. ``places`` are the characters of each token,
    half-open; empty for special tokens.
    """

    vectors: NDArray[np.float32]
    places: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.places):  # noqa: PLR2004 - axes
            problem = f"{len(self.places)} tokens have vectors of shape {self.vectors.shape}"
            raise ModelFailure(problem)


@runtime_checkable
class TokenEncoder(Protocol):
    """An ``Encoder`` that pools by the mean, and gives the vectors that it takes the mean of."""

    def states(self, texts: Sequence[str]) -> Sequence[TokenStates]:
        """Those of each text; texts have no white space at their ends."""
        ...


def one_pass_worths(encoder: TokenEncoder, units: Sequence[Unit]) -> list[list[float]]:
    """The worth in (0, 1) of each word of each unit, as ``leave_one_out.worths`` has it.

    A unit is read once. Raises ``ModelFailure`` for vectors that are not finite.
    """
    found: list[list[float]] = []
    for batch in batches(units, lambda _: 1):
        current().check()
        read = [unit for unit in batch if len(unit.words) > 1]
        placed = [unit.placed for unit in read]
        states = iter(encoder.states([text for text, _ in placed]))
        words = iter(words for _, words in placed)
        for unit in batch:
            if len(unit.words) <= 1:
                found.append([0.5] * len(unit.words))
                continue
            found.append(relative(_distances(next(states), next(words))))
    return found


def _distances(states: TokenStates, words: Sequence[tuple[int, int]]) -> Floats:
    """How far the direction of the sum moves without each word's tokens, ``[words]``."""
    import numpy as np

    vectors = states.vectors.astype(np.float64)
    if not np.isfinite(vectors).all():
        raise ModelFailure("a token's vector holds values that are not finite")
    total = vectors.sum(axis=0)
    owners = _owners(states.places, words)
    gone = np.zeros((len(words), len(total)))
    np.add.at(gone, owners[owners >= 0], vectors[owners >= 0])
    moved: Floats = np.linalg.norm(_directions(total - gone) - _directions(total), axis=-1)
    return moved


def _owners(
    places: Sequence[tuple[int, int]], words: Sequence[tuple[int, int]]
) -> NDArray[np.int64]:
    """The index of the sorted word that each token belongs to, ``[tokens]``; -1 for none."""
    import numpy as np

    starts, ends = np.asarray(words, dtype=np.int64).T
    lefts, rights = np.asarray(places, dtype=np.int64).T
    # A token may begin in the white space before its word, so it is its last character that counts.
    owner = np.searchsorted(starts, rights - 1, side="right") - 1
    inside = (lefts < rights) & (owner >= 0) & (rights - 1 < ends[owner])
    return np.where(inside, owner, -1)


def _directions(vectors: Floats) -> Floats:
    import numpy as np

    # A text that is nothing but one word leaves no direction; then all of it is what moved.
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: Floats = vectors / np.maximum(norms, 1e-12)
    return found
