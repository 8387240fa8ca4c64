"""All that is seen of calls: logs, metrics and, where they are wanted, traces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from service.calls import Around
from service.logs import logged
from service.metrics import Metrics
from service.request import Result
from service.settings import Settings
from service.status import translated

Saw = Callable[[Result], None]
"""Hears of every result, on the thread of its work."""


@asynccontextmanager
async def observed(
    settings: Settings, metrics: Metrics
) -> AsyncIterator[tuple[tuple[Around, ...], Saw]]:
    """What is around every call, outermost first, and who hears of its result.

    Raises ``ValueError`` where traces are wanted and the extra for them is missing.
    """
    arounds: tuple[Around, ...] = (logged, metrics.measured, translated, metrics.refusals)
    if settings.otlp_endpoint is None:
        yield arounds, metrics.saw
        return

    try:
        # It imports the SDK of OpenTelemetry.
        from service.tracing import Tracing
    except ImportError as error:
        raise ValueError("otlp_endpoint: needs the extra otel") from error

    async with Tracing.exporting(
        settings.otlp_endpoint, sample_ratio=settings.otlp_sample_ratio
    ) as tracing:

        def saw(result: Result) -> None:
            metrics.saw(result)
            tracing.saw(result)

        yield (tracing.traced, *arounds), saw
