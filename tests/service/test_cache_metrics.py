"""What Prometheus gets to see of the cache."""

import numpy as np

from compressors.models.cache import Cache
from service.metrics import Metrics


def test_shows_what_the_cache_holds_and_how_often_it_helped() -> None:
    metrics, cache = Metrics(), Cache(1_000)
    metrics.watch(lambda: (), lambda: None, cache.stats)
    memory = cache.memory("scores", "minilm")

    for _ in range(3):
        memory.arrays([b"a text"], lambda missing: [np.zeros(2) for _ in missing])

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"condensery_cache_{name}", labels)

    assert value("lookups_total", kind="scores", result="miss") == 1
    assert value("lookups_total", kind="scores", result="hit") == 2
    assert value("entries") == 1
    assert value("bytes") == cache.stats().bytes
    assert value("evicted_total") == 0
