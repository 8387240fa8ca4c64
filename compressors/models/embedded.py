"""The model that comes with Condensery: one MiniLM encoder, a head for sentences, one for words.

Made by ``training/``; see the model card beside the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from compressors.fusion import Fusion
from compressors.models import minilm
from compressors.models.batches import steady
from compressors.models.cache import Cache, cached
from compressors.models.minilm import CLS, SEP
from compressors.models.tokenization import ThreadTokenizers, windows
from compressors.protocols import Encoded, Forward, Pieces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import BertModel

    Row = NDArray[np.floating]

WEIGHTS: Final = Path(__file__).parent / "weights" / "minilm-two-heads"
_RELEVANCE, _KEEP = 0, 1
_QUERY_TOKENS = 96
_TITLE_TOKENS = 32
_OVERLAP = 64
_NO_TOKEN = -30.0


class TwoHeads:
    """A ``Forward``: the logits of both heads for every token of a row, ``[tokens, 2]``."""

    def __init__(self, model: BertModel, heads: Tensor, bias: Tensor, device: str) -> None:
        self._model = model
        self._heads = heads
        self._bias = bias
        self._device = device

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Row]:
        import torch

        ids, types, mask = minilm.padded(batch, self._device)
        with torch.inference_mode():
            output = self._model(input_ids=ids, token_type_ids=types, attention_mask=mask)
            logits = output.last_hidden_state.float() @ self._heads.T + self._bias
        table = logits.cpu().numpy()
        return [table[index, : len(row)] for index, row in enumerate(batch)]


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """Both scorers of the embedded model; they share one encoder."""

    sentences: EmbeddedSentenceScorer
    words: EmbeddedTokenScorer

    @classmethod
    def load(
        cls,
        folder: Path = WEIGHTS,
        *,
        device: str = "cpu",
        dtype: str = "float32",
        wrap: Callable[[Forward], Forward] = lambda forward: forward,
        cache: Cache | None = None,
    ) -> EmbeddedModel:
        """Embeddings from the base model, the rest from ``folder``. Raises ``Unavailable``.

        With ``cache``, a text is tokenised once, and a query read in a document once.
        """
        import torch

        config, tuned = minilm.tuned(folder)
        model = minilm.bert({**minilm.weights(), **tuned}, device=device, dtype=dtype)
        heads = torch.cat([tuned["relevance.weight"], tuned["keep.weight"]]).to(device)
        bias = torch.cat([tuned["relevance.bias"], tuned["keep.bias"]]).to(device)
        forward = cached(
            wrap(steady(TwoHeads(model, heads, bias, device), device)),
            cache,
            kind="scores",
            identity=f"{config['sha256']} {device} {dtype}",
        )
        tokenizers = minilm.tokenizers(cache)
        longest = int(config["max_length"])
        fusion = Fusion(**config["fusion"])
        return cls(
            EmbeddedSentenceScorer(forward, tokenizers, fusion, longest),
            EmbeddedTokenScorer(forward, tokenizers, longest),
        )


@dataclass(frozen=True, slots=True)
class EmbeddedSentenceScorer:
    """A ``SentenceScorer``: one pass over query, title and document scores all its sentences.

    Documents longer than ``max_length`` tokens are read in overlapping windows, each with query
    and title. The probability joins the model's logit and BM25, see ``Fusion``.
    """

    forward: Forward
    tokenizers: ThreadTokenizers
    fusion: Fusion
    max_length: int

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        return self.fusion.probabilities(query, documents, self.logits(query, documents))

    def logits(self, query: str, documents: Sequence[Pieces]) -> list[list[float]]:
        """The mean token logit of every sentence, before fusion and calibration."""
        titles = [f"{document.title}. " if document.title else "" for document in documents]
        texts = [document.text for document in documents]
        asking, *others = self.tokenizers.tokens([query, *titles, *texts])
        asked = asking.ids[:_QUERY_TOKENS].tolist()
        rows, places = [], []
        tokens = [own.without_repeats() for own in others[len(titles) :]]
        for index, own in enumerate(tokens):
            title = others[index].ids[:_TITLE_TOKENS].tolist()
            room = self.max_length - len(asked) - len(title) - 3
            for start, end in windows(len(own), room, _OVERLAP):
                body = (*title, *own.ids[start:end].tolist(), SEP)
                head = (CLS, *asked, SEP)
                rows.append(Encoded((*head, *body), (0,) * len(head) + (1,) * len(body)))
                places.append((index, start, end, len(head) + len(title)))
        outputs = self.forward(rows) if rows else []
        logits = _spread(outputs, places, [len(own) for own in tokens], _RELEVANCE)
        return [
            _means(row, own.owners(document.ranges), len(document.ranges))
            for row, own, document in zip(logits, tokens, documents, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class EmbeddedTokenScorer:
    """A ``TokenScorer``: the chance that a news editor would keep the word, whatever the query.

    Only what the ranges cover is read: after a stage that dropped sentences, the words are judged
    as the LLM will see them. A word's score is the mean over its pieces.
    """

    forward: Forward
    tokenizers: ThreadTokenizers
    max_length: int

    def score(self, texts: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        import numpy as np

        rows, places, owners = [], [], []
        for index, tokens in enumerate(self.tokenizers.tokens([piece.text for piece in texts])):
            own = tokens.without_repeats()
            owner = own.owners(texts[index].ranges)
            ids = own.ids[owner >= 0]
            owners.append(owner[owner >= 0])
            for start, end in windows(len(ids), self.max_length - 2, _OVERLAP):
                rows.append(Encoded((CLS, *ids[start:end].tolist(), SEP)))
                places.append((index, start, end, 1))
        outputs = self.forward(rows) if rows else []
        logits = _spread(outputs, places, [len(owner) for owner in owners], _KEEP)
        return [
            _means(1.0 / (1.0 + np.exp(-row)), owner, len(piece.ranges), nothing=0.0)
            for row, owner, piece in zip(logits, owners, texts, strict=True)
        ]


def _spread(
    outputs: Sequence[Row], places: Sequence[tuple[int, int, int, int]], sizes: list[int], head: int
) -> list[Row]:
    """Logits of one head for every token of every text: the mean over the windows it was in."""
    import numpy as np

    sums = [np.zeros(size, dtype=np.float32) for size in sizes]
    counts = [np.zeros(size, dtype=np.float32) for size in sizes]
    for output, (index, start, end, first) in zip(outputs, places, strict=True):
        sums[index][start:end] += output[first : first + end - start, head]
        counts[index][start:end] += 1
    return [total / np.maximum(count, 1) for total, count in zip(sums, counts, strict=True)]


def _means(
    values: Row, owners: NDArray[np.int64], size: int, *, nothing: float = _NO_TOKEN
) -> list[float]:
    """The mean value of the tokens of each of ``size`` ranges; ``nothing`` where there are none."""
    import numpy as np

    mine = owners >= 0
    sums = np.bincount(owners[mine], weights=values[mine], minlength=size)
    counts = np.bincount(owners[mine], minlength=size)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), nothing)
    return [float(mean) for mean in means]
