"""Reviews of hotels (SPACE, in the shared data), and an encoder that reads no text twice."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from compressors.protocols import Encoder
from compressors.values import Context, Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REVIEWS: Final = (
    Path(os.environ.get("CONDENSERY_DATA", Path(__file__).parents[2] / "shared/data"))
    / "nc-reviews/space_leval.jsonl.gz"
)
PLANTED: Final = (
    "The battery of this phone died after two days.",
    "My divorce lawyer never answered a single call.",
    "The second novel has a weak ending.",
    "This lawn mower starts on the first pull.",
)


@dataclass(frozen=True, slots=True)
class Hotel:
    """Its reviews, and what people wrote about each of its aspects when they had read them."""

    reviews: tuple[str, ...]
    aspects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remembering:
    """An ``Encoder`` that reads no text twice, so that methods can be compared in little time."""

    encoder: Encoder
    known: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        new = sorted({text for text in texts if text not in self.known}, key=len)
        for start in range(0, len(new), 32):
            batch = new[start : start + 32]
            self.known.update(zip(batch, self.encoder.encode(batch), strict=True))
        return np.stack([self.known[text] for text in texts])


def hotels(limit: int) -> list[Hotel]:
    """So many hotels of the shared data, 11 at most."""
    with gzip.open(REVIEWS, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][:limit]
    return [
        Hotel(tuple(row["reviews"]), tuple(a["summary"] for a in row["aspect_summaries"]))
        for row in rows
    ]


def subset(hotel: Hotel, n: int, seed: int, planted: str = "") -> Context:
    """``n`` reviews of a hotel in an order of their own; one more if a text is planted."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    texts = rng.sample(hotel.reviews, n)
    if planted:
        texts.insert(rng.randrange(n + 1), planted)
    return Context.of("", [Document(str(i), text) for i, text in enumerate(texts)])
