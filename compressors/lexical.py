"""BM25 over the sentences of one request."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# CJK has no spaces between words; there every character counts as one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75
_GRAMS = (3, 4, 5)

Terms = Callable[[str], list[str]]
"""What of a text is matched, such as its words."""


def words(text: str) -> list[str]:
    """Lower-cased words of any script."""
    return _WORD.findall(text.lower())


def words_and_grams(text: str) -> list[str]:
    """The words, and their runs of 3 to 5 characters, where ``<`` and ``>`` stand for the ends.

    So a word matches its other forms, of which most languages have more than English.
    """
    found = words(text)
    for word in [word for word in found if len(word) > 1]:
        framed = f"<{word}>"
        found += [framed[at : at + n] for n in _GRAMS for at in range(len(framed) - n + 1)]
    return found


def bm25(query: str, sentences: Sequence[str], terms: Terms = words) -> list[float]:
    """How well each sentence matches the words of the query; 0 is not at all.

    Rare words count more, and rare is what few of the given sentences hold: there is no other
    collection. Put the title of its document in front of a sentence to let that match too.
    """
    wanted = dict.fromkeys(terms(query))
    counts, lengths = [], []
    for sentence in sentences:
        own = terms(sentence)
        lengths.append(len(own))
        counts.append(Counter(term for term in own if term in wanted))
    mean = sum(lengths) / max(1, len(lengths)) or 1.0
    idf = {term: _idf(sum(term in count for count in counts), len(counts)) for term in wanted}
    return [
        sum(
            weight * _saturated(count[term], length / mean)
            for term, weight in idf.items()
            if term in count
        )
        for count, length in zip(counts, lengths, strict=True)
    ]


def _idf(holding: int, total: int) -> float:
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))


def _saturated(count: int, length: float) -> float:
    norm = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * length)
    return count * (_SATURATION + 1) / (count + norm)
