"""Questions with short contexts to answer from, some of which hold no answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from compressors.models.minilm import CLS, SEP
from training.batches import Row
from training.recipe import chance

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from tokenizers import Tokenizer

    from training.examples import Group, LabelledDocument

START, END = 1, 2
"""Bits of a token's unit: an answer begins, or ends, there. -1 is no place for an answer."""
_QUESTION_TOKENS: Final = 64
_TITLE_TOKENS: Final = 32
_CHARS_A_TOKEN: Final = 4.3
_LONGEST_ANSWER: Final = 30
"""In tokens, as the product reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderRecipe:
    """Everything that decides how the weights come out."""

    seed: int = 17
    steps: int = 420
    warmup: int = 40
    rows: int = 24
    """Questions a step."""
    length: int = 384
    """Tokens of a row at most."""
    sizes: tuple[int, int] = (100, 400)
    """Tokens of a context, drawn evenly between these."""
    encoder_rate: float = 8e-5
    head_rate: float = 1e-3
    weight_decay: float = 0.01
    unanswerable: float = 0.12
    beside: tuple[float, ...] = (0.35, 0.35, 0.30)
    """How often a context has none, one, two documents beside those with evidence."""
    thinned: float = 0.5
    """How often sentences without an answer are left out at random."""
    untitled: float = 0.1
    """How often a document comes without its title, as when a window begins within it."""
    mix: dict[str, float] = field(
        default_factory=lambda: {
            "squad": 0.57,
            "qed_nq": 0.26,
            "nq_oracle": 0.08,
            "hotpotqa": 0.055,
            "2wikimultihopqa": 0.025,
            "musique": 0.008,
            "clapnq": 0.002,
        }
    )
    """How often a question is drawn from each source."""


@dataclass(frozen=True, slots=True)
class Context:
    """A document as a reader gets it, and where in its text the answers are."""

    title: str
    text: str
    answers: tuple[tuple[int, int], ...]


class Questions:
    """The rows of one step after the other; a step depends on nothing but recipe and groups."""

    def __init__(
        self, recipe: ReaderRecipe, groups: dict[str, list[Group]], tokens: Tokenizer
    ) -> None:
        self._recipe = recipe
        self._tokens = tokens
        self._groups = {name: [g for g in groups[name] if answered(g)] for name in recipe.mix}
        rng = chance(recipe.seed, -1)
        self._order = {
            name: rng.sample(range(len(found)), len(found)) for name, found in self._groups.items()
        }
        names = rng.choices(
            list(recipe.mix), list(recipe.mix.values()), k=recipe.steps * recipe.rows
        )
        counts = dict.fromkeys(recipe.mix, 0)
        self._drawn: list[tuple[str, int]] = []
        for name in names:
            self._drawn.append((name, counts[name]))
            counts[name] += 1

    @property
    def sizes(self) -> dict[str, int]:
        """Questions by source."""
        return {name: len(found) for name, found in self._groups.items()}

    def rows(self, step: int) -> list[Row]:
        """What is read in a step; ``Row.unit`` holds the bits ``START`` and ``END``."""
        recipe = self._recipe
        rng = chance(recipe.seed, step)
        found = []
        for name, number in self._drawn[step * recipe.rows : (step + 1) * recipe.rows]:
            order = self._order[name]
            group = self._groups[name][order[number % len(order)]]
            contexts = self._contexts(group, rng)
            made = row(group.query, contexts, self._tokens, recipe.length)
            # What was cut off or is too long is no answer that could be learnt.
            if made is not None:
                found.append(made)
        return found

    def _contexts(self, group: Group, rng: random.Random) -> list[Context]:
        recipe = self._recipe
        beside = rng.choices(range(len(recipe.beside)), recipe.beside)[0]
        others = [one for one in group.distractors if not occurrences(one.text, group.answers)]
        nothing = rng.random() < recipe.unanswerable and bool(others)
        rest = rng.sample(others, min(beside + nothing, len(others)))
        gold = [] if nothing else list(group.gold)
        documents = [*gold, *rest]
        size = int(rng.uniform(*recipe.sizes) * _CHARS_A_TOKEN)
        keep = rng.uniform(0.15, 0.9) if rng.random() < recipe.thinned else 1.0
        found = [
            shortened(
                one,
                group.answers if at < len(gold) else (),
                size // len(documents),
                keep,
                rng,
            )
            for at, one in enumerate(documents)
        ]
        found = [
            Context("" if rng.random() < recipe.untitled else one.title, one.text, one.answers)
            for one in found
            if one.text
        ]
        rng.shuffle(found)
        return found


def answered(group: Group) -> bool:
    """Whether an answer stands in a sentence that supports it."""
    return any(
        occurrences(one.text[slice(*one.spans[at])], group.answers)
        for one in group.gold
        for at in one.support
    )


def occurrences(text: str, answers: Sequence[str]) -> list[tuple[int, int]]:
    """Where an answer stands as whole words, whatever its case; yes and no are no such answers."""
    found = set()
    for answer in answers:
        wanted = answer.strip()
        if not wanted or wanted.lower() in {"yes", "no"}:
            continue
        pattern = rf"(?<!\w){re.escape(wanted)}(?!\w)"
        found |= {one.span() for one in re.finditer(pattern, text, re.IGNORECASE)}
    return sorted(found)


def shortened(
    one: LabelledDocument, answers: Sequence[str], size: int, keep: float, rng: random.Random
) -> Context:
    """About ``size`` characters around a sentence with an answer, with some sentences left out.

    Sentences that support stay if they have an answer, and mostly if they have none.
    """
    spans = one.spans
    with_answer = [at for at in sorted(one.support) if occurrences(_slice(one, at), answers)]
    if not spans:
        return Context(one.title, "", ())
    first = last = rng.choice(with_answer or sorted(one.support) or range(len(spans)))
    while spans[last][1] - spans[first][0] < size and last - first + 1 < len(spans):
        if last + 1 == len(spans) or (first > 0 and rng.random() < 0.5):
            first -= 1
        else:
            last += 1
    text, ranges = "", []
    for at in range(first, last + 1):
        chosen = at in with_answer or rng.random() < (max(keep, 0.8) if at in one.support else keep)
        if not chosen:
            continue
        piece = _slice(one, at)
        if at in with_answer:
            shift = len(text)
            ranges += [(a + shift, b + shift) for a, b in occurrences(piece, answers)]
        text += piece
    return Context(one.title, text.rstrip(), tuple(ranges))


def row(question: str, contexts: Sequence[Context], tokens: Tokenizer, length: int) -> Row | None:
    """``[CLS] question [SEP] title. text [SEP] ...``; ``[CLS]`` is the answer where none is.

    ``None`` if there are answers, but none is within ``length`` tokens and short enough.
    """
    ids = [CLS, *tokens.encode(question, add_special_tokens=False).ids[:_QUESTION_TOKENS], SEP]
    types = [0] * len(ids)
    unit = [-1] * len(ids)
    wanted = any(one.answers for one in contexts)
    unit[0] = 0 if wanted else START | END
    for one in contexts:
        head = f"{one.title}. " if one.title else ""
        title = tokens.encode(head, add_special_tokens=False).ids[:_TITLE_TOKENS]
        text = tokens.encode(one.text, add_special_tokens=False)
        ids += [*title, *text.ids, SEP]
        unit += [-1] * len(title)
        unit += _marked(text.offsets, one.answers, length - len(unit))
        unit += [-1]
    types += [1] * (len(ids) - len(types))
    if wanted and not any(bits > 0 for bits in unit[:length]):
        return None
    return Row(ids[:length], types[:length], unit[:length])


def _marked(
    offsets: Sequence[tuple[int, int]], answers: Sequence[tuple[int, int]], room: int
) -> list[int]:
    """The bits of each token of a text; answers that end behind ``room`` tokens are none."""
    bits = [0] * len(offsets)
    starts = {start: at for at, (start, _) in enumerate(offsets)}
    ends = {end: at for at, (_, end) in enumerate(offsets)}
    for start, end in answers:
        first, last = starts.get(start), ends.get(end)
        if first is None or last is None or last >= room or last - first >= _LONGEST_ANSWER:
            continue
        bits[first] |= START
        bits[last] |= END
    return bits


def _slice(one: LabelledDocument, at: int) -> str:
    start, end = one.spans[at]
    return one.text[start:end]
