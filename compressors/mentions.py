"""Which sentences name which other documents, by their titles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from compressors.lexical import words
from compressors.protocols import Pieces

_LONGEST = 6
_SHORTEST_CHARS = 4


def mentions(documents: Sequence[Pieces]) -> Iterator[tuple[int, int, int]]:
    """Document, sentence in it, and the other document whose title stands in that sentence.

    Titles count without what stands in brackets behind them; titles of less than 4 characters or
    more than 6 words do not. Linear in the words of the documents.
    """
    named: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, document in enumerate(documents):
        title = tuple(words(document.title.split("(")[0]))
        if len(title) <= _LONGEST and len("".join(title)) >= _SHORTEST_CHARS:
            named[title].append(index)
    sizes = sorted({len(title) for title in named})
    for index, document in enumerate(documents):
        for position, (start, end) in enumerate(document.ranges):
            sentence = words(document.text[start:end]) if sizes else []
            for title in _runs(sentence, sizes):
                for other in named.get(title, ()):
                    if documents[other].title != document.title:
                        yield index, position, other


def _runs(sentence: Sequence[str], sizes: Sequence[int]) -> Iterator[tuple[str, ...]]:
    for size in sizes:
        for start in range(len(sentence) - size + 1):
            yield tuple(sentence[start : start + size])
