"""Count every text of a request once."""

from __future__ import annotations

from collections.abc import Sequence

from compressors.budget import Counter
from compressors.work import current


class RememberingCounter:
    """A ``Counter`` for one request and one thread, which remembers what it has counted.

    Every stage counts what the one before has left, and looks up the tokens of the same originals.
    """

    def __init__(self, counter: Counter) -> None:
        self.name = counter.name
        self._counter = counter
        self._counts: dict[str, int] = {"": 0}
        self._starts: dict[str, Sequence[int]] = {}

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        if new := [text for text in dict.fromkeys(texts) if text not in self._counts]:
            with current().tokenizing():
                self._counts.update(zip(new, self._counter.count(new), strict=True))
        return [self._counts[text] for text in texts]

    def starts(self, text: str) -> Sequence[int]:
        if text not in self._starts:
            with current().tokenizing():
                self._starts[text] = self._counter.starts(text)
        return self._starts[text]
