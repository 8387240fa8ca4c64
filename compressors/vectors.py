"""Vectors of texts, checked once before anything is decided by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from compressors.errors import ModelFailure
from compressors.protocols import Encoder, Segmenter
from compressors.selection import inside
from compressors.values import Passage, Span, join_slices
from compressors.work import current

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Ranges = tuple[tuple[int, int], ...]
"""Sorted, disjoint, half-open ranges of characters of a text."""

_BATCH = 512
"""Texts of one call: enough to fill a device, few enough to stop soon after a deadline."""
_WINDOW = 900
"""Characters; about the 256 tokens that sentence encoders read, whatever comes after is lost."""
_SMALLEST = 1e-6


def encoded(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    """Unit vectors of texts, float32 ``[len(texts), dimension]``; equal texts are read once.

    Raises ``ModelFailure`` for a wrong shape, for values that are not finite and for zero vectors,
    and what ``Work.check`` raises between batches.
    """
    import numpy as np

    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    distinct = list(places)
    batches: list[Vectors] = []
    for start in range(0, len(distinct), _BATCH):
        current().check()
        batch = distinct[start : start + _BATCH]
        batches.append(unit_rows(np.asarray(encoder.encode(batch)), len(batch)))
    if not batches:
        return np.zeros((0, 0), dtype=np.float32)
    return np.concatenate(batches)[[places[text] for text in texts]]


def unit_rows(vectors: Vectors, expected: int) -> Vectors:
    """The rows at length 1. Raises ``ModelFailure`` unless there are ``expected`` usable ones."""
    import numpy as np

    if vectors.ndim != 2 or len(vectors) != expected:  # noqa: PLR2004 - rows and columns
        raise ModelFailure(f"{expected} vectors expected, an array {vectors.shape} given")
    if not np.isfinite(vectors).all():
        raise ModelFailure("a vector holds values that are not finite")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if expected and float(norms.min()) < _SMALLEST:
        raise ModelFailure("a vector is zero")
    return np.asarray(vectors / norms, dtype=np.float32)


def mean_direction(vectors: Vectors) -> Vectors:
    """The unit vector of the mean of unit vectors ``[n, d]``; the first of them if that is zero."""
    import numpy as np

    mean = vectors.mean(axis=0)
    norm = float(np.linalg.norm(mean))
    return np.asarray(mean / norm if norm > _SMALLEST else vectors[0], dtype=np.float32)


def sentences_of(passage: Passage, segmenter: Segmenter) -> list[Ranges]:
    """The sentences of what is kept of a passage, each as the parts of it that are kept.

    A sentence of which an earlier stage dropped words has several parts; blank parts are left out.
    """
    text = passage.document.text
    sentences: list[Ranges] = []
    spans, position = passage.spans, 0
    for start, end in segmenter.spans(text):
        while position < len(spans) and spans[position].end <= start:
            position += 1
        parts = inside([(start, end)], spans[position : _after(spans, position, end)])
        if worded := tuple((a, b) for a, b in parts if not text[a:b].isspace()):
            sentences.append(worded)
    return sentences


def _after(spans: Sequence[Span], position: int, end: int) -> int:
    while position < len(spans) and spans[position].start < end:
        position += 1
    return position


def slices(text: str, ranges: Ranges) -> str:
    """What stands in sorted, disjoint ranges of a text, joined as a passage joins its spans."""
    return join_slices(text, [Span(start, end) for start, end in ranges])


def passage_vectors(encoder: Encoder, segmenter: Segmenter, passages: Sequence[Passage]) -> Vectors:
    """A unit vector for each passage, ``[len(passages), dimension]``; none may be blank.

    Long passages are read in windows of whole sentences, so that nothing is cut off, and are the
    mean of these.
    """
    import numpy as np

    windows = [_windows(passage, segmenter) for passage in passages]
    rows = encoded(encoder, [text for texts in windows for text in texts])
    ends = np.cumsum([len(texts) for texts in windows]).tolist()
    starts = [0, *ends[:-1]]
    means = [mean_direction(rows[a:b]) for a, b in zip(starts, ends, strict=True)]
    return np.stack(means) if means else rows


def _windows(passage: Passage, segmenter: Segmenter) -> list[str]:
    if len(text := passage.text) <= _WINDOW:
        return [text]
    windows: list[str] = []
    for ranges in sentences_of(passage, segmenter):
        sentence = slices(passage.document.text, ranges).strip()
        if windows and len(windows[-1]) + len(sentence) < _WINDOW:
            windows[-1] += " " + sentence
        else:
            windows.append(sentence)
    return windows
