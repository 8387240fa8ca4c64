"""What each word is worth to its sentence: how far the vector moves when the word is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from compressors.protocols import Encoder, Segmenter
from compressors.scores import DIGITS
from compressors.values import Passage
from compressors.vectors import Ranges, encoded, sentences_of, slices
from compressors.words import Words, is_punctuation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AT_ONCE = 512
"""Texts that are read together: sentences are gathered up to this, so vectors never pile up."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence, or a part of a long one: what is kept of it, and its words.

    ``words`` are those with letters or digits; punctuation goes with the word before it.
    """

    text: str
    parts: Ranges
    words: Ranges

    def texts(self, group: int) -> list[str]:
        """The original, then what is left without each ``group`` of neighbouring words."""
        lefts = range(0, len(self.words), group)
        without = (self._without(self.words[left : left + group]) for left in lefts)
        return [slices(self.text, self.parts).strip(), *without]

    @property
    def placed(self) -> tuple[str, Ranges]:
        """The original, and the words as ranges of it."""
        whole = slices(self.text, self.parts)
        text = whole.strip()
        indent = len(whole) - len(whole.lstrip())
        words: list[tuple[int, int]] = []
        for place, (start, end) in enumerate(self.parts):
            # What stands before a part in the original: the parts before it and what joins them.
            before = len(slices(self.text, self.parts[: place + 1])) - (end - start)
            shift = before - start - indent
            words += [(a + shift, b + shift) for a, b in self.words if start <= a < end]
        return text, tuple(words)

    def encodings(self, group: int) -> int:
        """How many texts that is."""
        return 1 + -(-len(self.words) // group)

    def _without(self, words: Ranges) -> str:
        start, end = words[0][0], words[-1][1]
        left = [(a, min(b, start)) for a, b in self.parts if a < start]
        right = [(max(a, end), b) for a, b in self.parts if b > end]
        before = slices(self.text, tuple(left)).rstrip()
        after = slices(self.text, tuple(right)).lstrip()
        # A space only where there was one: not between Chinese characters.
        around = self.text[max(0, start - 1) : start] + self.text[end : end + 1]
        is_spaced = any(character.isspace() for character in around)
        return f"{before} {after}".strip() if is_spaced else (before + after).strip()


def units_of(passage: Passage, segmenter: Segmenter, max_words: int) -> list[Unit]:
    """The sentences of what is kept of a passage; those of more words in parts of at most that."""
    text = passage.document.text
    found = Words.of(text)
    units: list[Unit] = []
    for parts in sentences_of(passage, segmenter):
        words = [word for word in found.within(parts) if not is_punctuation(text[slice(*word)])]
        heads = [word[0] for word in words[max_words::max_words]]
        borders = [parts[0][0], *heads, parts[-1][1]]
        for left, right in pairwise(borders):
            inner = tuple((max(a, left), min(b, right)) for a, b in parts if a < right and b > left)
            units.append(Unit(text, inner, tuple(w for w in words if left <= w[0] < right)))
    return units


def group_size(units: Sequence[Unit], most: int) -> int:
    """How many words to leave out together so that at most ``most`` texts are read; 1 if it can."""
    group = 1
    longest = max((len(unit.words) for unit in units), default=0)
    while group < longest and sum(unit.encodings(group) for unit in units) > most:
        group += 1
    return group


def worths(encoder: Encoder, units: Sequence[Unit], group: int = 1) -> list[list[float]]:
    """The worth in (0, 1) of each word of each unit.

    With d the Euclidean distance between the vectors of the sentence and of the sentence without
    the word, and m the mean of d over the sentence, it is ``d / (d + m)``: rising in d, and .5 for
    a word of average weight in a sentence of any length, so that words of all sentences can be put
    into one ranking. (By d alone long sentences would lose all their words first.) Of a sentence
    that nothing can be left out of, each word is worth .5, and no text is read.
    """
    import numpy as np

    found: list[list[float]] = []
    for batch in batches(units, lambda unit: unit.encodings(group)):
        read = [unit for unit in batch if len(unit.words) > group]
        vectors = encoded(encoder, [text for unit in read for text in unit.texts(group)])
        start = 0
        for unit in batch:
            if len(unit.words) <= group:
                found.append([0.5] * len(unit.words))
                continue
            rows = vectors[start : start + unit.encodings(group)]
            start += len(rows)
            distances = np.linalg.norm(rows[1:] - rows[0], axis=1).astype(np.float64)
            values = relative(distances)
            found.append([values[place // group] for place in range(len(unit.words))])
    return found


def batches(units: Sequence[Unit], cost: Callable[[Unit], int]) -> Iterator[list[Unit]]:
    """Units in turn, as many at a time as cost 512 texts together, at least one."""
    batch: list[Unit] = []
    size = 0
    for unit in units:
        if batch and size + cost(unit) > _AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(unit)
        size += cost(unit)
    if batch:
        yield batch


def relative(distances: NDArray[np.float64]) -> list[float]:
    """``d / (d + m)`` of each distance, m being their mean; .5 where nothing moves anything."""
    mean = float(distances.mean())
    if mean <= 0.0:
        return [0.5] * len(distances)
    # Rounded, so that the last bits of a batch or a machine do not decide between two.
    return [round(float(distance) / (float(distance) + mean), DIGITS) for distance in distances]
