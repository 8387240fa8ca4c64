"""What a failure of a model means for the engine."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator

from compressors.errors import ModelFailure, Unavailable

# By name, because the engine does not import torch.
_DEVICE_LOST = frozenset({"AcceleratorError"})
_OUT_OF_MEMORY = frozenset({"OutOfMemoryError", "MemoryError"})
_OUT_OF_MEMORY_MESSAGES = ("out of memory", "not enough memory", "can't allocate memory")


class DeviceLost(Exception):
    """Nothing will run on the device any more until the process starts anew.

    The cause of every ``Unavailable`` that an engine raises because of it.
    """


def unavailable(lost: DeviceLost | None) -> Unavailable:
    """What a caller gets to know of an engine that does not run."""
    if lost is None:
        return Unavailable("the engine does not run")
    error = Unavailable(f"the device is lost: {lost}")
    error.__cause__ = lost
    return error


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


def free_memory(error: BaseException) -> None:
    """Give back what a run that failed still holds, so that a smaller one may fit."""
    # The frames of the traceback hold the tensors of the run; until they let go of them there is
    # nothing to give back.
    for cause in _causes(error):
        traceback.clear_frames(cause.__traceback__)
    # Whoever runs models on CUDA has imported torch; the engine does not.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


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
