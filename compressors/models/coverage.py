"""Whether a model reads a text, by how much of it its English WordPiece vocabulary covers.

No language is guessed. The vocabulary holds the common words of English as they are and nearly all
others in few pieces; words of other languages it spells with many, and other scripts letter by
letter or as unknown. ``python -m benchmarks.languages --coverage`` shows how far the two are apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from compressors.languages import COMMON_WORDS
from compressors.models import minilm
from compressors.models.tokenization import ThreadTokenizers, Tokens

_CUT: Final = 0.45
"""Texts that are covered less are not read. See ``benchmarks.languages``: English is above .6."""
_EXPECTED: Final = 2
"""Words that are as covered as the whole request, in front of each text: they decide on one of few
words, such as a query of names."""
_COMMON: Final = 400
"""Words of the vocabulary, which is ordered by frequency, that nearly every English text has."""
_LONG: Final = 5
"""Letters of a word that is known by itself; shorter ones other languages have too."""
_MOST: Final = 8_000
"""Characters of a text that are looked at."""
_UNKNOWN: Final = "[UNK]"
_BEFORE: Final = frozenset(" \t\n\r([{\"'«“‘-–—")
_BEHIND: Final = frozenset(" \t\n\r.,;:!?)]}\"'»”’…-–—")
"""What stands beside a word of prose. Identifiers are in no language."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Words of a text that are English as far as the vocabulary tells, and words that are not."""

    known: int = 0
    foreign: int = 0

    def share(self, expected: float) -> float:
        """Those known of all, in [0, 1], where ``expected`` is the share in the whole request."""
        total = self.known + self.foreign + _EXPECTED
        return (self.known + _EXPECTED * expected) / total


@dataclass(frozen=True, slots=True)
class VocabularyReader:
    """A ``Reading`` of models with MiniLM's vocabulary, which is English."""

    tokenizers: ThreadTokenizers
    common: frozenset[str]
    unknown: int
    """The token of what the vocabulary cannot spell."""

    @classmethod
    def load(cls) -> VocabularyReader:
        return cls.of(minilm.tokenizers())

    @classmethod
    def of(cls, tokenizers: ThreadTokenizers) -> VocabularyReader:
        """With the tokenizers of a model."""
        vocabulary = tokenizers.own.get_vocab()
        return cls(tokenizers, _common(vocabulary), vocabulary[_UNKNOWN])

    def reads(self, texts: Sequence[str]) -> list[bool]:
        found = self.coverages(texts)
        every = Coverage(sum(one.known for one in found), sum(one.foreign for one in found))
        expected = every.share(1.0)
        return [one.share(expected) >= _CUT for one in found]

    def coverages(self, texts: Sequence[str]) -> list[Coverage]:
        """What is known and what is not in the beginning of each text."""
        # All of each text is tokenised: whoever scores it needs that, and may find it there.
        return [
            self._coverage(text, tokens)
            for text, tokens in zip(texts, self.tokenizers.tokens(texts), strict=True)
        ]

    def _coverage(self, text: str, tokens: Tokens) -> Coverage:
        known = foreign = 0
        for start, end, pieces, is_spelt in _words(tokens, self.unknown):
            verdict = self._is_known(text, start, end, pieces if is_spelt else 0)
            known += verdict is True
            foreign += verdict is False
        return Coverage(known, foreign)

    def _is_known(self, text: str, start: int, end: int, pieces: int) -> bool | None:
        """Of a word in so many pieces, 0 if it has none; ``None`` for what is in any language."""
        word = text[start:end]
        # Half of the words of an English text are decided here.
        if word in self.common:
            return True
        if any(letter.isdigit() for letter in word) or not any(map(str.isalpha, word)):
            return None
        if not _is_latin(word):
            return False
        # Capitals begin names, which are the same everywhere. What is unknown in Latin script is
        # too long for a word.
        if len(word) == 1 or word[0].isupper() or not pieces:
            return None
        if pieces == 1:
            return _is_known_whole(word)
        return False if _is_prose(text, start, end) else None


def _is_known_whole(word: str) -> bool | None:
    if word in _ELSEWHERE:
        return False
    return True if len(word) >= _LONG and word.isascii() else None


def _common(vocabulary: Mapping[str, int]) -> frozenset[str]:
    ordered = sorted(vocabulary, key=vocabulary.__getitem__)
    # Before "the" the vocabulary has what is no word: control tokens, letters, signs.
    words = islice(ordered, ordered.index("the"), None)
    whole = (word for word in words if len(word) > 1 and word.isascii() and word.isalpha())
    return frozenset(islice(whole, _COMMON)) - _NOT_ENGLISH


_NOT_ENGLISH: Final = frozenset({"de"})
"""Frequent in English texts for the sake of names."""
_ELSEWHERE: Final = frozenset().union(
    *(words for language, words in COMMON_WORDS.items() if language != "en")
)
"""Short words of other languages, for a text of few words."""


def _words(tokens: Tokens, unknown: int) -> Iterator[tuple[int, int, int, bool]]:
    """Where each word of the beginning of a text begins and ends, its pieces, whether all known."""
    import numpy as np

    read = tokens.at(slice(int(np.searchsorted(tokens.starts, _MOST))))
    first = np.flatnonzero(np.diff(read.words, prepend=-1))
    if not len(first):
        return iter(())
    sizes = np.diff(first, append=len(read))
    spelt = ~np.logical_or.reduceat(read.ids == unknown, first)
    starts, ends = read.starts[first], read.ends[first + sizes - 1]
    return zip(starts.tolist(), ends.tolist(), sizes.tolist(), spelt.tolist(), strict=True)


def _is_latin(word: str) -> bool:
    if word.isascii():
        return True
    latin = sum("a" <= letter <= "z" or "\u00c0" <= letter <= "\u024f" for letter in word.lower())
    return 2 * latin >= len(word)


def _is_prose(text: str, start: int, end: int) -> bool:
    if any(letter.isupper() for letter in text[start:end]):
        return False
    before = start == 0 or text[start - 1] in _BEFORE
    return before and (end == len(text) or text[end] in _BEHIND)
