"""Words of a text as ranges of it: the units that word-dropping stages keep or drop."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from compressors.structures.finding import structures
from compressors.structures.inline import inline_atoms
from compressors.structures.sections import Range, Structures

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"  # Chinese, Japanese
)
_WORD = f"[^\\W{_UNSPACED}]"
# No look-ahead and no two greedy runs in a row: every alternative is linear in what it matches.
_UNIT = re.compile(
    # Addresses stay whole, with brackets that they close themselves.
    rf"(?:https?://|www\.)(?:[^\s<>\"(){_UNSPACED}]++|\([^\s<>\"(){_UNSPACED}]*+\))++"
    rf"|{_WORD}+(?:[-'’.,:/@+_]{_WORD}+)*[%°]?"  # words, numbers, dates, identifiers
    rf"|[{_UNSPACED}]"  # scripts without spaces: a character is a word
    rf"|[^\w\s]+"
)
_LONGEST = 200
_LONGEST_ADDRESS = 2000
_ADDRESS = ("http://", "https://", "www.")
_NEGATION = (
    "no not never none nor neither without except unless only cannot hardly barely nicht nie ohne"
    " kein keine keiner keines keinem keinen nur sin nunca ne pas jamais sans sauf не нет без"
)
_NEGATIONS = frozenset(f"{_NEGATION} {_NEGATION.title()} {_NEGATION.upper()}".split())
_NOT = ("n't", "n’t")
_DIGIT = re.compile(r"\d")
_FIGURE = re.compile(r"[^|<{\"\n]{1,40}")
"""What has a digit in it and is a number, not a row of a table or a member of JSON."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text, whose structures are looked for once."""

    text: str
    structures: Structures

    @classmethod
    def of(cls, text: str) -> Words:
        return cls(text, structures(text))

    def within(self, spans: Iterable[Range]) -> list[Range]:
        """Ranges of the words and runs of punctuation in sorted spans; no white space.

        Numbers with their units, dates, addresses, citations and identifiers are one word each,
        and so is what a structure says must not be cut: a row of a table, a block of code, a value
        of JSON. Other runs of more than 200 characters, addresses of more than 2,000, are cut, so
        that no text is too large to be dropped in parts.
        """
        words: list[Range] = []
        for start, end in spans:
            if self.structures:
                words += self._between(start, end)
            else:
                words += _plain(self.text, start, end)
        return words

    def _between(self, start: int, end: int) -> Iterator[Range]:
        atoms = self.structures.atoms
        place = bisect_right(atoms, start, key=itemgetter(1))
        while place < len(atoms) and atoms[place][0] < end:
            left, right = atoms[place]
            yield from _plain(self.text, start, left)
            yield max(start, left), min(end, right)
            start = right
            place += 1
        yield from _plain(self.text, start, end)


def word_ranges(text: str, start: int = 0, end: int | None = None) -> list[Range]:
    """The words between two positions, as ``Words`` has them, which is to be asked for many."""
    return Words.of(text).within([(start, len(text) if end is None else end)])


def _plain(text: str, start: int, end: int) -> list[Range]:
    if start >= end:
        return []
    ranges: list[Range] = []
    for left, right in inline_atoms(text, start, end):
        ranges += [match.span() for match in _UNIT.finditer(text, start, left)]
        ranges.append((left, right))
        start = right
    ranges += [match.span() for match in _UNIT.finditer(text, start, end)]
    if any(right - left > _LONGEST for left, right in ranges):
        return [part for left, right in ranges for part in _cut(text, left, right)]
    return ranges


def _cut(text: str, start: int, end: int) -> Iterator[Range]:
    longest = _LONGEST_ADDRESS if text.startswith(_ADDRESS, start) else _LONGEST
    step = end - start if end - start <= longest else _LONGEST
    for left in range(start, end, step):
        yield left, min(left + step, end)


def is_punctuation(word: str) -> bool:
    return not any(character.isalnum() for character in word)


def is_negation(word: str) -> bool:
    # Asked of every word, so without making another word of it where it can be helped.
    return word in _NEGATIONS or (word[-1:] in "tT" and word.lower().endswith(_NOT))


def negations(words: Sequence[str]) -> list[int]:
    """The places of negations that another word follows."""
    return [
        place
        for place, word in enumerate(words[:-1])
        if is_negation(word) and not is_punctuation(words[place + 1])
    ]


def tied_scores(text: str, ranges: Sequence[Range], scores: Sequence[float]) -> list[float]:
    """Scores under which a word drop does not turn a sentence into its opposite, or into dots.

    A number is worth at least what either neighbour is; a negation at least what the word after it
    is, so it stays whenever that does. Punctuation is worth at most what the word before it is.
    """
    own = [float(score) for score in scores]
    words = [text[start:end] for start, end in ranges]
    tied = list(own)
    # Most words are letters and nothing else, which is known at once.
    special = [place for place, word in enumerate(words) if not word.isalpha()]
    for place in special:
        word = words[place]
        if _DIGIT.search(word) and _FIGURE.fullmatch(word):
            tied[place] = max(own[max(0, place - 1) : place + 2])
    for place in reversed(negations(words)):
        tied[place] = max(tied[place], tied[place + 1])
    for place in special:
        if place and is_punctuation(words[place]):
            tied[place] = min(tied[place], tied[place - 1])
    return tied


def touches(start: int, end: int, ranges: Sequence[Range]) -> bool:
    """Whether the range shares a character with any of the sorted, disjoint ranges."""
    before = bisect_left(ranges, (end,)) - 1
    return before >= 0 and ranges[before][1] > start
