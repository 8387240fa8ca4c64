"""What a chain needs of its stages, and the stages of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from compressors.values import Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compressors.budget import Budget
    from compressors.values import Context, Passage


class Compressor(Protocol):
    """Makes a context shorter.

    Documents keep their ids and order. Spans of the result lie inside those of the input, or in
    a summary that names its sources. Raises ``CompressionError`` and nothing else.
    """

    @property
    def name(self) -> str:
        """The stage, as requests and reports call it."""
        ...

    @property
    def backend(self) -> str:
        """The model that serves it."""
        ...

    def compress(self, context: Context, budget: Budget) -> Context:
        """The shorter context, within ``budget`` if that has a limit and the method can."""
        ...


@runtime_checkable
class Strict(Protocol):
    """A compressor that may take something away which the budget has room for."""

    @property
    def is_strict(self) -> bool: ...


def is_strict(compressor: Compressor) -> bool:
    """Whether a compressor has to run even if the text is within the budget already."""
    return isinstance(compressor, Strict) and compressor.is_strict


class Segmenter(Protocol):
    """Cuts a text into sentences: contiguous, non-empty ranges of characters that cover it."""

    def spans(self, text: str) -> Sequence[tuple[int, int]]: ...


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text and the disjoint, sorted ranges of it that are to be scored."""

    text: str
    ranges: tuple[tuple[int, int], ...]
    title: str = ""


class SentenceScorer(Protocol):
    """Says how much each sentence helps to answer the query, read in its document.

    One list for each document, one probability in [0, 1] for each of its ranges.
    """

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]: ...


class TokenScorer(Protocol):
    """Says how much each word is worth keeping, whatever the query.

    One list for each text, one probability in [0, 1] for each of its ranges.
    """

    def score(self, texts: Sequence[Pieces]) -> Sequence[Sequence[float]]: ...


class Encoder(Protocol):
    """Turns texts into unit vectors: float32, shape ``[len(texts), dimension]``."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class Clusterer(Protocol):
    """Puts vectors into groups.

    ``clusters`` fixes the number of groups; ``None`` leaves it to the method. Gives the label of
    every row; labels are 0 … k-1, numbered by their first row, and none is empty.
    """

    def labels(self, vectors: NDArray[np.float32], clusters: int | None) -> Sequence[int]: ...


@dataclass(frozen=True, slots=True)
class Summary:
    """A text, what it was written from, and the tokens that its model read and wrote."""

    text: str
    sources: tuple[Source, ...]
    tokens_spent: int = 0


class Summarizer(Protocol):
    """Writes what passages have in common, in at most the tokens of ``budget``.

    An empty query asks for a summary for its own sake. The text is never blank, never longer than
    what it was written from.
    """

    @property
    def name(self) -> str: ...

    def summarize(self, query: str, passages: Sequence[Passage], budget: Budget) -> Summary: ...


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids that a model reads in one row, with BERT's segment ids where it has them."""

    ids: tuple[int, ...]
    types: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)


class Forward(Protocol):
    """Runs a model on a batch: one result for each row, in order.

    This is the seam of the engine: a model is a ``Forward``, and so is an engine around it.
    What a result is (an array of one value a token, a vector, token ids) is the model's business.
    Raises ``ModelFailure``.
    """

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Any]: ...
