"""Which examples are for the benchmark, which for calibration, and which for training."""

from __future__ import annotations

import hashlib
import re
from typing import Final

CALIBRATION_SHARE: Final = {
    "hotpotqa": 0.12,
    "2wikimultihopqa": 0.16,
    "nq_oracle": 0.10,
    "squad": 0.06,
}
"""Of what the benchmark leaves over, per data set; ``squad`` is drawn by article."""

_BENCHMARK_SHARE: Final = {
    "hotpotqa": 0.35,
    "2wikimultihopqa": 0.30,
    "musique": 0.50,
    "covid_qa": 0.40,
}
"""By question; ``covid_qa`` by article."""
_NOT_A_WORD: Final = re.compile(r"[\W_]+")


def is_benchmark(source: str, identifier: str) -> bool:
    """Whether an example of a data set that has no test part of its own is a test example."""
    return _draw("benchmark", source, identifier) < _BENCHMARK_SHARE.get(source, 0.0)


def is_calibration(source: str, identifier: str) -> bool:
    """Whether a training example is kept back to fit the fusion and its calibration."""
    return _draw("calibration", source, identifier) < CALIBRATION_SHARE.get(source, 0.0)


def normalised(text: str) -> str:
    """Lower-cased words with single spaces: what two copies of one text have in common."""
    return _NOT_A_WORD.sub(" ", text.lower()).strip()


def _draw(*parts: str) -> float:
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
