"""Words of a text as ranges of it: the units that word-dropping stages keep or drop."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"  # Chinese, Japanese
)
_WORD = f"[^\\W{_UNSPACED}]"
# No look-ahead and no two greedy runs in a row: every alternative is linear in what it matches.
_UNIT = re.compile(
    rf"(?:https?://|www\.)[^\s<>\"{_UNSPACED}]+"  # addresses stay whole
    rf"|{_WORD}+(?:[-'’.,:/@+_]{_WORD}+)*[%°]?"  # words, numbers, dates, identifiers
    rf"|[{_UNSPACED}]"  # scripts without spaces: a character is a word
    rf"|[^\w\s]+"
)
_LONGEST = 200
_NEGATION = re.compile(
    r"(?:no|not|never|none|nor|neither|without|except|unless|only|cannot|hardly|barely"
    r"|\w+n['’]t|kein\w*|nicht|nie|ohne|nur|sin|nunca|ne|pas|jamais|sans|sauf|не|нет|без)",
    re.IGNORECASE,
)


def word_ranges(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Ranges of the words and runs of punctuation between two positions; no white space.

    Numbers, dates, addresses and identifiers are one word each. Longer runs than 200 characters
    are cut, so that no text is too large to be dropped in parts.
    """
    stop = len(text) if end is None else end
    ranges: list[tuple[int, int]] = []
    for match in _UNIT.finditer(text, start, stop):
        lefts = range(match.start(), match.end(), _LONGEST)
        ranges.extend((left, min(left + _LONGEST, match.end())) for left in lefts)
    return ranges


def is_punctuation(word: str) -> bool:
    return not any(character.isalnum() for character in word)


def is_negation(word: str) -> bool:
    return _NEGATION.fullmatch(word) is not None


def tied_scores(
    text: str, ranges: Sequence[tuple[int, int]], scores: Sequence[float]
) -> list[float]:
    """Scores under which a word drop does not turn a sentence into its opposite, or into dots.

    A negation is worth at least what the word after it is, so it stays whenever that does; a number
    is worth at least what either neighbour is. Punctuation is worth at most what the word before
    it is.
    """
    tied = [float(score) for score in scores]
    words = [text[start:end] for start, end in ranges]
    for index in range(len(words) - 2, -1, -1):
        if is_negation(words[index]):
            tied[index] = max(tied[index], tied[index + 1])
    own = tuple(tied)
    for index, word in enumerate(words):
        if any(character.isdigit() for character in word):
            tied[index] = max(own[max(0, index - 1) : index + 2])
    for index in range(1, len(words)):
        if is_punctuation(words[index]):
            tied[index] = min(tied[index], tied[index - 1])
    return tied


def touches(start: int, end: int, ranges: Sequence[tuple[int, int]]) -> bool:
    """Whether the range shares a character with any of the sorted, disjoint ranges."""
    before = bisect_left(ranges, (end,)) - 1
    return before >= 0 and ranges[before][1] > start
