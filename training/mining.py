"""Find documents that look like an answer to a query but are not."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from compressors.lexical import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.examples import LabelledDocument


class Pool:
    """Documents with an inverted index, so that BM25 over thousands of them is quick."""

    def __init__(self, documents: Sequence[LabelledDocument]) -> None:
        self.documents = documents
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        texts = [words(f"{one.title} {one.text}") for one in documents]
        mean = sum(map(len, texts)) / max(1, len(texts))
        for index, text in enumerate(texts):
            norm = 0.3 + 0.9 * len(text) / mean
            for word, count in Counter(text).items():
                self._postings[word].append((index, 2.2 * count / (count + norm)))

    def nearest(self, query: str, count: int) -> list[LabelledDocument]:
        """The best documents for the query, best first."""
        scores: Counter[int] = Counter()
        for word in set(words(query)):
            postings = self._postings.get(word, ())
            # What every fifth document holds tells little and costs most of the time.
            if len(self.documents) > 1000 and len(postings) * 5 > len(self.documents):
                continue
            idf = math.log(1 + (len(self.documents) - len(postings) + 0.5) / (len(postings) + 0.5))
            for index, weight in postings:
                scores[index] += idf * weight  # type: ignore[assignment]
        best = heapq.nsmallest(count, scores.items(), key=lambda item: (-item[1], item[0]))
        return [self.documents[index] for index, _ in best]
