"""What needs no model: the beginning, a draw, and BM25."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compressors.budget import Counter
from compressors.lexical import bm25
from evaluation.baselines.pieces import (
    BestFirst,
    Piece,
    all_sentences,
    beginning,
    shortened,
    wholes,
    words,
)
from evaluation.values import Example, Shortened

Scorer = Callable[[Example, Sequence[Piece]], Sequence[float]]
"""One number for each piece of an example; higher is kept."""


@dataclass(frozen=True, slots=True)
class Lead:
    """One document after the other until the budget is full; the last is cut between two words.

    What a prompt is that ends where the context window does.
    """

    counter: Counter
    name: str = "lead"

    def shorten(self, example: Example, budgets: Sequence[int]) -> list[Shortened]:
        whole = shortened(example, wholes(example))
        costs = self.counter.count([kept.text for kept in whole])
        return [self._until(example, whole, costs, budget) for budget in budgets]

    def _until(
        self, example: Example, whole: Shortened, costs: Sequence[int], budget: int
    ) -> Shortened:
        left = budget
        for index, (kept, cost) in enumerate(zip(whole, costs, strict=True)):
            if cost > left:
                return (*whole[:index], *beginning(example, kept, self.counter, left))
            left -= cost
        return whole


@dataclass(frozen=True, slots=True)
class Scored:
    """Pieces by their score, best first, whatever still fits; of equals the earlier first."""

    name: str
    scorer: Scorer
    counter: Counter
    cutter: Callable[[Example], list[Piece]] = all_sentences

    def shorten(self, example: Example, budgets: Sequence[int]) -> list[Shortened]:
        pieces = self.cutter(example)
        scores = self.scorer(example, pieces)
        order = sorted(range(len(pieces)), key=lambda index: -scores[index])
        fill = BestFirst(example, [pieces[index] for index in order], self.counter)
        return [fill.within(budget) for budget in budgets]


def by_place(
    example: Example,  # noqa: ARG001 - what every scorer is given
    pieces: Sequence[Piece],
) -> list[float]:
    """The first of every document, then the second of every document, and so on."""
    firsts = {piece.document: index for index, piece in reversed(list(enumerate(pieces)))}
    return [float(firsts[piece.document] - index) for index, piece in enumerate(pieces)]


def by_chance(example: Example, pieces: Sequence[Piece]) -> list[float]:
    """Any, but the same ones each time: the example's id is the seed."""
    rng = random.Random(example.id)  # noqa: S311 - reproducible, not secret
    return [rng.random() for _ in pieces]


def by_words(example: Example, pieces: Sequence[Piece]) -> list[float]:
    """BM25 of the title and the sentence; rare is what few sentences of the example hold."""
    return bm25(example.query, [titled(example, piece, " ") for piece in pieces])


def titled(example: Example, piece: Piece, joint: str) -> str:
    """A piece behind the title of its document, if that has one."""
    title = example.documents[piece.document].title
    return f"{title}{joint}{piece.text(example)}" if title else piece.text(example)


def lead(counter: Counter) -> Lead:
    return Lead(counter)


def lead_sentences(counter: Counter) -> Scored:
    return Scored("lead-sentences", by_place, counter)


def random_sentences(counter: Counter) -> Scored:
    return Scored("random", by_chance, counter)


def random_words(counter: Counter) -> Scored:
    """Deletes words at random: what a token selection must beat at the same rate."""
    return Scored("random-words", by_chance, counter, words)


def bm25_sentences(counter: Counter) -> Scored:
    return Scored("bm25", by_words, counter)
