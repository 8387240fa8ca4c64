"""Words of texts that no model reads, scored so that whole sentences stay."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compressors.protocols import Pieces, Segmenter
from compressors.scores import LexicalScores


@dataclass(frozen=True, slots=True)
class Rarity:
    """A ``TokenScorer`` without a model: sentences of words that are rare in the request first.

    All words of a sentence score alike: single words taken out of a language that nobody has read
    leave nothing that can be read. Of sentences that score alike the first are best.
    """

    segmenter: Segmenter

    def score(self, texts: Sequence[Pieces]) -> Sequence[LexicalScores]:
        counts = Counter(word for text in texts for word in _words(text))
        total = counts.total()
        most = math.log(total + 1)
        surprise = {word: math.log(total / count) / most for word, count in counts.items()}
        return [
            LexicalScores(
                sum(values) / len(values)
                for sentence in self._sentences(text)
                for values in [[surprise[word] for word in sentence]]
                for _ in sentence
            )
            for text in texts
        ]

    def _sentences(self, text: Pieces) -> Iterator[list[str]]:
        words = list(_words(text))
        starts = [start for start, _ in text.ranges]
        begin = 0
        for _, end in self.segmenter.spans(text.text):
            beyond = bisect_left(starts, end)
            if beyond > begin:
                yield words[begin:beyond]
            begin = beyond


def _words(text: Pieces) -> Iterator[str]:
    return (text.text[start:end].lower() for start, end in text.ranges)
