"""What a failure of a model means for the engine."""

from __future__ import annotations

from collections.abc import Iterator

from compressors.errors import ModelFailure

# By name, because the engine does not import torch.
_DEVICE_LOST = frozenset({"AcceleratorError"})
_OUT_OF_MEMORY = frozenset({"OutOfMemoryError", "MemoryError"})
_OUT_OF_MEMORY_MESSAGES = ("out of memory", "not enough memory", "can't allocate memory")


class DeviceLost(Exception):
    """Nothing will run on the device any more until the process starts anew."""


def is_device_lost(error: BaseException) -> bool:
    """Whether the device is gone for this process, as after an illegal access on CUDA."""
    return any(_names(cause) & _DEVICE_LOST for cause in _causes(error))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may help."""
    return any(
        _names(cause) & _OUT_OF_MEMORY
        or (
            isinstance(cause, RuntimeError)
            and any(message in str(cause).lower() for message in _OUT_OF_MEMORY_MESSAGES)
        )
        for cause in _causes(error)
    )


def model_failure(model: str, error: Exception) -> ModelFailure:
    """What the caller of the row that a model failed on gets to know.

    A message of the model's own is kept; that of a foreign error may hold anything.
    """
    detail = str(error) if isinstance(error, ModelFailure) else type(error).__name__
    failure = ModelFailure(f"{model} failed on a row: {detail}")
    failure.__cause__ = error
    return failure


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _names(error: BaseException) -> frozenset[str]:
    return frozenset(kind.__name__ for kind in type(error).__mro__)
