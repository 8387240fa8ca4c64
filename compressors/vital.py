"""The words that a sentence should lose last, since without them it says something else."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from compressors.lexical import words as words_of
from compressors.quantities import MONTHS, NUMBER_WORDS, SCALES
from compressors.words import is_negation, is_punctuation

_FUNCTION_WORDS: Final = frozenset(
    words_of(
        "a about am an and any are as at be been being but by can could did do does for from had"
        " has have he her his how i if in into is it its many may me much my of on or our she"
        " should so some than that the their them then there these they this those to us was we"
        " were what when where which who whom whose why will with would you your"
    )
)
"""English words that name nothing: neither a query's nor a sentence's subject."""
_LINKS: Final = frozenset(
    words_of("of the de la le du des da do dos del della di der den van von zu al bin ibn y")
)
"""Words inside a name: University of Oxford, Simon de la Loubère."""
_LONGEST_LINK: Final = 3
_NEGATIONS: Final = frozenset(
    words_of(
        "nobody nothing nowhere scarcely rarely seldom lest excluding avoid least most"
        " niemals weder noch außer nichts lediglich höchstens mindestens"
        " aucun aucune ni rien seulement uniquement hormis excepto salvo solo sólo solamente"
        " jamás nada ningún ninguna ninguno non senza mai tranne soltanto não sem nunca exceto"
        " somente niet geen zonder nooit alleen behalve ни кроме только никогда нельзя ничего"
        " لا لم لن ليس غير إلا بدون"
    )
)
"""What turns or bounds a sentence, beside ``words.is_negation``."""
_UNSPACED_NEGATION: Final = re.compile(
    r"(?P<before>[不没沒无無非未勿莫忌禁别別仅僅只除])|(?P<after>な[いくかけ]|ません|ずに|しか|だけ)"
)
"""Negations of Chinese, before what they negate, and of Japanese, after it."""
_REACH: Final = 2
"""Characters that such a negation is kept with."""
_CONTENT_WITHIN: Final = 4
"""Words behind a negation among which the first that is no function word is kept with it."""
_CODE: Final = re.compile(
    r"https?://|www\.|[\w.+-]+@[\w-]+\.|\w_\w|\w\(\)|[a-z][A-Z]|^[\w-]+(?:[./\\][\w-]+)+$"
)
"""Addresses, identifiers, paths."""
_QUOTED_CODE: Final = re.compile(r"`[^`\n]{1,200}`")
_SIGNS: Final = frozenset("$€£¥₹₽-−–±~≈<>≤≥#§+")
_UNIT_SIGNS: Final = frozenset("%‰°′″$€£¥₹₽")
_LONGEST_NUMBER: Final = 40
_ENDINGS: Final = ("ing", "ed", "es", "s", "e")
_SHORTEST_STEM: Final = 3


def asked_words(query: str) -> frozenset[str]:
    """The words of a query that name something, as ``Vital`` compares them; CJK ones in pairs."""
    found = words_of(query)
    pairs = (a + b for a, b in pairwise(found) if len(a) == len(b) == 1 and not (a + b).isascii())
    stems = (_stem(word) for word in found if len(word) > 1 and word not in _FUNCTION_WORDS)
    return frozenset([*stems, *pairs])


@dataclass(frozen=True, slots=True)
class Vital:
    """Says which words of a text are to go last.

    These are negations with the word that they negate, and words like only, except and unless;
    numbers with sign and unit, and dates; names: words with capitals, unless only because a
    sentence begins, with the small words inside them; words of the query, by their stem; addresses,
    paths and what looks like code.

    ``ranges`` are words and punctuation in order, ``firsts`` the first words of sentences;
    ``asked`` is of ``asked_words``.
    """

    text: str
    ranges: Sequence[tuple[int, int]]
    firsts: frozenset[tuple[int, int]]
    asked: frozenset[str] = frozenset()

    def flags(self) -> list[bool]:
        """One for each range. The time is linear in the number of ranges."""
        words = [self.text[start:end] for start, end in self.ranges]
        vital = set(self._themselves(words))
        names = set(self._names(words))
        vital.update(names, self._links(words, names))
        vital.update(self._quantities(words), self._negated(words))
        vital.update(self._inside(_QUOTED_CODE.finditer(self.text)))
        return [index in vital for index in range(len(words))]

    def _themselves(self, words: Sequence[str]) -> Iterator[int]:
        """Words that need no neighbour to be vital."""
        for index, word in enumerate(words):
            if _is_turning(word) or _is_number(word) or _CODE.search(word):
                yield index
            elif len(word) == 1 and not word.isascii():
                if index + 1 < len(words) and word + words[index + 1] in self.asked:
                    yield from (index, index + 1)
            elif self.asked and not self.asked.isdisjoint(map(_stem, words_of(word))):
                yield index

    def _names(self, words: Sequence[str]) -> Iterator[int]:
        inside = [
            index
            for index, word in enumerate(words)
            if any(map(str.isupper, word[1:] if self.ranges[index] in self.firsts else word))
            and word != "I"
        ]
        yield from inside
        known = {words[index] for index in inside}
        following = set(inside)
        for index, word in enumerate(words):
            # A sentence's first word is a name if it is one elsewhere, or goes on as one.
            if word[:1].isupper() and self.ranges[index] in self.firsts:
                goes_on = index + 1 in following and word.lower() not in _FUNCTION_WORDS
                if word in known or goes_on:
                    yield index

    def _links(self, words: Sequence[str], names: set[int]) -> Iterator[int]:
        open_links: list[int] | None = None
        for index, word in enumerate(words):
            if index in names:
                yield from open_links or ()
                open_links = []
            elif open_links is not None:
                open_links.append(index)
                if word.lower() not in _LINKS or len(open_links) > _LONGEST_LINK:
                    open_links = None

    def _quantities(self, words: Sequence[str]) -> Iterator[int]:
        for index, word in enumerate(words):
            if not _is_number(word):
                continue
            if index and _SIGNS.intersection(words[index - 1]) and self._touch(index - 1):
                yield index - 1
            if index and words[index - 1].lower() in MONTHS:
                yield index - 1
            at = index + 1
            while at < len(words) and (
                _UNIT_SIGNS.issuperset(words[at]) or words[at].lower() in SCALES
            ):
                yield at
                at += 1
            if at < len(words) and self._is_unit(words[at], at):
                yield at

    def _is_unit(self, word: str, index: int) -> bool:
        gap = self.text[self.ranges[index - 1][1] : self.ranges[index][0]]
        is_near = gap in {"", " ", "\u00a0", "\u202f", "\u2009"}
        return is_near and word.isalpha() and word.lower() not in _FUNCTION_WORDS

    def _negated(self, words: Sequence[str]) -> Iterator[int]:
        for index, word in enumerate(words):
            if not _is_turning(word):
                continue
            for at in range(index + 1, min(len(words), index + 1 + _CONTENT_WITHIN)):
                if is_punctuation(words[at]):
                    break
                if words[at].lower() not in _FUNCTION_WORDS and not _is_turning(words[at]):
                    yield at
                    break
        for match in _UNSPACED_NEGATION.finditer(self.text):
            ahead = 0 if match["before"] else _REACH
            behind = _REACH if match["before"] else 0
            yield from self._touched(match.start() - ahead, match.end() + behind)

    def _inside(self, matches: Iterable[re.Match[str]]) -> Iterator[int]:
        for match in matches:
            yield from self._touched(match.start(), match.end())

    def _touched(self, start: int, end: int) -> Iterator[int]:
        index = bisect_left(self.ranges, (start, start))
        while index < len(self.ranges) and self.ranges[index][0] < end:
            yield index
            index += 1

    def _touch(self, index: int) -> bool:
        return self.ranges[index][1] == self.ranges[index + 1][0]


def _is_turning(word: str) -> bool:
    return is_negation(word) or word.lower() in _NEGATIONS


def _is_number(word: str) -> bool:
    # A row of a table has digits too, and is no number.
    is_short = len(word) <= _LONGEST_NUMBER
    return word.lower() in NUMBER_WORDS or (is_short and any(map(str.isdigit, word)))


def _stem(word: str) -> str:
    """A word in lower case without an English ending, so that forms of it are one."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word
