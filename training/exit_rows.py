"""Rows to tune a causal language model for EXIT on, as the paper makes them.

Source: arXiv 2412.12559; the authors' code of 2026; spec/exit.md 1.3. Made of the same groups as
the bundled model's data (``training.data.corpus``), for a trainer of your choice::

    rows = exit_rows(group for groups in corpus().train.values() for group in groups)
    prompts = PromptTokenizer(Vocabulary.load("google/gemma-2b-it", controls=(START, END)))
    targets = [row.target(prompts) for row in rows]  # input_ids and labels

The paper's LoRA has rank 64, alpha 32, dropout 0.05; 1 epoch at 1e-5, 64 rows a step. An adapter
trained so is served by ``CausalLmScorer.load(model, adapter=...)``: the prompt is the same code.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from compressors.models.exit.prompt import Prompt, context_of

if TYPE_CHECKING:
    from compressors.models.exit.prompt import PromptTokenizer
    from training.examples import Group, LabelledDocument

IGNORED: Final = -100
"""The label of a token that the loss passes over, in torch and transformers alike."""
_TRIES: Final = 20
"""Draws for each random negative at most; nearly every one is of another query."""


class Kind(Enum):
    """Why a row has its answer."""

    POSITIVE = "positive"
    """A sentence that supports the answer: Yes."""
    HARD = "hard"
    """Another sentence of a passage that has one: No."""
    RANDOM = "random"
    """A sentence of a passage that belongs to another query: No."""


@dataclass(frozen=True, slots=True)
class Target:
    """Token ids, and of each what the loss wants there; ``IGNORED`` but for the answer."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExitRow:
    """A prompt and its answer. ``source_query_id`` is whose passage the sentence is from."""

    query_id: str
    source_query_id: str
    prompt: Prompt
    kind: Kind

    @property
    def answer(self) -> str:
        return "Yes" if self.kind is Kind.POSITIVE else "No"

    def target(self, tokenizer: PromptTokenizer) -> Target:
        """With a loss on the one token of the answer, and on nothing behind it."""
        (ids,) = tokenizer.encode([self.prompt])
        (answer,) = tokenizer.answer(self.answer)
        return Target((*ids.tolist(), answer), (IGNORED,) * len(ids) + (answer,))


def exit_rows(groups: Iterable[Group], seed: int = 13) -> list[ExitRow]:
    """Positives, hard and random negatives, 2:1:1, shuffled; the same for the same seed.

    As many as there are of what there is least of. A sentence is read in its own passage, a random
    one in the passage that it is from.
    """
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    known = list(groups)
    positives, hard = _of_gold(known)
    count = min(len(positives) // 2, len(hard))
    others = _random(known, count, dice)
    count = min(count, len(others))
    rows = [*dice.sample(positives, 2 * count), *dice.sample(hard, count), *others[:count]]
    dice.shuffle(rows)
    return rows


def _of_gold(groups: Sequence[Group]) -> tuple[list[ExitRow], list[ExitRow]]:
    positives: list[ExitRow] = []
    hard: list[ExitRow] = []
    for group in groups:
        for document in group.gold:
            if not document.support:
                continue
            for index in _worded(document):
                supports = index in document.support
                kind = Kind.POSITIVE if supports else Kind.HARD
                (positives if supports else hard).append(_row(group, group, document, index, kind))
    return positives, hard


def _random(groups: Sequence[Group], count: int, dice: random.Random) -> list[ExitRow]:
    """At most ``count``; fewer where hardly any passage is another query's."""
    asking = [group for group in groups if any(document.support for document in group.gold)]
    passages = [
        (group, document)
        for group in groups
        for document in (*group.gold, *group.distractors)
        if _worded(document)
    ]
    rows: list[ExitRow] = []
    for _ in range(_TRIES * count if passages else 0):
        group = dice.choice(asking)
        source, document = dice.choice(passages)
        # Two data sets may ask the same, and one id may stand for two queries of two data sets.
        if source.query != group.query and source.id != group.id:
            index = dice.choice(_worded(document))
            rows.append(_row(group, source, document, index, Kind.RANDOM))
        if len(rows) == count:
            break
    return rows


def _worded(document: LabelledDocument) -> list[int]:
    return [
        index
        for index, (start, end) in enumerate(document.spans)
        if document.text[start:end].strip()
    ]


def _row(
    group: Group, source: Group, document: LabelledDocument, index: int, kind: Kind
) -> ExitRow:
    start, end = document.spans[index]
    context = context_of(document.title, document.text)
    prompt = Prompt(group.query, context, document.text[start:end].strip())
    return ExitRow(group.id, source.id, prompt, kind)
