"""Raw tokenizers, one for each thread, and rows of token ids made with them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from compressors.models.cache import Memory
from compressors.work import current

_REPEATS: Final = 8

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

    Integers = NDArray[np.int32]
    Table = NDArray[np.int32]


class ThreadTokenizers:
    """The same tokenizer for every thread, never shared between two.

    A fast tokenizer that several threads use fails with "Already borrowed" once one of them
    changes its padding, and `encode` holds the interpreter's lock; so each thread has its own,
    without padding and truncation, and encodes in batches. Control tokens that stand in a text,
    such as "[SEP]", are plain text. ``memory`` is where tokens are remembered, if they are.
    """

    def __init__(self, load: Callable[[], Tokenizer], memory: Memory | None = None) -> None:
        self._load = load
        self._memory = memory
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
            return self._encoded(texts)

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """What ``encode`` gives as arrays, each text tokenised once where that is remembered."""
        with current().tokenizing():
            return self.uncounted_tokens(texts)

    def uncounted_tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """The same for a caller who counts the time himself."""
        if self._memory is None:
            return [Tokens.of(encoding) for encoding in self._encoded(texts)]
        # Half a surrogate pair is for the tokenizer to refuse.
        contents = [text.encode("utf-8", "surrogatepass") for text in texts]
        tables = self._memory.arrays(contents, lambda at: self._tables([texts[i] for i in at]))
        return [Tokens(*table) for table in tables]

    def _encoded(self, texts: Sequence[str]) -> list[Encoding]:
        return list(self.own.encode_batch(list(texts), add_special_tokens=False))

    def _tables(self, texts: Sequence[str]) -> list[Table]:
        return [_table(encoding) for encoding in self._encoded(texts)]


def _table(encoding: Encoding) -> Table:
    """Ids, starts, ends and numbers of words, int32 ``[4, tokens]``."""
    import numpy as np

    table = np.empty((4, len(encoding)), dtype=np.int32)
    table[0] = encoding.ids
    table[1:3] = np.asarray(encoding.offsets, dtype=np.int32).reshape(-1, 2).T
    # Control tokens are in no word.
    table[3] = [-1 if word is None else word for word in encoding.word_ids]
    return table


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text, int32 ``[n]`` each: ids, the range of characters, number of the word.

    ``words`` are as the tokenizer cuts a text before it looks for pieces.
    """

    ids: Integers
    starts: Integers
    ends: Integers
    words: Integers

    @classmethod
    def of(cls, encoding: Encoding) -> Tokens:
        return cls(*_table(encoding))

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
        return self.at(told)

    def at(self, places: slice | NDArray[np.generic]) -> Tokens:
        """Some of the tokens, by a slice, a mask, or indexes."""
        arrays = (self.ids, self.starts, self.ends, self.words)
        return Tokens(*(array[places] for array in arrays))

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
