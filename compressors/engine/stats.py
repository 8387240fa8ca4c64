"""What an engine tells of itself; counts are since its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """One run of the device. A batch that fails is run again in parts, each with a report."""

    model: str
    items: int
    requests: int
    tokens: int
    padded_tokens: int
    seconds: float
    longest_wait: float
    """Seconds since the oldest of its items came."""
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStats:
    """One wrapped model."""

    model: str
    batch_tokens: int
    """The budget of a batch; smaller than it was set after the device ran out of memory."""
    tokens_per_second: float | None
    """Of late, start of batches left out; ``None`` before the second batch."""
    queued_items: int
    queued_tokens: int
    batches: int
    items: int
    tokens: int
    padded_tokens: int
    busy_seconds: float
    failed_items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStats:
    """The engine and its models, at one moment."""

    alive: bool
    models: tuple[ModelStats, ...]
    claimed_tokens: int
    """Reserved or on their way, not yet computed."""
    max_queued_tokens: int
    """What may be claimed before requests are refused."""
    oldest_seconds: float
    stalled_seconds: float
    out_of_memory: int
    """Batches that did not fit into memory; each was run again in halves."""
    dropped: Mapping[str, int]
    """Items that never reached the device, by reason: cancelled, deadline, failed, unavailable."""
    rejected: Mapping[str, int]
    """Calls and admissions that were refused, by reason: queue_full, deadline, quota,
    unavailable."""

    @property
    def queued_items(self) -> int:
        return sum(model.queued_items for model in self.models)

    @property
    def queued_tokens(self) -> int:
        return sum(model.queued_tokens for model in self.models)

    @property
    def batches(self) -> int:
        return sum(model.batches for model in self.models)

    @property
    def batch_items(self) -> int:
        return sum(model.items for model in self.models)

    @property
    def tokens(self) -> int:
        return sum(model.tokens for model in self.models)

    @property
    def padded_tokens(self) -> int:
        return sum(model.padded_tokens for model in self.models)

    @property
    def busy_seconds(self) -> float:
        return sum(model.busy_seconds for model in self.models)
