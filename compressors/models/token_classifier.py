"""LLMLingua-2's own kind of model: a token classifier that says which words to keep.

Source: arXiv 2403.12968. ``microsoft/llmlingua-2-xlm-roberta-large-meetingbank`` and its smaller
relatives, or any other model for token classification, whatever its path is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from compressors.errors import Unavailable
from compressors.models.batches import SmallBatches, padded, steady
from compressors.models.loading import Placement, longest_input, pretrained
from compressors.models.tokenization import ThreadTokenizers, Tokens, windows
from compressors.models.vocabulary import Vocabulary, fast_tokenizer
from compressors.parity.tokens import Row
from compressors.protocols import Encoded, Forward, Pieces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

NEUTRAL: Final = 0.5
"""The score of a word that the tokenizer has no token for, such as a zero-width space."""
WINDOW: Final = 512
"""Tokens that are read at once, as in the paper, even if a model could read more."""
_OVERLAP: Final = 64
_KEEP: Final = frozenset({"keep", "kept", "preserve", "preserved", "retain"})
_LABEL: Final = 1


class KeepProbability:
    """A ``Forward``: the probability of one label for each token of a row, float32 ``[tokens]``."""

    def __init__(self, model: PreTrainedModel, label: int, padding: int) -> None:
        self._model = model
        self._label = label
        self._padding = padding
        self._device = str(model.device)

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[NDArray[np.float32]]:
        import torch

        ids, mask = padded(batch, self._padding, self._device)
        for index, row in enumerate(batch):
            if isinstance(row, Row) and row.hidden:
                mask[index, list(row.hidden)] = 0
        with torch.inference_mode():
            logits = self._model(input_ids=ids, attention_mask=mask).logits
            kept = logits.float().softmax(-1)[..., self._label]
        table: NDArray[np.float32] = kept.cpu().numpy()
        return [table[index, : len(row)] for index, row in enumerate(batch)]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model for token classification as it was loaded; both modes of LLMLingua-2 can share it."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    label: int

    @classmethod
    def load(
        cls,
        model: str,
        *,
        label: str | int | None = None,
        device: str = "auto",
        dtype: str = "auto",
    ) -> Checkpoint:
        """A model by name or path; ``label`` says which of its labels means keep.

        Without ``label``, it is the one called keep or preserve, else the one with index 1. Raises
        ``NotFound`` or ``Unavailable``.
        """
        from transformers import AutoModelForTokenClassification

        placement = Placement.of(device, dtype)
        tokenizer = fast_tokenizer(model)
        loaded = pretrained(model, AutoModelForTokenClassification, placement)
        return cls(model, loaded, tokenizer, label_index(loaded.config, label, model))

    def forward(self) -> Forward:
        # Any id does where there is none: padding is masked.
        model = KeepProbability(self.model, self.label, self.tokenizer.pad_token_id or 0)
        return steady(model, str(self.model.device))


class TokenClassifier:
    """A ``TokenScorer``: a word's score is the mean over the tokens that it has characters in.

    A text is tokenised once, whole. Tokens in what the ranges leave out, sentences that an earlier
    stage dropped, are not read. More than a window of tokens is read in overlapping windows; each
    token counts in the one that it is nearer to the middle of. A word without a token has the
    score ``NEUTRAL``. Thread-safe.
    """

    backend: Final = "checkpoint"

    def __init__(self, forward: Forward, vocabulary: Vocabulary, window: int) -> None:
        self._forward = forward
        self._vocabulary = vocabulary
        self._window = window - vocabulary.frame
        self._overlap = min(_OVERLAP, self._window // 4)
        self._tokenizers = ThreadTokenizers(vocabulary.tokenizer)

    @classmethod
    def load(
        cls,
        model: str,
        *,
        label: str | int | None = None,
        device: str = "auto",
        dtype: str = "auto",
        window: int = WINDOW,
        wrap: Callable[[Forward], Forward] = SmallBatches,
    ) -> TokenClassifier:
        """As ``Checkpoint.load``; ``window`` is how many tokens are read at once at most."""
        checkpoint = Checkpoint.load(model, label=label, device=device, dtype=dtype)
        return cls.of(checkpoint, wrap(checkpoint.forward()), window=window)

    @classmethod
    def of(
        cls, checkpoint: Checkpoint, forward: Forward, *, window: int = WINDOW
    ) -> TokenClassifier:
        """The scorer of a checkpoint that ``forward`` runs."""
        vocabulary = Vocabulary.of(checkpoint.tokenizer)
        limits = (longest_input(checkpoint.model), vocabulary.limit, window)
        return cls(forward, vocabulary, min(limit for limit in limits if limit is not None))

    def score(self, texts: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        read = [
            _read(Tokens.of(encoding), piece)
            for encoding, piece in zip(
                self._tokenizers.encode([piece.text for piece in texts]), texts, strict=True
            )
        ]
        places = [
            (index, start, end)
            for index, tokens in enumerate(read)
            for start, end in windows(len(tokens), self._window, self._overlap)
        ]
        rows = [self._row(read[index], start, end) for index, start, end in places]
        outputs: Sequence[NDArray[np.float32]] = self._forward(rows) if rows else []
        first = len(self._vocabulary.prefix)
        parts: list[list[tuple[int, NDArray[np.float32]]]] = [[] for _ in texts]
        for (index, start, end), output in zip(places, outputs, strict=True):
            parts[index].append((start, output[first : first + end - start]))
        return [
            _word_scores(_joined(own), tokens, piece.ranges)
            for own, tokens, piece in zip(parts, read, texts, strict=True)
        ]

    def _row(self, tokens: Tokens, start: int, end: int) -> Encoded:
        plain = self._vocabulary.plain(tokens.ids[start:end].tolist())
        return Encoded(self._vocabulary.framed(plain))


def label_index(config: PreTrainedConfig, label: str | int | None, model: str) -> int:
    """Which output means keep. Raises ``Unavailable`` if the model has no such label."""
    names = {str(name).lower(): int(index) for index, name in (config.id2label or {}).items()}
    if len(names) < 2:  # noqa: PLR2004 - keep and drop
        raise Unavailable(f"model {model} has {len(names)} labels; to keep or to drop are two")
    if isinstance(label, str) and not label.isdecimal():
        if label.lower() not in names:
            raise Unavailable(f"model {model} has no label {label}, but {', '.join(names)}")
        return names[label.lower()]
    if label is None:
        called_so = [index for name, index in names.items() if name in _KEEP]
        return called_so[0] if len(called_so) == 1 else _LABEL
    if not 0 <= int(label) < len(names):
        raise Unavailable(f"model {model} has {len(names)} labels and none with index {label}")
    return int(label)


def _read(tokens: Tokens, piece: Pieces) -> Tokens:
    """The tokens that are read: those in the ranges, and in white space between two of them."""
    import numpy as np

    if not piece.ranges:
        return tokens.at(slice(0))
    stretches = [piece.ranges[0]]
    for (_, end), (start, stop) in pairwise(piece.ranges):
        if piece.text[end:start].strip():
            stretches.append((start, stop))
        else:
            stretches[-1] = (stretches[-1][0], stop)
    starts, ends = np.asarray(stretches, dtype=np.int64).T
    # The last stretch that begins before the token ends; it must end behind the token's start.
    owner = np.searchsorted(starts, tokens.ends, side="left") - 1
    mine = (owner >= 0) & (tokens.starts < ends[owner])
    return tokens.at(mine)


def _joined(parts: Sequence[tuple[int, NDArray[np.float32]]]) -> NDArray[np.floating[Any]]:
    """One value for each token; two windows share their overlap by halves."""
    import numpy as np

    pieces: list[NDArray[np.float32]] = []
    done = 0
    for number, (start, values) in enumerate(parts):
        end = start + len(values)
        if number + 1 < len(parts):
            end = (end + parts[number + 1][0]) // 2
        pieces.append(values[done - start : end - start])
        done = end
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float32)


def _word_scores(
    values: NDArray[np.floating[Any]], tokens: Tokens, ranges: Sequence[tuple[int, int]]
) -> list[float]:
    import numpy as np

    if not ranges:
        return []
    # Running maxima, since the bytes of one character may have the same or smaller offsets.
    ends = np.maximum.accumulate(tokens.ends)
    starts = np.maximum.accumulate(tokens.starts)
    left, right = np.asarray(ranges, dtype=np.int64).T
    first = np.searchsorted(ends, left, side="right")
    last = np.searchsorted(starts, right, side="left")
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    counts = np.maximum(last - first, 0)
    means = (sums[np.maximum(last, first)] - sums[first]) / np.maximum(counts, 1)
    # Rounding of the running sum must not lead out of [0, 1].
    return np.where(counts > 0, means.clip(0.0, 1.0), NEUTRAL).tolist()  # type: ignore[no-any-return]
