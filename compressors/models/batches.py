"""Which rows a model reads at once: like ones, or none beside another."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compressors.errors import CompressionError, ModelFailure
from compressors.protocols import Encoded, Forward
from compressors.work import current

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class SmallBatches:
    """A ``Forward`` that runs another on rows of like length.

    A batch is padded to at most ``max_tokens``; a row that is longer goes alone. Between two
    batches the request's deadline and cancellation are heeded. Results come in the order of rows.
    """

    forward: Forward
    max_tokens: int = 2048

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Any]:
        results: list[Any] = [None] * len(batch)
        work = current()
        for group in _groups([len(row) for row in batch], self.max_tokens):
            work.check()
            start = time.perf_counter()
            for index, result in zip(group, self._run([batch[i] for i in group]), strict=True):
                results[index] = result
            work.spend(computing=time.perf_counter() - start)
        return results

    def _run(self, rows: list[Encoded]) -> Sequence[Any]:
        try:
            return self.forward(rows)
        except CompressionError:
            raise
        except RuntimeError as error:
            raise ModelFailure(f"a batch of {len(rows)} rows failed") from error


def _groups(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        # Ascending, so the row that comes is the longest: all of the group are padded to it.
        if group and lengths[index] * (len(group) + 1) > max_tokens:
            yield group
            group = []
        group.append(index)
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class OneByOne:
    """A ``Forward`` that runs another on each row by itself.

    So what is computed for a row has the same shapes, and the same bits, whatever else is in the
    batch. Rows of like length together are not enough: even where all are equally long, libraries
    may cut the work of several otherwise than that of one.
    """

    forward: Forward

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Any]:
        return [result for row in batch for result in self.forward([row])]


def steady(forward: Forward, device: str) -> Forward:
    """A model whose results do not depend on what else is in a batch, where that is affordable.

    On a CPU they do not: the same row gives the same bits, in any dtype, on machines of one kind
    with as many threads and the same libraries. What that costs is in docs/performance.md. On a GPU
    single rows would leave it idle, so rows share batches, and results differ a little with them;
    scores are rounded before anything is decided by them, so decisions are the same unless one lies
    at the edge of a step.
    """
    return OneByOne(forward) if device.startswith("cpu") else forward


def padded(batch: Sequence[Encoded], padding: int, device: str) -> tuple[Tensor, Tensor]:
    """Ids and mask of a batch, padded at the right, each ``[rows, longest]``."""
    import torch

    longest = max(len(row) for row in batch)
    ids = torch.full((len(batch), longest), padding)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(batch):
        ids[index, : len(row)] = torch.tensor(row.ids)
        mask[index, : len(row)] = 1
    return ids.to(device), mask.to(device)
