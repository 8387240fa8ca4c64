"""Raw tokenizers, one for each thread, and rows of token ids made with them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from compressors.work import current

_REPEATS: Final = 8

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer


class ThreadTokenizers:
    """The same tokenizer for every thread, never shared between two.

    A fast tokenizer that several threads use fails with "Already borrowed" once one of them
    changes its padding, and `encode` holds the interpreter's lock; so each thread has its own,
    without padding and truncation, and encodes in batches. Control tokens that stand in a text,
    such as "[SEP]", are plain text.
    """

    def __init__(self, load: Callable[[], Tokenizer]) -> None:
        self._load = load
        self._local = threading.local()

    @property
    def own(self) -> Tokenizer:
        """This thread's tokenizer."""
        if not hasattr(self._local, "tokenizer"):
            tokenizer = self._load()
            tokenizer.no_padding()
            tokenizer.no_truncation()
            tokenizer.encode_special_tokens = True
            self._local.tokenizer = tokenizer
        found: Tokenizer = self._local.tokenizer
        return found

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Ids and offsets of each text, without special tokens; counted as tokenising."""
        with current().tokenizing():
            return list(self.own.encode_batch(list(texts), add_special_tokens=False))


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text: ids ``[n]`` and the range of characters of each, ``[n]`` twice."""

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, encoding: Encoding) -> Tokens:
        import numpy as np

        offsets = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        ids = np.asarray(encoding.ids, dtype=np.int64)
        return cls(ids, offsets[:, 0], offsets[:, 1])

    def __len__(self) -> int:
        return len(self.ids)

    def without_repeats(self) -> Tokens:
        """Of every run of one token only the first 8.

        A rule of 100,000 dots says no more than a short one, and would cost minutes to read.
        """
        import numpy as np

        starts = np.flatnonzero(np.diff(self.ids, prepend=-1))
        run = np.repeat(starts, np.diff(starts, append=len(self)))
        told = np.arange(len(self)) - run < _REPEATS
        return Tokens(self.ids[told], self.starts[told], self.ends[told])

    def owners(self, ranges: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
        """The index of the sorted range that each token begins in, ``[n]``; -1 for none."""
        import numpy as np

        if not ranges:
            return np.full(len(self), -1, dtype=np.int64)
        starts, ends = np.asarray(ranges, dtype=np.int64).T
        # A token may begin before its range, as with a word that is cut; its last character counts.
        last = np.maximum(self.ends - 1, self.starts)
        owner = np.searchsorted(starts, last, side="right") - 1
        return np.where((owner >= 0) & (self.starts < ends[owner]), owner, -1)


def windows(length: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Ranges of at most ``size`` that cover ``length`` tokens; neighbours share ``overlap``."""
    if length <= size:
        return [(0, length)] if length else []
    step = max(1, size - overlap)
    starts = range(0, length - overlap, step)
    # The last one is moved back, so that it is as long as the others and has their context.
    return [(min(start, length - size), min(start, length - size) + size) for start in starts]
