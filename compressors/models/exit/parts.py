"""Sentences that no prompt has room for, such as long blocks of code, read in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from compressors.models.exit.prompt import PromptTokenizer
from compressors.protocols import Pieces


@dataclass(frozen=True, slots=True)
class Parted:
    """A document with its long sentences in parts, and the sentence that each range is of."""

    document: Pieces
    owners: tuple[int, ...]

    @property
    def long(self) -> int:
        """How many sentences have more parts than one."""
        return len({a for a, b in pairwise(self.owners) if a == b})

    def joined(self, scores: Sequence[float], sentences: int) -> list[float]:
        """One score for each sentence: that of its best part."""
        joined = [0.0] * sentences
        for owner, score in zip(self.owners, scores, strict=True):
            joined[owner] = max(joined[owner], score)
        return joined


def parted(document: Pieces, tokenizer: PromptTokenizer, most: int) -> Parted:
    """Sentences of more than ``most`` tokens in parts of at most that."""
    ranges: list[tuple[int, int]] = []
    owners: list[int] = []
    for place, (start, end) in enumerate(document.ranges):
        parts = [(start, end)]
        # A character has at most four tokens, one for each of its bytes.
        if 4 * (end - start) > most:
            parts = _parts(document.text, start, end, tokenizer, most)
        ranges += parts
        owners += [place] * len(parts)
    return Parted(replace(document, ranges=tuple(ranges)), tuple(owners))


def _parts(
    text: str, start: int, end: int, tokenizer: PromptTokenizer, most: int
) -> list[tuple[int, int]]:
    tokens = tokenizer.tokens(text[start:end])
    if len(tokens) <= most:
        return [(start, end)]
    cuts = sorted({start, *(start + int(at) for at in tokens.starts[most::most]), end})
    return list(pairwise(cuts))
