"""Time two ways of doing the same work in turns, so that a busy machine slows both."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Pairs:
    """Seconds of the rounds of two ways, one of each a round."""

    theirs: tuple[float, ...]
    ours: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How many times as fast ours is: the ratio of the medians."""
        return median(self.theirs) / median(self.ours)

    @property
    def ratios(self) -> tuple[float, ...]:
        """The same of every round by itself, ascending: the spread."""
        return tuple(sorted(t / o for t, o in zip(self.theirs, self.ours, strict=True)))

    def __str__(self) -> str:
        low, *_, high = (*self.ratios, self.ratios[-1])
        return (
            f"{median(self.theirs):9.3f} s {median(self.ours):9.3f} s {self.ratio:7.1f}x"
            f"  [{low:.1f}, {high:.1f}]"
        )


def paired(theirs: Callable[[], object], ours: Callable[[], object], rounds: int) -> Pairs:
    """Run both, alternating who comes first, after one round that does not count."""
    seconds: dict[str, list[float]] = {"theirs": [], "ours": []}
    ways = [("theirs", theirs), ("ours", ours)]
    for number in range(rounds + 1):
        for name, way in ways if number % 2 else ways[::-1]:
            start = time.perf_counter()
            way()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return Pairs(tuple(seconds["theirs"]), tuple(seconds["ours"]))


def machine(device: str = "cpu") -> str:
    """The processor or GPU, threads, and versions: a line for above a table."""
    import torch

    if device.startswith("cuda"):
        what = torch.cuda.get_device_name(device)
    else:
        what = f"{_processor()}, {torch.get_num_threads()} threads"
    return f"{what}; torch {version('torch')}, transformers {version('transformers')}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
