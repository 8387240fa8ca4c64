"""Random cases for the package llmlingua 0.2.2: hostile texts, and all of its arguments."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from benchmarks.llmlingua_peer import CORPUS
from compressors.parity.values import ParityOptions

_HOSTILE: Final = (
    *(
        "北京很大。",
        "ไทย",
        "emoji 🧭🧭",
        "ﬁne ½ m² …",
        "cafe\u0301",
        "Ｆｕｌｌ",
        "\u00a0",
        "\u200b",
        "\u0007",
    ),
    *("[UNK]", "[SEP]", "[CLS]", "[PAD]", "[MASK]", "<unk>", "<s>", "</s>", "<pad>", "<mask>"),
    *("[NEW0]", "[NEW3]", "##x", "## #", "▁", "▁the", "x" * 120, "a1" * 30),
    *(
        "....",
        "()",
        "!!",
        "?!.",
        "...",
        "--",
        "''",
        '"""',
        "#.",
        "\n",
        "\n\n",
        "\t",
        "  ",
        ".\n.\n",
    ),
    *("2024-10-05", "1,234.5", "20th", "٣٤", "0", "https://a.example/b?c=d", "user_id", "don't"),
)
_FORCED: Final = (
    *("\n", ".", "!", "?", ",", "the", "he r", "cat", "museum in", "\n\n", "NEW", "[NEW0]", "##x"),
    *("Paris,", "▁the", "0", "2024-10-05", "#", "北京", "<mask>", " ", "s", "e", "st"),
)
_ENDS: Final = ((".", "\n"), (), ("\n",), (".", "the", "▁the", "he r"), ("!", ".", "museum in"))
_RATES: Final = (0.05, 0.1, 0.2, 0.33, 0.5, 0.6, 0.7, 0.9, 0.99, 1.0, 0.004)
_T = TypeVar("_T")
LONG: Final = 30
"""One case in so many has a document of several parts."""


@dataclass(frozen=True, slots=True)
class Case:
    """Documents, arguments, and what makes the probabilities: a seed and how many there are."""

    texts: tuple[str, ...]
    options: ParityOptions
    seed: int
    levels: int

    @property
    def arguments(self) -> dict[str, Any]:
        """What the package is called with."""
        options = self.options
        return {
            "rate": options.rate,
            "target_token": _number(options.target_token),
            "use_context_level_filter": options.use_context_level_filter,
            "use_token_level_filter": options.use_token_level_filter,
            "target_context": _number(options.target_context),
            "context_level_rate": options.context_level_rate,
            "context_level_target_token": _number(options.context_level_target_token),
            "force_context_ids": list(options.force_context_ids),
            "token_to_word": options.token_to_word,
            "force_tokens": list(options.force_tokens),
            "force_reserve_digit": options.force_reserve_digit,
            "drop_consecutive": options.drop_consecutive,
            "chunk_end_tokens": list(options.chunk_end_tokens),
        }

    @property
    def flags(self) -> list[str]:
        """What is out of the ordinary in the case; for a table."""
        options, usual = self.options, ParityOptions()
        named = [name for name in self.arguments if getattr(options, name) != getattr(usual, name)]
        return [*named, *(["several documents"] if len(self.texts) > 1 else [])]


def cases(count: int, seed: int) -> list[Case]:
    """So many cases; the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - test data
    return [_case(dice, long=index % LONG == LONG - 1) for index in range(count)]


def _number(value: int | None) -> int:
    return -1 if value is None else value


def _case(dice: random.Random, *, long: bool) -> Case:
    options = _options(dice)
    if long:
        texts = tuple(_text(dice, dice.randint(500, 900)) for _ in range(dice.choice((1, 1, 2))))
        if dice.random() < 0.5:
            # No tokenizer here has a token for it, so a name stands for it, and may end a part.
            options = replace(options, force_tokens=("\n",), chunk_end_tokens=("\n",))
    else:
        texts = tuple(_text(dice, dice.randint(1, 40)) for _ in range(dice.choice((1, 1, 2, 3, 5))))
    levels = dice.choice((2, 5, 64, 1 << 20))
    forced = tuple(_some(dice, range(len(texts)), 0.2))
    options = replace(options, force_context_ids=forced)
    return Case(texts, options, dice.randrange(1 << 20), levels)


def _text(dice: random.Random, fragments: int) -> str:
    """Words of the corpus with some hostile ones between; glued together now and then."""
    hostile = dice.choice((0.0, 0.1, 0.1, 0.4, 1.0))
    words = dice.choice(CORPUS).split() + dice.choice(CORPUS).split()
    pieces: list[str] = []
    for _ in range(fragments):
        pieces.append(dice.choice(_HOSTILE if dice.random() < hostile else words))
        pieces.append(dice.choices((" ", "", "\n", ". "), (20, 2, 1, 3))[0])
    return "".join(pieces)


def _options(dice: random.Random) -> ParityOptions:
    return ParityOptions(
        rate=dice.choice(_RATES),
        target_token=_maybe(dice, (0, 1, 5, 20, 60, 1000), 0.3),
        use_context_level_filter=dice.random() < 0.5,
        use_token_level_filter=dice.random() < 0.85,
        target_context=_maybe(dice, (0, 1, 2, 9), 0.15),
        context_level_rate=dice.choice((1.0, 1.0, 1.0, 0.7, 0.5, 0.2)),
        context_level_target_token=_maybe(dice, (0, 10, 50, 500), 0.15),
        token_to_word=dice.choice(("mean", "mean", "first")),
        force_tokens=tuple(_some(dice, _FORCED, 0.5)),
        force_reserve_digit=dice.random() < 0.3,
        drop_consecutive=dice.random() < 0.4,
        chunk_end_tokens=dice.choice(_ENDS),
    )


def _maybe(dice: random.Random, values: Sequence[int], chance: float) -> int | None:
    return dice.choice(values) if dice.random() < chance else None


def _some(dice: random.Random, values: Sequence[_T], chance: float) -> list[_T]:
    few = dice.randint(1, 4) if dice.random() < chance else 0
    return dice.sample(list(values), min(few, len(values)))
