"""Any sentence-transformers model as an encoder, with our own tokenizers and forward loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from compressors.errors import Unavailable
from compressors.models.batches import SmallBatches, padded, steady
from compressors.models.loading import Placement, freeze, named
from compressors.models.states import Unpooled, of_rows, token_states
from compressors.models.tokenization import ThreadTokenizers
from compressors.models.vocabulary import Vocabulary
from compressors.one_pass import TokenStates
from compressors.protocols import Encoded, Forward

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer
    from tokenizers import Encoding

_LONGEST: Final = 512


class Modules:
    """A ``Forward``: a model's modules one after the other, then unit length; ``[dimension]``.

    So pooling (mean, first token or any other), dense layers and normalisation are as the model's
    files say. Of an ``Unpooled`` row the result is what goes into pooling, ``[tokens, width]``.
    """

    def __init__(self, model: SentenceTransformer, padding: int) -> None:
        self._model = model
        self._padding = padding
        self._device = str(model.device)

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[NDArray[np.float32]]:
        import torch

        ids, mask = padded(batch, self._padding, self._device)
        features: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
        with torch.inference_mode():
            for module in self._model:
                features = module(features)
            vectors = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=1)
            states = features["token_embeddings"].float()
        return of_rows(batch, vectors, states)


class SentenceEncoder:
    """An ``Encoder``; texts longer than the model's limit are cut there, as its makers do.

    The prompt that the model's files name as default, if any, goes in front of every text.
    Thread-safe.
    """

    def __init__(
        self, forward: Forward, vocabulary: Vocabulary, *, dimension: int, longest: int, prompt: str
    ) -> None:
        self.dimension = dimension
        self._forward = forward
        self._vocabulary = vocabulary
        self._room = longest - vocabulary.frame
        self._prompt = prompt
        self._tokenizers = ThreadTokenizers(vocabulary.tokenizer)

    @classmethod
    def load(
        cls,
        model: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        wrap: Callable[[Forward], Forward] = SmallBatches,
    ) -> SentenceEncoder:
        """A model by name or path. Raises ``NotFound`` or ``Unavailable``."""
        placement = Placement.of(device, dtype)
        loaded = _loaded(model, placement)
        vocabulary = Vocabulary.of(loaded.tokenizer)
        forward = wrap(steady(Modules(loaded, vocabulary.padding), placement.device))
        kind = MeanSentenceEncoder if _pools_by_mean(loaded) else cls
        dimension = loaded.get_embedding_dimension()
        if dimension is None:
            raise Unavailable(f"model {model} does not say how long its vectors are")
        longest = loaded.max_seq_length or _LONGEST
        prompt = loaded.prompts.get(loaded.default_prompt_name or "") or ""
        return kind(forward, vocabulary, dimension=dimension, longest=longest, prompt=prompt)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        rows = [Encoded(self._framed(encoding)) for encoding in self._encodings(texts)]
        return np.stack(list(self._forward(rows))).astype(np.float32, copy=False)

    def _encodings(self, texts: Sequence[str]) -> list[Encoding]:
        return self._tokenizers.encode([self._prompt + text.strip() for text in texts])

    def _framed(self, encoding: Encoding) -> tuple[int, ...]:
        vocabulary = self._vocabulary
        return vocabulary.framed(vocabulary.plain(encoding.ids[: self._room]))


class MeanSentenceEncoder(SentenceEncoder):
    """One whose vectors are the means of its tokens' vectors, so that it is a ``TokenEncoder``."""

    def states(self, texts: Sequence[str]) -> Sequence[TokenStates]:
        if not texts:
            return []
        encodings = self._encodings(texts)
        found = self._forward([Unpooled(self._framed(encoding)) for encoding in encodings])
        ahead = len(self._vocabulary.prefix)
        return token_states(encodings, found, ahead=ahead, moved=len(self._prompt))


def _loaded(model: str, placement: Placement) -> SentenceTransformer:
    import torch

    with named(model):
        from sentence_transformers import SentenceTransformer

        folder = _safe(model)
        loaded = SentenceTransformer(
            folder,
            device=placement.device,
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"dtype": getattr(torch, placement.dtype), "use_safetensors": True},
        )
        freeze(loaded)
    if getattr(loaded.tokenizer, "backend_tokenizer", None) is None:
        raise Unavailable(f"model {model} has no fast tokenizer")
    return loaded


def _pools_by_mean(loaded: SentenceTransformer) -> bool:
    """Whether nothing but the mean over all tokens, and normalisation, comes behind the model."""
    modules: list[Any] = list(loaded)
    kinds = [type(module).__name__ for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or not {"Normalize"}.issuperset(kinds[2:]):
        return False
    pooling = modules[1]
    # Older releases have a method for it.
    mode = getattr(pooling, "pooling_mode", None) or pooling.get_pooling_mode_str()
    return mode == "mean" and bool(pooling.include_prompt)


def _safe(model: str) -> str:
    """The directory of a model, whose weights are all safetensors: its modules may be pickles."""
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.txt", "*.model", "*.safetensors"]
    local = Path(model).expanduser()
    folder = local if local.is_dir() else Path(snapshot_download(model, allow_patterns=wanted))
    pickles = [
        path
        for path in sorted(folder.rglob("*.bin"))
        if path.name.startswith(("pytorch_model", "model"))
        and not any(path.parent.glob("*.safetensors"))
    ]
    if pickles:
        raise Unavailable(f"model {model} has pickled weights: {pickles[0].relative_to(folder)}")
    return str(folder)
