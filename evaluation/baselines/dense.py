"""What MiniLM's embeddings choose: sentences, or whole documents."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from compressors.budget import Counter
from compressors.models.batches import SmallBatches
from compressors.models.minilm import MiniLmEncoder
from evaluation.baselines.pieces import BestFirst, Piece, beginning, shortened, size, wholes
from evaluation.baselines.plain import Scored, titled
from evaluation.values import Example, Shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compressors.protocols import Encoder

REMEMBERED: Final = 20_000
"""Vectors that are kept, of 1.5 KB each."""


class Remembering:
    """An ``Encoder`` that reads a text once, as long as not too many others come in between.

    The methods that use MiniLM share it, so a sentence costs one pass whatever the budgets are.
    For one thread.
    """

    def __init__(self, encoder: Encoder, most: int = REMEMBERED) -> None:
        self._encoder = encoder
        self._most = most
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    @classmethod
    def load(cls) -> Remembering:
        """all-MiniLM-L6-v2 as it was installed. Raises ``Unavailable``."""
        return cls(MiniLmEncoder.load(wrap=SmallBatches))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        found = dict(zip(new, self._encoder.encode(new), strict=True)) if new else {}
        rows = [found[text] if text in found else self._known[text] for text in texts]
        for text, row in zip(texts, rows, strict=True):
            self._known[text] = row
            self._known.move_to_end(text)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return np.stack(rows) if rows else np.zeros((0, MiniLmEncoder.dimension), np.float32)


@dataclass(frozen=True, slots=True)
class Cosine:
    """A ``Scorer``: the cosine of the query and of the title and the piece."""

    encoder: Encoder

    def __call__(self, example: Example, pieces: Sequence[Piece]) -> list[float]:
        texts = [titled(example, piece, ". ") for piece in pieces]
        vectors = self.encoder.encode([example.query, *texts])
        scores: list[float] = (vectors[1:] @ vectors[0]).tolist()
        return scores


@dataclass(frozen=True, slots=True)
class Documents:
    """Whole documents by the cosine of title and text, as a smaller k of a retriever gives them.

    Behind the best one, whatever still fits; where not even the best does, it alone is cut
    between two words, so that the budget is never left unused.
    """

    cosine: Cosine
    counter: Counter
    name: str = "documents"

    def shorten(self, example: Example, budgets: Sequence[int]) -> list[Shortened]:
        pieces = wholes(example)
        scores = self.cosine(example, pieces)
        order = sorted(range(len(pieces)), key=lambda index: -scores[index])
        ranked = [pieces[index] for index in order]
        fill = BestFirst(example, ranked, self.counter)
        best = shortened(example, ranked[:1])
        return [
            fill.within(budget)
            if size(best, self.counter) <= budget
            else beginning(example, best[0], self.counter, budget)
            for budget in budgets
        ]


def cosine_sentences(encoder: Encoder, counter: Counter) -> Scored:
    return Scored("cosine", Cosine(encoder), counter)


def whole_documents(encoder: Encoder, counter: Counter) -> Documents:
    return Documents(Cosine(encoder), counter)
