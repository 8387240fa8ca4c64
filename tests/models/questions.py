"""Documents and requests for LongLLMLingua, all of them different."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from compressors.longllmlingua import Method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compressors.models.longllmlingua import LongLlmlinguaReader

QUESTION = "When did the Louvre open?"
ASKED = QUESTION + " We can get the answer to this question in the given documents."
"""What documents are ranked by."""
TEXT = (
    "The Louvre is a museum in Paris, the capital of France. It opened in 1793. Twenty-three "
    "paintings were stolen; none was found before 2024-10-05. Rivers, bridges and old houses: "
    "the city has many of each, and 1,234 of them are not open.\nMany come."
)


def text_of(words: int, seed: int) -> str:
    return " ".join(random.Random(seed).choices(TEXT.split(" "), k=words)).strip()  # noqa: S311 - no secret


def requests(count: int) -> Iterator[tuple[list[str], float, Method]]:
    """Documents of 1 to 120 words, a share and options, all of them different."""
    chance = random.Random(5)  # noqa: S311 - no secret
    for number in range(count):
        sizes = [chance.choice([1, 5, 25, 60, 120]) for _ in range(chance.randint(1, 5))]
        texts = [text_of(size, 100 * number + place) for place, size in enumerate(sizes)]
        method = Method(
            chance.choice(["after", "before"]),
            chance.choice(["sort", "original"]),
            chance.choice([0.0, 0.3, 0.8]),
            chance.choice(["+100", "*1.5", "+0"]),
        )
        yield texts, chance.choice([0.1, 0.3, 0.5, 0.8]), method


def tokens(reader: LongLlmlinguaReader, *texts: str) -> int:
    return sum(len(reader._package.tokens_of(text)[0]) for text in texts)
