"""Models and tokenizers by name or path: where they run, and what is said when they do not load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from compressors.errors import CompressionError, NotFound, Unavailable

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel

DTYPES: Final = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Placement:
    """A torch device, such as ``cuda:0``, and the name of the type that the weights have there."""

    device: str
    dtype: str

    @classmethod
    def of(cls, device: str = "auto", dtype: str = "auto") -> Placement:
        """What ``auto`` means on this machine. Raises ``Unavailable``.

        The device is the first CUDA one if there is any. The type is float32 on a CPU, where half
        precision takes seven times as long, and bfloat16 on CUDA, or float16 where a card does not
        know that.
        """
        import torch

        if dtype not in DTYPES:
            raise Unavailable(f"dtype is one of {', '.join(DTYPES)}, not {dtype}")
        cuda = torch.cuda.is_available()
        if device == "auto":
            device = "cuda" if cuda else "cpu"
        kind = device.split(":")[0]
        if kind not in {"cpu", "cuda"}:
            raise Unavailable(f"device is auto, cpu or cuda, not {device}")
        if kind == "cuda" and not cuda:
            raise Unavailable("device is cuda, but torch sees no CUDA device")
        if dtype == "auto":
            half = "bfloat16" if kind == "cuda" and torch.cuda.is_bf16_supported() else "float16"
            dtype = "float32" if kind == "cpu" else half
        return cls(device, dtype)


@contextmanager
def named(model: str) -> Iterator[None]:
    """Turn whatever a library raises while it loads ``model`` into an error that names it.

    ``NotFound`` where there is no such model, ``Unavailable`` where it cannot be had or used here.
    """
    if _is_path(model) and not Path(model).expanduser().is_dir():
        raise NotFound("model", f"there is no directory {model}")
    try:
        yield
    except CompressionError:
        raise
    except ImportError as error:
        raise Unavailable(f"model {model} needs a package: {error}") from error
    except Exception as error:
        raise _explained(model, error) from error


def pretrained(model: str, auto: type, placement: Placement) -> PreTrainedModel:
    """A model for inference, by one of transformers' ``Auto`` classes.

    From safetensors only, without remote code. Raises ``NotFound`` or ``Unavailable``.
    """
    import torch

    read: Callable[..., PreTrainedModel] = auto.from_pretrained  # type: ignore[attr-defined] # every Auto class has it
    with named(model):
        loaded = read(
            model,
            dtype=getattr(torch, placement.dtype),
            use_safetensors=True,
            trust_remote_code=False,
        )
        freeze(loaded)
        loaded.to(torch.device(placement.device))  # type: ignore[arg-type] # its own annotation
    return loaded


def freeze(model: Module) -> None:
    """No dropout and no gradients any more."""
    model.train(mode=False)
    model.requires_grad_(requires_grad=False)


def longest_input(model: PreTrainedModel) -> int | None:
    """Tokens that a model can read at once; ``None`` if it names no limit."""
    from torch.nn import Embedding

    config = model.config.get_text_config()
    limits = [getattr(config, name, None) for name in ("max_position_embeddings", "n_positions")]
    known = [limit for limit in limits if isinstance(limit, int) and limit > 0]
    for name, module in model.named_modules():
        padding = module.padding_idx if isinstance(module, Embedding) else None
        if name.endswith(".position_embeddings") and padding is not None:
            # RoBERTa's kind counts from behind the padding's: two of 514 cannot be used.
            known.append(module.num_embeddings - padding - 1)
    return min(known, default=None)


def _is_path(model: str) -> bool:
    return model.startswith(("/", "./", "../", "~")) or model.count("/") > 1


def _explained(model: str, error: Exception) -> CompressionError:
    from huggingface_hub import errors as hub

    chain = list(_chain(error))
    if any(isinstance(cause, hub.GatedRepoError) for cause in chain):
        return Unavailable(f"model {model} is gated: it needs a token that has access to it")
    if any(isinstance(c, hub.RepositoryNotFoundError | hub.HFValidationError) for c in chain):
        return NotFound("model", f"neither a directory nor a model on the hub: {model}")
    offline = (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled, ConnectionError)
    if not Path(model).is_dir() and any(isinstance(cause, offline) for cause in chain):
        return Unavailable(f"model {model} is neither a directory nor cached, and the hub is away")
    reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return Unavailable(f"model {model} does not load: {reason.strip()}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
