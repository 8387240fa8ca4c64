"""Parts of a text that a model can read at once, split between sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compressors.errors import Unavailable
from compressors.models.tokenization import ThreadTokenizers, Tokens
from compressors.models.vocabulary import Vocabulary
from compressors.segmentation import RuleSegmenter


@dataclass(frozen=True, slots=True)
class Part:
    """The ids of a part with all that the model wants around them; ``tokens`` are the text's."""

    ids: tuple[int, ...]
    tokens: int
    is_one_of_many: bool


class Splitter:
    """Splits texts into parts of at most ``longest`` tokens; nothing is left out.

    A text is tokenised once. A sentence that is too long alone is split between tokens.
    """

    def __init__(self, vocabulary: Vocabulary, prefix: str, longest: int) -> None:
        self._vocabulary = vocabulary
        self._tokenizers = ThreadTokenizers(vocabulary.tokenizer)
        self._segmenter = RuleSegmenter()
        ahead = self._tokenizers.encode([prefix])[0].ids if prefix else []
        self._ahead = tuple(vocabulary.plain(ahead))
        self._room = longest - vocabulary.frame - len(self._ahead)
        if self._room < 1:
            raise Unavailable(f"of {longest} tokens, {longest - self._room} are frame and prefix")

    def parts(self, text: str) -> list[Part]:
        """The parts of a text, in order; none of one without tokens."""
        tokens = Tokens.of(self._tokenizers.encode([text])[0])
        ends = [end for _, end in self._segmenter.spans(text)]
        ranges = list(_packed(tokens, ends, self._room))
        plain = self._vocabulary.plain(tokens.ids.tolist())
        return [
            Part(
                self._vocabulary.framed((*self._ahead, *plain[start:end])),
                end - start,
                len(ranges) > 1,
            )
            for start, end in ranges
        ]

    def texts(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """What ids say, without special tokens."""
        return list(self._tokenizers.own.decode_batch([list(row) for row in rows]))


def _packed(tokens: Tokens, ends: Sequence[int], room: int) -> Iterator[tuple[int, int]]:
    """Ranges of tokens, each as many whole sentences as there is room for."""
    import numpy as np

    # A token may begin in the white space before its word, so it is its last character that counts.
    last = np.maximum(tokens.ends - 1, tokens.starts)
    stops = np.searchsorted(last, np.asarray(ends, dtype=np.int64), side="left").tolist()
    start = done = 0
    for stop in stops:
        if stop - start > room and done > start:
            yield start, done
            start = done
        while stop - start > room:
            yield start, start + room
            start += room
        done = stop
    if done > start:
        yield start, done
