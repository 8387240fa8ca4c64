"""Load a real server as its callers do: ``python -m benchmarks.load``.

``condensery serve`` runs as a process of its own, with the embedded model and the chain
``default``. Real questions with 5, 10 and 20 passages go to it over gRPC; every answer is compared
with that of an idle server to the same request, and what was refused, cut short, late, wrong or
failed is counted, never dropped. Times to send are drawn beforehand, from a seed, and latencies
count from them.

``--parts`` says what is measured:

``loads``     the capacity in a closed loop, then each of ``--loads``, as a share of it, open loop
``overhead``  10 passages, one request at a time: where the time goes
``sides``     the saturated server beside the same model one request at a time, in fixed batches of
              32, and as a raw forward pass on packed rows, which is the limit
``sizes``     requests of ``--sizes`` tokens from one caller, then the smaller ones from 64

On a CPU the last one is left out unless it is asked for. On a GPU: ``python -m benchmarks.load
--device cuda``, with requests of 5 passages for the sides. ``--memory N`` measures nothing but the
server's memory over N small requests, no two alike. The exit status is 1 if an answer was wrong
or failed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from benchmarks.load.answers import End
from benchmarks.load.goals import goals_table
from benchmarks.load.loads import Plan
from benchmarks.load.requests import SOURCES, mixed
from benchmarks.load.run import Options, Run, running
from benchmarks.load.tables import Table
from benchmarks.pairs import machine
from compressors.engine import limit_threads
from compressors.models.loading import Placement
from compressors.models.minilm import MiniLmCounter
from service.models import sized
from service.settings import Settings

_PARTS: Final = ("loads", "overhead", "sides", "sizes")
_USUAL: Final = {"cpu": _PARTS[:3], "cuda": _PARTS}


def arguments_of(given: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--device", choices=tuple(_USUAL), default="cpu")
    add("--threads", type=int, help="of a model on a CPU; default: all that there are")
    add("--parts", type=_names, help="with commas; default: by device")
    add("--loads", type=_shares, default=(0.5, 1.0, 3.0), help="shares of the capacity")
    add("--passages", type=_counts, default=tuple(SOURCES), help="of the requests")
    add("--pool", type=int, default=120, help="different requests")
    add("--seconds", type=float, default=60.0, help="that are measured of each load")
    add("--warm", type=float, default=10.0, help="seconds before that")
    add("--calm", type=float, default=20.0, help="seconds after an overload")
    add("--deadline", type=float, default=5.0, help="of a request, in seconds")
    add("--clients", type=int, default=32, help="of the closed loop")
    add("--channels", type=int, default=4, help="connections")
    add("--alone", type=int, default=30, help="requests of overhead, and of each size")
    add("--rounds", type=int, default=3, help="of the sides")
    add("--side-requests", type=int, default=24)
    add("--side-seconds", type=float, default=20.0)
    add("--sizes", type=_counts, default=(10_000, 100_000), help="tokens of a request")
    add("--callers", type=int, default=64, help="at once, with the smallest of the sizes")
    add("--memory", type=int, metavar="N", help="requests; nothing else is measured then")
    add("--seed", type=int, default=1)
    add("--setting", action="append", default=[], metavar="NAME=VALUE", help="of the server")
    add("--markdown", action="store_true", help="tables as docs/performance.md has them")
    return parser.parse_args(given)


def options_of(arguments: argparse.Namespace) -> Options:
    """What is to be done. ``limit_threads`` must have been called before."""
    given = {"DEVICE": arguments.device}
    if arguments.memory is None:
        # Requests come more than once here, and what is remembered would not be measured.
        given["CACHE_BYTES"] = "0"
    given |= dict(one.split("=", 1) for one in arguments.setting)
    if arguments.threads is not None:
        given["THREADS"] = str(arguments.threads)
    settings = Settings.load({f"CONDENSERY_{name}": value for name, value in given.items()})
    placement = Placement.of(settings.device, settings.dtype)
    pool = mixed(
        arguments.pool,
        passages=arguments.passages,
        seed=arguments.seed,
        count_tokens=MiniLmCounter().count,
    )
    plan = Plan(
        pool=pool,
        seconds=arguments.seconds,
        warm=arguments.warm,
        calm=arguments.calm,
        deadline=arguments.deadline,
        clients=arguments.clients,
        seed=arguments.seed,
    )
    return Options(
        plan=plan,
        loads=arguments.loads,
        placement=placement,
        batch_tokens=sized(settings, placement).batch_tokens,
        channels=arguments.channels,
        settings=given,
        alone=arguments.alone,
        rounds=arguments.rounds,
        side_requests=arguments.side_requests,
        side_seconds=arguments.side_seconds,
        sizes=arguments.sizes,
        callers=arguments.callers,
    )


async def measured(arguments: argparse.Namespace) -> int:
    """Do what the arguments say, and show it. Gives the exit status."""

    def show(table: Table) -> None:
        click.echo(table.markdown() if arguments.markdown else table.text())

    options = options_of(arguments)
    click.echo(f"{machine(options.placement.device)}; {options.placement.dtype}")
    async with running(options, show) as run:
        if arguments.memory is not None:
            await run.memory(arguments.memory)
        else:
            for part in arguments.parts or _USUAL[arguments.device]:
                await _PART[part](run)
            show(goals_table(run.goals))
    bad = {end.value: run.ends[end] for end in (End.WRONG, End.FAILED) if run.ends[end]}
    if bad:
        click.echo(f"answers that must not be: {bad}", err=True)
    return int(bool(bad))


_PART: Final = {
    "loads": Run.loads,
    "overhead": Run.overhead,
    "sides": Run.sides,
    "sizes": Run.sizes,
}


def main() -> None:
    """Measure, and print tables."""
    arguments = arguments_of(sys.argv[1:])
    # Before anything imports torch, which reads this once; the server inherits it.
    limit_threads(os.environ, arguments.threads)
    sys.exit(asyncio.run(measured(arguments)))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(_PARTS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return names


def _shares(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(",")))


def _counts(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


if __name__ == "__main__":
    main()
