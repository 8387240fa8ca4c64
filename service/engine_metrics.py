"""What Prometheus may ask of an engine: its batches, queue, refusals, and the cache before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from compressors.engine import EngineStats, ModelStats
from compressors.models.cache import CacheStats

_COUNTS: Final = {
    "condensery_batch_runs": ("batches", "Batches that ran."),
    "condensery_batch_items": ("items", "Rows of batches."),
    "condensery_batch_tokens": ("tokens", "Tokens of batches."),
    "condensery_batch_padded_tokens": ("padded_tokens", "Tokens of batches, padding included."),
    "condensery_batch_busy_seconds": ("busy_seconds", "Time that the device computed."),
    "condensery_batch_failed_items": ("failed_items", "Rows that the model failed on."),
}
_SIZES: Final = {
    # A batch is full at its budget, so fill is padded tokens over runs times this. It falls for
    # good when the device runs out of memory.
    "condensery_batch_budget_tokens": ("batch_tokens", "What a batch may hold, padding included."),
    "condensery_model_tokens_per_second": ("tokens_per_second", "How fast a model was of late."),
    "condensery_model_queue_items": ("queued_items", "Rows that wait for a model."),
    "condensery_model_queue_tokens": ("queued_tokens", "Tokens that wait for a model."),
}
# A counter that first appears with its first count hides that count from rate().
_DROPPED: Final = ("cancelled", "deadline", "failed", "unavailable")
_REFUSED: Final = ("deadline", "queue_full", "quota", "unavailable")


def of_cache(stats: CacheStats) -> Iterable[Metric]:
    """What a cache holds, and how often it knew an answer."""
    asked = CounterMetricFamily(
        "condensery_cache_lookups",
        "Lookups in the cache, by what was looked for and whether it was there.",
        labels=["kind", "result"],
    )
    for result, counts in (("hit", stats.hits), ("miss", stats.misses)):
        for kind, count in counts.items():
            asked.add_metric([kind, result], count)
    yield asked
    yield CounterMetricFamily(
        "condensery_cache_evicted", "Entries that had to make room.", value=stats.evicted
    )
    yield GaugeMetricFamily(
        "condensery_cache_entries", "Entries in the cache.", value=stats.entries
    )
    yield GaugeMetricFamily("condensery_cache_bytes", "Memory of these entries.", value=stats.bytes)


def of_engine(stats: EngineStats) -> Iterable[Metric]:
    """What an engine has done, what waits, and what it refused."""
    for name, (attribute, description) in _COUNTS.items():
        counter = CounterMetricFamily(name, description, labels=["model"])
        yield _of_models(counter, stats.models, attribute)
    for name, (attribute, description) in _SIZES.items():
        gauge = GaugeMetricFamily(name, description, labels=["model"])
        yield _of_models(gauge, stats.models, attribute)
    yield _by_reason(
        "condensery_dropped", "Rows that never reached the device.", _DROPPED, stats.dropped
    )
    yield _by_reason(
        "condensery_refused",
        "Requests that the engine had no room for, and calls that it refused.",
        _REFUSED,
        stats.rejected,
    )
    yield from _state(stats)


def _of_models(
    family: CounterMetricFamily | GaugeMetricFamily, models: Iterable[ModelStats], attribute: str
) -> Metric:
    for model in models:
        value = getattr(model, attribute)
        if value is not None:
            family.add_metric([model.model], float(value))
    return family


def _by_reason(
    name: str, description: str, reasons: Iterable[str], counts: Mapping[str, int]
) -> Metric:
    family = CounterMetricFamily(name, description, labels=["reason"])
    for reason, count in (dict.fromkeys(reasons, 0) | dict(counts)).items():
        family.add_metric([reason], count)
    return family


def _state(stats: EngineStats) -> Iterable[Metric]:
    yield CounterMetricFamily(
        "condensery_out_of_memory",
        "Batches that did not fit into memory; the budget of their model is smaller since.",
        value=stats.out_of_memory,
    )
    yield GaugeMetricFamily(
        "condensery_engine_alive", "Whether the engine can compute.", value=float(stats.alive)
    )
    yield GaugeMetricFamily(
        "condensery_engine_stalled_seconds",
        "For how long the device has finished nothing while somebody waits.",
        value=stats.stalled_seconds,
    )
    yield GaugeMetricFamily(
        "condensery_queue_limit_tokens",
        "Tokens that may be promised before requests are refused.",
        value=stats.max_queued_tokens,
    )
