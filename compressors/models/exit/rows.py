"""Rows of token ids for all sentences of a document, however long the document is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from compressors.errors import InvalidInput, ModelFailure
from compressors.models.exit.alike import Alike
from compressors.models.exit.branches import Branched, Shared
from compressors.models.exit.overflow import Contexts, Overflow, contexts
from compressors.models.exit.prompt import Prompt, PromptTokenizer, context_of, sentences_of
from compressors.protocols import Pieces
from compressors.work import current

_SLACK: Final = 16
"""Tokens that texts may have more together than apart."""
_AT_ONCE: Final = 32
_ROW: Final = 16_384
"""A row of so many tokens gets no more branches: nobody waits for a thousand sentences at once."""
_STEPS: Final = 32
"""Lengths of sentences that are told apart where a context is cut to the room that they leave."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A row, and the ranges of the document that its branches ask about, in their order."""

    places: tuple[int, ...]
    row: Branched
    cut: bool = False
    """Whether the row shows only a part of the document."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Makes prompts of at most ``max_tokens`` tokens, those with one context as one row.

    Where a document is too long, ``overflow`` says what its sentences are read in; sentence and
    query are never cut. With ``shared`` false every prompt is a row of its own.
    """

    tokenizer: PromptTokenizer
    max_tokens: int
    overflow: Overflow = Overflow.WINDOW
    shared: bool = True

    def of(self, query: str, document: Pieces) -> Iterator[Asked]:
        """Rows for all sentences that are not blank, those read in the whole document first.

        Raises ``InvalidInput`` where the query does not fit, or the document where that is
        refused; ``ModelFailure`` where a sentence does not.
        """
        texts = sentences_of(document)
        context = context_of(document.title, document.text)
        left = [place for place, text in enumerate(texts) if text]
        if len(self.tokenizer.tokens(context)) < self.max_tokens:
            whole, left = left, []
            for places, row in self._joined(query, context, texts, whole):
                over = self._over(places, row)
                left += over
                if len(over) < len(places):
                    yield Asked(*_without(places, row, over))
        if left:
            found = contexts(self.overflow, self.tokenizer, document)
            for places, row in self._tight(query, found, texts, left):
                yield Asked(places, row, cut=True)

    def _joined(
        self, query: str, context: str, texts: Sequence[str], places: Sequence[int]
    ) -> Iterator[tuple[tuple[int, ...], Branched]]:
        alike = Alike(self.tokenizer, query, context)
        asked: list[int] = []
        shared: Shared | None = None
        for first in range(0, len(places), _AT_ONCE):
            current().check()
            some = places[first : first + _AT_ONCE]
            prompts = alike.encode([texts[place] for place in some])
            for place, prompt in zip(some, prompts, strict=True):
                if shared is not None and (not self.shared or len(shared) >= _ROW):
                    yield tuple(asked), shared.row
                    asked, shared = [], None
                asked.append(place)
                if shared is None:
                    shared = Shared(prompt)
                else:
                    shared.add(prompt)
        if shared is not None:
            yield tuple(asked), shared.row

    def _tight(
        self, query: str, found: Contexts, texts: Sequence[str], places: Sequence[int]
    ) -> Iterator[tuple[tuple[int, ...], Branched]]:
        """The same for sentences whose context has to be cut to what room they leave."""
        prompts = self.tokenizer.encode([Prompt(query, "", texts[place]) for place in places])
        bare = {place: len(ids) for place, ids in zip(places, prompts, strict=True)}
        rooms = {place: self._room(size) for place, size in bare.items()}
        while rooms:
            groups: dict[str, list[int]] = defaultdict(list)
            for place, room in rooms.items():
                if room < 0:
                    raise self._refusal(query, bare[place])
                groups[found.at(place, room)].append(place)
            longer: dict[int, int] = {}
            for context, some in groups.items():
                for asked, row in self._joined(query, context, texts, some):
                    over = self._over(asked, row)
                    longer |= {place: rooms[place] - tokens for place, tokens in over.items()}
                    if len(over) < len(asked):
                        yield _without(asked, row, over)
            rooms = longer

    def _room(self, bare: int) -> int:
        # Rounded, so that sentences of nearly the same length have the same context.
        step = max(1, self.max_tokens // _STEPS)
        room = self.max_tokens - _SLACK - -(-bare // step) * step
        return room if room > 0 else self.max_tokens - bare

    def _over(self, places: Sequence[int], row: Branched) -> dict[int, int]:
        """By how many tokens prompts are too long, by place."""
        room = self.max_tokens - len(row.ids)
        sizes = zip(places, map(len, row.branches), strict=True)
        return {place: size - room for place, size in sizes if size > room}

    def _refusal(self, query: str, bare: int) -> InvalidInput | ModelFailure:
        question = len(self.tokenizer.encode([Prompt(query, "", "")])[0])
        if question > self.max_tokens // 2:
            problem = f"with the prompt it has {question} of {self.max_tokens} tokens"
            return InvalidInput("query", f"too long for the model: {problem}")
        return ModelFailure(f"a sentence has {bare} of the model's {self.max_tokens} tokens")


def _without(
    places: Sequence[int], row: Branched, over: Collection[int]
) -> tuple[tuple[int, ...], Branched]:
    kept = [index for index, place in enumerate(places) if place not in over]
    branches = tuple(row.branches[index] for index in kept)
    return tuple(places[index] for index in kept), replace(row, branches=branches)
