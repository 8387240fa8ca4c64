"""Which queries come in which step: the same again for the same recipe."""

from __future__ import annotations

import random

from training.batches import Listing
from training.data import Corpus
from training.examples import Group, LabelledDocument
from training.recipe import Recipe, chance
from training.variety import retitled, spoilt

_CHARS_TOGETHER = 1900
"""About what fits into 512 tokens beside a query."""


class Plan:
    """Draws the listings of one step after the other."""

    def __init__(self, recipe: Recipe, examples: Corpus) -> None:
        self.recipe = recipe
        self.examples = examples
        self._queues: dict[str, list[Group]] = {name: [] for name in recipe.mix}

    def draw(self, step: int) -> list[Listing]:
        """The queries of a step, each with the documents to rank for it."""
        rng = self.rng(step)
        names = rng.choices(
            list(self.recipe.mix), list(self.recipe.mix.values()), k=self.recipe.groups
        )
        return [listing for name in names for listing in self._listings(name, rng)]

    def rng(self, step: int) -> random.Random:
        """The chance of a step."""
        return chance(self.recipe.seed, step)

    def _listings(self, name: str, rng: random.Random) -> list[Listing]:
        group = self._next(name, rng)
        wanted = self.recipe.distractors.get(group.source, 4)
        rest = rng.sample(group.distractors, min(wanted, len(group.distractors)))
        query, documents = group.query, [*group.gold, *rest]
        if rng.random() < self.recipe.varied:
            way = rng.random()
            if way < 0.2 and rest:
                return [Listing(query, rest)]  # nothing here answers
            if way < 0.4:
                documents = retitled(documents, group, rng)
            else:
                query = spoilt(query, rng)
        found = [Listing(query, documents)]
        if rng.random() < self.recipe.together.get(name, 0.0):
            found.append(Listing(query, _fitting(documents, rng), together=True))
        return found

    def _next(self, name: str, rng: random.Random) -> Group:
        if not self._queues[name]:
            self._queues[name] = rng.sample(
                self.examples.train[name], len(self.examples.train[name])
            )
        return self._queues[name].pop()


def _fitting(documents: list[LabelledDocument], rng: random.Random) -> list[LabelledDocument]:
    """The first ones, which are gold, and what fits beside them, in any order."""
    chosen: list[LabelledDocument] = []
    room = _CHARS_TOGETHER
    for one in documents:
        size = len(one.title) + len(one.text)
        if size <= room or not chosen:
            chosen.append(one)
            room -= size
    rng.shuffle(chosen)
    return chosen
