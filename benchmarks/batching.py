"""What batching is worth: ``python -m benchmarks.batching``.

The same rows of the same requests through all-MiniLM-L6-v2 in several ways. The ways take turns,
and each turn is compared with the engine's turn next to it, so that a machine that is busy with
other things slows both. A second table has the wait of a small request behind a large one.
"""

from __future__ import annotations

import argparse
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import fmean, median

import click

from compressors.engine import Engine, EngineSettings, limit_threads
from compressors.protocols import Encoded, Forward

Requests = Sequence[Sequence[Encoded]]


@dataclass(frozen=True, slots=True)
class Turn:
    """One way's pass over all requests. Seconds of wall time, and of CPU time of all threads."""

    seconds: float
    cpu_seconds: float
    batches: int
    padding: float
    """The part of what was computed that was padding."""


class Counting:
    """A ``Forward`` that runs another and counts its batches and tokens."""

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self.batches = self.tokens = self.padded = 0

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[object]:
        self.batches += 1
        self.tokens += sum(len(row) for row in batch)
        self.padded += max(len(row) for row in batch) * len(batch)
        return self._forward(batch)


def fixed(size: int, *, by_length: bool = False) -> Callable[[Forward, Requests], None]:
    """Batches of so many rows, request after request or over all of them by length."""

    def run(forward: Forward, requests: Requests) -> None:
        if by_length:
            requests = [sorted((row for rows in requests for row in rows), key=len)]
        for rows in requests:
            for start in range(0, len(rows), size):
                forward(rows[start : start + size])

    return run


def engine(settings: EngineSettings) -> Callable[[Forward, Requests], None]:
    """All requests at once, each on a thread of its own."""

    def run(forward: Forward, requests: Requests) -> None:
        with Engine(settings) as running, ThreadPoolExecutor(len(requests)) as pool:
            list(pool.map(running.wrap(forward, name="minilm"), requests))

    return run


WAYS: dict[str, Callable[[Forward, Requests], None]] = {
    "engine, 2,048 tokens": engine(EngineSettings()),
    "engine, 16,384 tokens": engine(EngineSettings(batch_tokens=16_384)),
    "engine, sorts no lengths apart": engine(EngineSettings(launch_tokens=2_048)),
    "one row at a time": fixed(1),
    "32 rows as they come": fixed(32),
    "32 rows by length": fixed(32, by_length=True),
}
REFERENCE = next(iter(WAYS))


def turn(way: Callable[[Forward, Requests], None], model: Forward, requests: Requests) -> Turn:
    counting = Counting(model)
    start, cpu_start = time.perf_counter(), time.process_time()
    way(counting, requests)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    padding = 1 - counting.tokens / counting.padded
    return Turn(seconds, cpu_seconds, counting.batches, padding)


def throughput(model: Forward, requests: Requests, rounds: int) -> None:
    tokens = sum(len(row) for rows in requests for row in rows)
    turns: dict[str, list[Turn]] = {name: [] for name in WAYS}
    ratios: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            reference = turn(WAYS[REFERENCE], model, requests)
            turns[name].append(turn(way, model, requests))
            ratios[name].append(reference.cpu_seconds / turns[name][-1].cpu_seconds)

    click.echo(f"{'':32}{'tokens/s':>10}{'per CPU s':>11}{'ratio':>8}{'batches':>9}{'padding':>9}")
    for name, runs in turns.items():
        wall = tokens / median(run.seconds for run in runs)
        cpu = tokens / median(run.cpu_seconds for run in runs)
        click.echo(
            f"{name:32}{wall:10,.0f}{cpu:11,.0f}{median(ratios[name]):8.2f}"
            f"{median(run.batches for run in runs):9.0f}{fmean(run.padding for run in runs):9.0%}"
        )
    click.echo(
        "ratio: CPU time of the first way, just before, by that of this one; median of rounds"
    )


def wait_behind(
    way: Callable[[Forward], Forward], model: Forward, large: Sequence[Encoded]
) -> float:
    """Seconds that a single row waits that comes when a large request has begun."""
    begun = threading.Event()

    def watched(batch: Sequence[Encoded]) -> Sequence[object]:
        begun.set()
        return model(batch)

    forward = way(watched)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(forward, large)
        begun.wait()
        start = time.perf_counter()
        forward(large[:1])
        waited = time.perf_counter() - start
        running.result()
    return waited


def first_come_first_served(forward: Forward) -> Forward:
    """The model behind a lock, as it is without an engine; batches of 32 by length."""
    lock = threading.Lock()

    def run(batch: Sequence[Encoded]) -> Sequence[object]:
        with lock:
            fixed(32, by_length=True)(forward, [batch])
        return batch

    return run


def latency(model: Forward, large: Sequence[Encoded], rounds: int) -> None:
    waits: dict[str, list[float]] = {"engine": [], "a lock": []}
    for _ in range(rounds):
        with Engine() as running:
            wrap = partial(running.wrap, name="minilm")
            waits["engine"].append(wait_behind(wrap, model, large))
        waits["a lock"].append(wait_behind(first_come_first_served, model, large))

    click.echo(f"\nA single row that comes when {len(large)} rows of another request have begun")
    for way, seconds in waits.items():
        click.echo(f"{way:32}{median(seconds) * 1000:10,.0f} ms")


def rows_like_documents(count: int, seed: int) -> list[Encoded]:
    """Random ids, of log-normal length: 8 to 512, about 97 in the mean."""
    dice = random.Random(seed)  # noqa: S311 - a benchmark
    lengths = [min(512, max(8, round(dice.lognormvariate(4.2, 0.85)))) for _ in range(count)]
    return [Encoded(tuple(dice.choices(range(1_000, 30_000), k=length))) for length in lengths]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=8)
    parser.add_argument("--rows", type=int, default=16, help="rows of each request")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    threads = limit_threads(os.environ, arguments.threads)

    from compressors.models.minilm import MeanPooling, bert, weights

    model = MeanPooling(bert(weights(), device="cpu", dtype="float32"), "cpu")
    rows = rows_like_documents(arguments.requests * arguments.rows, seed=1)
    requests = [rows[n :: arguments.requests] for n in range(arguments.requests)]
    model(rows[:4])

    tokens = sum(map(len, rows))
    click.echo(
        f"{len(requests)} requests, {len(rows)} rows, {tokens:,} tokens, {threads} threads\n"
    )
    throughput(model, requests, arguments.rounds)
    latency(model, rows, arguments.rounds)


if __name__ == "__main__":
    main()
