"""Where in a source the words are that the package llmlingua 0.2.2 keeps.

The package turns a document into tokens, those into strings, and those into tokens again. Here the
characters of the second tokens are matched with those of the first, whose places are known; and
every word is checked against what stands at its place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compressors.parity.tokens import Family, PackageTokens
from compressors.parity.values import Decision, Judged
from compressors.structures.completion import trimmed

if TYPE_CHECKING:
    from tokenizers import Encoding

_AHEAD = 24
"""How far to look for the next characters that are alike."""
_ALIKE = 3

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A text in which names stand for phrases; where each character of it comes from."""

    text: str
    places: tuple[Range, ...]

    @classmethod
    def of(cls, text: str, names: Mapping[str, str]) -> Replaced:
        """What the package makes of a text, one phrase after the other."""
        places: list[Range] = [(i, i + 1) for i in range(len(text))]
        for phrase, name in names.items():
            pieces, origins, done = [], [], 0
            while (found := text.find(phrase, done)) >= 0:
                end = found + len(phrase)
                pieces += [text[done:found], name]
                origins += places[done:found]
                origins += [(places[found][0], places[end - 1][1])] * len(name)
                done = end
            text = "".join([*pieces, text[done:]])
            places = origins + places[done:]
        return cls(text, tuple(places))

    def source(self, start: int, end: int) -> Range:
        if start >= end:
            return (0, 0)
        return self.places[start][0], self.places[end - 1][1]


@dataclass(frozen=True, slots=True)
class Placed:
    """A part of a kept word, and what the word is worth."""

    start: int
    end: int
    value: float


@dataclass(frozen=True, slots=True)
class Placing:
    """Where the kept words of a document stand, in order, and how many were not found."""

    places: tuple[Placed, ...]
    lost: int


@dataclass(frozen=True, slots=True)
class Origin:
    """A document as the package cut it into parts: its tokens, and where each one stands."""

    replaced: Replaced
    tokens: list[str]
    offsets: list[Range]

    @classmethod
    def of(cls, source: str, names: Mapping[str, str], encoding: Encoding) -> Origin:
        """``encoding`` is of the source with names in it."""
        return cls(Replaced.of(source, names), encoding.tokens, encoding.offsets)


def placed(source: str, decision: Decision, origin: Origin, tokens: PackageTokens) -> Placing:
    """Places of the kept words of a judged document, each checked.

    A word has several where the package deletes what is unknown from the middle of it.
    """
    found: list[Placed] = []
    lost = 0
    for judged in decision.judged:
        ranges = _word_ranges(origin, judged, tokens)
        for cluster in _clusters(ranges):
            kept = [index for index in cluster if judged.kept[index]]
            if not kept:
                continue
            own = _tidy(source, [place for index in kept for place in ranges[index]])
            word = "".join(judged.words.texts[index] for index in kept)
            if len(kept) == len(cluster) and _says(source, own, word, tokens):
                value = max(float(judged.words.values[index]) for index in kept)
                found += [Placed(start, end, value) for start, end in own]
            elif _squeezed(word):
                lost += len(kept)
    return Placing(tuple(_apart(found)), lost)


def _word_ranges(origin: Origin, judged: Judged, tokens: PackageTokens) -> list[list[Range]]:
    """Where the tokens of each word of a part stand; nothing for those that were not found."""
    part = slice(judged.part.start, judged.part.end)
    known, offsets = origin.tokens[part], origin.offsets[part]
    bare = [_bare(token, tokens) for token in judged.tokens]
    ranges: list[Range | None]
    if known == list(judged.tokens):
        source = origin.replaced.source
        ranges = [source(*o) if text else None for text, o in zip(bare, offsets, strict=True)]
    else:
        before = [
            character
            for token, (start, end) in zip(known, offsets, strict=True)
            for character in _characters(_bare(token, tokens), origin.replaced, start, end)
        ]
        ranges = [None] * len(bare)
        wanted = [(character, index) for index, text in enumerate(bare) for character in text]
        found = _matched([character for character, _ in wanted], before)
        for (_, index), place in zip(wanted, found, strict=True):
            ranges[index] = _union(ranges[index], place)
    return [
        [place for index in word if (place := ranges[index]) is not None]
        for word in judged.words.places
    ]


