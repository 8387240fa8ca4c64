"""BM25 over the sentences of one request."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# CJK has no spaces between words; there every character counts as one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75


def words(text: str) -> list[str]:
    """Lower-cased words of any script."""
    return _WORD.findall(text.lower())


def bm25(query: str, sentences: Sequence[str]) -> list[float]:
    """How well each sentence matches the words of the query; 0 is not at all.

    Rare words count more, and rare is what few of the given sentences hold: there is no other
    collection. Put the title of its document in front of a sentence to let that match too.
    """
    counts = [Counter(words(sentence)) for sentence in sentences]
    lengths = [sum(count.values()) for count in counts]
    mean = sum(lengths) / max(1, len(lengths)) or 1.0
    wanted = dict.fromkeys(words(query))
    idf = {word: _idf(sum(word in count for count in counts), len(counts)) for word in wanted}
    return [
        sum(
            weight * _saturated(count[word], length / mean)
            for word, weight in idf.items()
            if word in count
        )
        for count, length in zip(counts, lengths, strict=True)
    ]


def _idf(holding: int, total: int) -> float:
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))


def _saturated(count: int, length: float) -> float:
    norm = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * length)
    return count * (_SATURATION + 1) / (count + norm)
