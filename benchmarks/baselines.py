"""What a user would otherwise pick to choose sentences with."""

from __future__ import annotations

import hashlib
import json
import random
from typing import TYPE_CHECKING, Protocol

from compressors.lexical import bm25

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sentence_transformers import SentenceTransformer


class Scorer(Protocol):
    """One number per sentence of each document, given as title and sentences; higher is kept."""

    def __call__(
        self, query: str, documents: Sequence[tuple[str, Sequence[str]]]
    ) -> list[list[float]]: ...


def lead(
    query: str,  # noqa: ARG001 - what every scorer is given
    documents: Sequence[tuple[str, Sequence[str]]],
) -> list[list[float]]:
    """The first sentence of every document, then the second of every document, and so on."""
    return [[-float(index) for index in range(len(sentences))] for _, sentences in documents]


def chance(query: str, documents: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
    """Any sentences, the same ones each time."""
    rng = random.Random(query)  # noqa: S311 - reproducible, not secret
    return [[rng.random() for _ in sentences] for _, sentences in documents]


def lexical(query: str, documents: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
    """BM25 of the title and the sentence."""
    scores = iter(bm25(query, [f"{title} {one}" for title, part in documents for one in part]))
    return [[next(scores) for _ in sentences] for _, sentences in documents]


class Cosine:
    """The cosine between the embeddings of the query and of the title and the sentence."""

    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model

    @classmethod
    def load(cls) -> Cosine:
        """all-MiniLM-L6-v2 as it was installed."""
        from sentence_transformers import SentenceTransformer

        from training.model import base_folder

        return cls(SentenceTransformer(str(base_folder()), device="cpu"))

    def __call__(
        self, query: str, documents: Sequence[tuple[str, Sequence[str]]]
    ) -> list[list[float]]:
        texts = [f"{title}. {one}" for title, part in documents for one in part]
        vectors = self._model.encode(
            [query, *texts], batch_size=64, normalize_embeddings=True, show_progress_bar=False
        )
        scores = iter((vectors[1:] @ vectors[0]).tolist())
        return [[next(scores) for _ in sentences] for _, sentences in documents]


class Remembered:
    """A scorer whose answers are kept in a file, for those that take minutes."""

    def __init__(self, scorer: Scorer, file: Path) -> None:
        self._scorer = scorer
        self._file = file
        lines = file.read_text().splitlines() if file.exists() else []
        self._known: dict[str, list[list[float]]] = dict(json.loads(line) for line in lines)

    def __call__(
        self, query: str, documents: Sequence[tuple[str, Sequence[str]]]
    ) -> list[list[float]]:
        key = hashlib.sha256(json.dumps([query, documents]).encode()).hexdigest()
        if key not in self._known:
            self._known[key] = self._scorer(query, documents)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a") as file:
                file.write(json.dumps([key, self._known[key]]) + "\n")
        return self._known[key]