def _bare(token: str, tokens: PackageTokens) -> str:
    """A token without the mark of its place in the word, but with all that the text has."""
    if tokens.family is Family.BERT:
        return token.removeprefix("##") if len(token) > 2 else token  # noqa: PLR2004 - the mark
    return token.replace("▁", "")


def _characters(text: str, replaced: Replaced, start: int, end: int) -> list[tuple[str, Range]]:
    slice_ = replaced.text[start:end]
    left = start + len(slice_) - len(slice_.lstrip())
    if replaced.text[left:end].rstrip() == text:
        return [(c, replaced.places[left + i]) for i, c in enumerate(text)]
    # The normalizer changed it, or it is unknown: each character may be from all of it.
    return [(c, replaced.source(start, end)) for c in text]


def _matched(wanted: Sequence[str], known: Sequence[tuple[str, Range]]) -> list[Range | None]:
    """The places of characters in a sequence that is nearly the same; linear."""
    places: list[Range | None] = [None] * len(wanted)
    left = right = 0
    while left < len(wanted) and right < len(known):
        if wanted[left] == known[right][0]:
            places[left] = known[right][1]
            left, right = left + 1, right + 1
        else:
            skip = _skip(
                wanted[left : left + 2 * _AHEAD], [c for c, _ in known[right : right + 2 * _AHEAD]]
            )
            left, right = left + skip[0], right + skip[1]
    return places


def _skip(wanted: Sequence[str], known: Sequence[str]) -> Range:
    """How many characters of each to leave out, so that the next ones are alike."""
    for both in range(1, _AHEAD):
        for one in range(both + 1):
            ours, theirs = wanted[one : one + _ALIKE], known[both - one : both - one + _ALIKE]
            if ours and list(ours) == list(theirs):
                return one, both - one
    return 1, 1


def _union(one: Range | None, other: Range | None) -> Range | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


def _clusters(ranges: Sequence[Sequence[Range]]) -> list[list[int]]:
    """Words that share characters of the source stay or go together, as the dots of an ellipsis."""
    clusters: list[list[int]] = []
    end = -1
    for index, places in enumerate(ranges):
        if places and clusters and places[0][0] < end:
            clusters[-1].append(index)
        else:
            clusters.append([index])
        end = max([end, *(right for _, right in places)])
    return clusters


def _tidy(source: str, ranges: Sequence[Range]) -> list[Range]:
    """Ranges that touch as one, with the accents behind them, without white space around."""
    tidy: list[Range] = []
    for start, last in sorted(ranges):
        end = last
        while end < len(source) and unicodedata.combining(source[end]):
            end += 1
        if tidy and start <= tidy[-1][1]:
            tidy[-1] = (tidy[-1][0], max(end, tidy[-1][1]))
        else:
            tidy.append((start, end))
    return [trimmed(source, *place) if source[slice(*place)].strip() else place for place in tidy]


def _says(source: str, ranges: Sequence[Range], word: str, tokens: PackageTokens) -> bool:
    text = "".join(source[start:end] for start, end in ranges)
    if text == word:
        return True
    plain = _squeezed(word)
    return bool(plain) and plain in (_squeezed(text), _squeezed(tokens.normalized(text)))


def _squeezed(text: str) -> str:
    return "".join(text.replace("▁", " ").split())


def _apart(places: Sequence[Placed]) -> list[Placed]:
    """Sorted and disjoint: of two at one place, as around a cut, the first."""
    apart: list[Placed] = []
    for place in sorted(places, key=lambda p: (p.start, p.end)):
        if not apart or place.start >= apart[-1].end:
            apart.append(place)
    return apart
