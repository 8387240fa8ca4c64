"""What was measured, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from statistics import median
from typing import Final

from benchmarks.load.answers import End
from benchmarks.load.loads import Load, Window, quantile
from benchmarks.load.memory import Memory
from benchmarks.load.parts import Times
from benchmarks.load.saturation import SERVER, Saturation
from benchmarks.load.sizes import Size
from benchmarks.load.tables import Table, milliseconds, ratio

_MIB: Final = 2**20
_SHOWN: Final = (0.5, 0.95, 0.99)
_BAD: Final = (End.CUT, End.LATE, End.WRONG, End.FAILED)


def loads_table(full: Load, loads: Sequence[Load], batch_tokens: int) -> Table:
    """What came of each load; the first row is what the others are shares of."""
    everything = (full, *loads)
    rows = tuple(
        (
            load.name,
            *_window(load.window, full.window.tokens_per_second),
            f"{load.batches.fill(batch_tokens):.0%}",
            f"{load.batches.padding:.1%}",
        )
        for load in everything
    )
    behind = max((load.window.behind for load in loads), default=0.0)
    gap = max((one.gap for load in everything for one in load.window.outcomes), default=0.0)
    return Table(
        "Loads",
        ("load", "sent", "good tokens/s", "of capacity", "p50", "p95", "p99", "refused",
         *(end.value for end in _BAD), "refused p99", "fill", "padding"),
        rows,
        "Latencies are of what was accepted, from when it was to be sent; the generator was late"
        f" by {milliseconds(behind)} at p99. Scores differ from an idle server's by at most"
        f" {gap:.1e}.",
    )  # fmt: skip


def recovery_table(loads: Sequence[Load]) -> Table:
    """How the server was after each overload."""
    rows = []
    for load in loads:
        if load.recovery is not None:
            seconds, after = load.recovery.seconds, load.recovery.after.accepted
            told = "not in time" if seconds == inf else f"{seconds:.1f} s"
            shown = [milliseconds(quantile(after, share)) for share in (0.5, 0.99)]
            rows.append((load.name, told, str(len(after)), *shown))
    return Table(
        "After an overload, at half of the capacity",
        ("load before", "last one not answered well", "answered after it", "p50", "p99"),
        tuple(rows),
    )


def times_table(times: Mapping[str, Times]) -> Table:
    """Where the time went."""
    return Table(
        "Time per part, medians",
        ("requests", "latency", "queued", "computing", "tokenizing", "choosing", "outside",
         "overhead"),
        tuple(
            (name, *map(milliseconds, (
                each.latency, each.queued, each.computing, each.tokenizing, each.choosing,
                each.outside, each.overhead,
            )))
            for name, each in times.items()
        ),
        "Overhead is all but queued and computing: tokenizing, choosing sentences, and outside,"
        " which is protocol, messages and admission.",
    )  # fmt: skip


def sides_table(found: Saturation) -> Table:
    """All ways beside the server."""
    same = "the same rows" if found.server_tokens == found.own_tokens else "NOT the same rows"
    return Table(
        "Saturated, beside the same model without the server",
        ("way", "input tokens/s", "server / it"),
        tuple(
            (way, f"{median(rates):,.0f}", ratio(found.ratios(SERVER, to=way)))
            for way, rates in found.rates.items()
        ),
        f"Ratios are of paired rounds. The model read {found.server_tokens:,} tokens for the"
        f" server and {found.own_tokens:,} here for all requests once: {same}.",
    )


def sizes_table(sizes: Sequence[Size], clients: int, crowd: Window) -> Table:
    """Sizes from one caller, and many callers."""
    rows = []
    for size in sizes:
        quantiles = [quantile(size.window.accepted, share) for share in _SHOWN]
        mean = sum(one.sent.tokens for one in size.window.outcomes) / len(size.window.outcomes)
        good = f"{size.window.ends[End.GOOD]}/{len(size.window.outcomes)}"
        rows.append((f"{mean:,.0f}", "1", good, *map(milliseconds, quantiles), "-"))
    mean = sum(one.sent.tokens for one in crowd.outcomes) / len(crowd.outcomes)
    good = f"{crowd.ends[End.GOOD]}/{len(crowd.sent)}"
    quantiles = [quantile(crowd.accepted, share) for share in _SHOWN]
    shown = map(milliseconds, quantiles)
    rows.append((f"{mean:,.0f}", str(clients), good, *shown, f"{crowd.tokens_per_second:,.0f}"))
    return Table(
        "Sizes",
        ("tokens", "callers", "good", "p50", "p95", "p99", "tokens/s"),
        tuple(rows),
    )


def memory_table(found: Memory) -> Table:
    """The memory as it went on."""
    ends = ", ".join(f"{count:,} {end.value}" for end, count in found.ends.items())
    return Table(
        "Resident memory of the server",
        ("requests", "MiB"),
        tuple((f"{count:,}", f"{size / _MIB:,.0f}") for count, size in found.samples),
        f"{ends}. Growth after the first quarter: {found.growth / _MIB:+.1f} MiB.",
    )


def _window(window: Window, full: float) -> tuple[str, ...]:
    return (
        str(len(window.sent)),
        f"{window.tokens_per_second:,.0f}",
        f"{window.tokens_per_second / full:.0%}",
        *(milliseconds(quantile(window.accepted, part)) for part in _SHOWN),
        str(window.ends[End.REFUSED]),
        *(str(window.ends[end]) for end in _BAD),
        milliseconds(quantile(window.refused, 0.99)),
    )
