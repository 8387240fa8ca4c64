"""Everything that decides how the weights come out."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One stage of training. ``together`` and ``varied`` are shares of the queries."""

    seed: int = 13
    steps: int = 2000
    warmup: int = 150
    groups: int = 4
    """Queries a step."""
    keep_every: int = 2
    keep_rows: int = 8
    lengths: tuple[int, int] = (288, 512)
    """Tokens of a row with one document, and with several together."""
    encoder_rate: float = 8e-5
    head_rate: float = 1e-3
    weight_decay: float = 0.01
    positive_weight: float = 3.0
    listwise_weight: float = 1.0
    passage_weight: float = 0.0
    keep_weight: float = 0.5
    mix: dict[str, float] = field(
        default_factory=lambda: {
            "squad": 0.40,
            "nq_oracle": 0.14,
            "qed_nq": 0.15,
            "hotpotqa": 0.12,
            "partial": 0.04,
            "2wikimultihopqa": 0.05,
            "musique": 0.02,
            "selqa": 0.04,
            "clapnq": 0.015,
            "covid_qa": 0.015,
            "qmsum": 0.01,
        }
    )
    """How often a query is drawn from each source."""
    distractors: dict[str, int] = field(
        default_factory=lambda: {"hotpotqa": 5, "2wikimultihopqa": 5, "musique": 5}
    )
    """Documents beside the gold ones, where not ``4``."""
    together: dict[str, float] = field(default_factory=dict)
    """How often the documents of a query are read in one row as well, where not never."""
    varied: float = 0.0
    """How often a query is spoilt, a title given to the wrong document, or all gold left out."""


_SEVERAL: Final = ("hotpotqa", "partial", "2wikimultihopqa", "musique")

STAGES: Final = {
    "single": Recipe(),
    # Goes on from where the first stage ends; what ships is the mean of both, see docs/quality.md.
    "together": Recipe(
        seed=14,
        steps=560,
        passage_weight=0.3,
        warmup=50,
        encoder_rate=4e-5,
        head_rate=3e-4,
        mix={
            "squad": 0.30,
            "nq_oracle": 0.14,
            "qed_nq": 0.14,
            "hotpotqa": 0.15,
            "partial": 0.04,
            "2wikimultihopqa": 0.08,
            "musique": 0.04,
            "selqa": 0.03,
            "clapnq": 0.015,
            "covid_qa": 0.03,
            "qmsum": 0.035,
        },
        together=dict.fromkeys(_SEVERAL, 1.0)
        | {"squad": 0.3, "nq_oracle": 0.3, "qed_nq": 0.3, "selqa": 0.3, "clapnq": 0.3},
        varied=0.15,
    ),
}


def chance(seed: int, step: int) -> random.Random:
    """Chance that depends on the step only, so that a resumed run is the same run."""
    return random.Random(f"{seed}/{step}")  # noqa: S311 - reproducible, not secret
