"""From probabilities of tokens to words that stay, as the package llmlingua 0.2.2 does it.

Bit for bit (spec/llmlingua2.md, 2.2, steps 7 to 11): the package mixes float32 of the model with
Python's own numbers, sums them one by one, and takes percentiles of whatever type comes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from compressors.errors import InvalidInput
from compressors.parity.tokens import FIELD, Family, PackageTokens, Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Counts = Callable[[Sequence[str]], Sequence[int]]
"""Tokens of each text, as the model counts them that the text is for."""
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a part that the model has read; arrays are ``[words]``."""

    texts: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]
    """The tokens of each word, by their place in the part."""
    values: NDArray[np.float32]
    own: NDArray[np.bool_]
    """Whether the value is a number of Python's, so that percentiles are taken in float64."""
    unforced: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Rules:
    """How words are put together and which of them stay."""

    tokens: PackageTokens
    forced: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """What stands for a forced phrase in the texts that the model reads, by phrase."""
    first: bool = False
    """A word is worth what its first token is, not the mean."""
    reserve_digits: bool = False
    drop_consecutive: bool = False

    @property
    def stops(self) -> frozenset[str]:
        return frozenset((*self.forced, *self.names.values()))


class _Mark(NamedTuple):
    begins: bool
    forced: bool
    reserved: bool
    text: str


class Merger:
    """Puts tokens together to words; remembers what it knows about each token."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._stops = rules.stops
        self._marks: dict[str, _Mark] = {}

    def words(self, row: Row, probabilities: NDArray[np.float32]) -> Words:
        """Raises ``InvalidInput`` where the package fails: the first token begins no word."""
        import numpy as np

        names, special, hidden = (
            self._rules.tokens.names(row),
            self._rules.tokens.special,
            row.hidden,
        )
        read = [i for i, name in enumerate(names) if name not in special and i not in hidden]
        marks = [self._mark(names[i]) for i in read]
        if not marks:
            return _no_words()
        if not marks[0].begins:
            raise InvalidInput("documents", "a part begins in the middle of a word")
        firsts = np.flatnonzero([mark.begins for mark in marks])
        lengths = np.diff(firsts, append=len(marks))
        kept = probabilities[read]
        own = np.array([mark.forced or mark.reserved for mark in marks])
        values = np.where(own, np.float32(1.0), kept)
        bounds = list(zip(firsts.tolist(), (firsts + lengths).tolist(), strict=True))
        # The frame's first token is at 0, so the part's own are counted from 1.
        places = tuple(tuple(i - 1 for i in read[a:b]) for a, b in bounds)
        texts = tuple("".join([mark.text for mark in marks[a:b]]) for a, b in bounds)
        unforced = np.repeat(kept[firsts], lengths)
        return Words(
            texts,
            places,
            self._worth(values, firsts, lengths),
            own[firsts] if self._rules.first else np.logical_and.reduceat(own, firsts),
            # All tokens of a word count as its first one does: so it is in the package.
            self._worth(unforced, firsts, lengths),
        )

    def shown(self, words: Words) -> tuple[str, ...]:
        """Words as labels have them."""
        if self._rules.tokens.family is Family.XLM_ROBERTA:
            return tuple(word.lstrip("▁") for word in words.texts)
        return words.texts

    def _mark(self, name: str) -> _Mark:
        found = self._marks.get(name)
        if found is None:
            found = self._marks[name] = self._marked(name)
        return found

    def _marked(self, name: str) -> _Mark:
        rules, tokens = self._rules, self._rules.tokens
        pure = tokens.pure(name)
        if not tokens.begins(name, self._stops):
            return _Mark(False, False, rules.reserve_digits and _has_digit(name), pure)  # noqa: FBT003 - a row
        text = name
        for phrase, stand_in in rules.names.items():
            text = text.replace(stand_in, phrase)
        reserved = rules.reserve_digits and _has_digit(text)
        return _Mark(True, pure in self._stops, reserved, text)  # noqa: FBT003 - a row

    def _worth(
        self, values: NDArray[np.float32], firsts: NDArray[Any], lengths: NDArray[Any]
    ) -> NDArray[np.float32]:
        import numpy as np

        total: NDArray[np.float32] = values[firsts]
        if self._rules.first:
            return total
        # Added one by one in float32, as `sum` does it; `reduceat` adds in pairs.
        longer = np.flatnonzero(lengths > 1)
        for step in range(1, int(lengths.max())):
            longer = longer[lengths[longer] > step]
            total[longer] += values[firsts[longer] + step]
        means: NDArray[np.float32] = np.divide(total, lengths.astype(np.float32))
        return means


def kept_words(words: Words, rules: Rules, reduce: float, counts: Counts) -> NDArray[np.bool_]:
    """Which words of a part stay when the share ``reduce`` of its tokens is to go, ``[words]``.

    Raises ``InvalidInput`` where the package fails: no words, or a share that is no percentage.
    """
    import numpy as np

    if rules.drop_consecutive:
        words = _without_repeats(words, rules, percentile(words, None, int(100 * reduce)))
    weights = np.asarray(counts(words.texts), dtype=np.int64)
    threshold = percentile(words, weights, int(100 * reduce + 1))
    values = words.values.astype(np.float64)
    kept = values > threshold
    if threshold == 1.0:
        kept |= values == threshold
    return _once_in_a_row(words, rules, kept) if rules.drop_consecutive else kept


def percentile(words: Words, weights: NDArray[np.int64] | None, percent: int) -> float:
    """The value below which so many percent of the words, or of their tokens, are."""
    import numpy as np

    values, own = words.values, words.own
    if weights is not None:
        values, own = np.repeat(values, weights), np.repeat(own, weights)
    return quantile(values.astype(np.float64) if own.any() else values, percent)


def quantile(values: NDArray[Any], percent: int) -> float:
    """``numpy.percentile``, which the package calls; ``InvalidInput`` where that fails."""
    import numpy as np

    if not len(values):
        raise InvalidInput("documents", "a part has no words that the model knows")
    if not 0 <= percent <= 100:  # noqa: PLR2004 - percent
        raise InvalidInput(f"{FIELD}.rate", f"leads to a percentile of {percent}")
    return float(np.percentile(values, percent))


def total(values: NDArray[np.float32]) -> np.float32:
    """The sum in float32, one by one."""
    import numpy as np

    found: np.float32 = np.add.accumulate(values)[-1]
    return found


def _without_repeats(words: Words, rules: Rules, threshold: float) -> Words:
    """A forced word is worth nothing behind the same one with nothing worth keeping between."""
    values, own = words.values.copy(), words.own.copy()
    between, before = False, None
    for index, word in enumerate(words.texts):
        if word not in rules.forced:
            between = between or bool(values[index] > threshold)
            continue
        if between:
            between = False
        elif word == before:
            values[index], own[index] = 0.0, True
        before = word
    return replace(words, values=values, own=own)


def _once_in_a_row(words: Words, rules: Rules, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    once, last = kept.copy(), None
    for index in kept.nonzero()[0]:
        word = words.texts[index]
        if word == last and word in rules.forced:
            once[index] = False
        else:
            last = word
    return once


def _has_digit(text: str) -> bool:
    return _DIGIT.search(text) is not None


def _no_words() -> Words:
    import numpy as np

    none = np.zeros(0, dtype=np.float32)
    return Words((), (), none, none.astype(np.bool_), none)
