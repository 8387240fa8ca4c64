"""An encoder whose vectors can be worked out by hand; it fills the protocol exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class BagEncoder:
    """An ``Encoder``: every word is a dimension, its weight counted as often as it stands there.

    ``weights`` are by word in lower case, 1 for all others. ``read`` collects what was encoded.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    dimension: int = 4096
    read: list[str] = field(default_factory=list)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read.extend(texts)
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in _WORD.findall(text.lower()):
                row[crc32(word.encode()) % self.dimension] += self.weights.get(word, 1.0)
            row[0] += 1e-3  # a text without words has a direction too
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
