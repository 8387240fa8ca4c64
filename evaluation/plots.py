"""Curves of a report: what survives over the share of tokens that is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evaluation.statistics import LEVEL
from evaluation.summary import Measure, Report, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN: Final = ("answers kept", "support recall", "F1")
"""The measures that get a picture each."""

_INCHES: Final = (9.0, 5.0)
_DOTS_PER_INCH: Final = 150
_FIRST_WIDTH: Final = 2.8
_WIDTH: Final = 1.3
_OURS: Final = "black"
# Okabe and Ito 2008, "Color Universal Design", from dark to light but for the black that is ours
# and the yellow that is too light for a line. Without colour, dashes and markers tell them apart.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666")
_DASHES: Final[tuple[tuple[float, ...], ...]] = ((5, 2), (1, 1.5), (5, 1.5, 1, 1.5), (9, 2), ())
_MARKERS: Final = "sD^vPX<>*hdp"

_Point = tuple[Summary, Measure]


def curves(report: Report, folder: Path) -> list[Path]:
    """Draw each of ``DRAWN`` for each set that has it, as PNG files in ``folder``.

    A line is a method, its band the 95 % interval of the mean. Raises ``OSError`` if a file cannot
    be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for name in report:
        for measure in DRAWN:
            lines = _points(report, name, measure)
            if lines:
                path = _path(folder, f"{name} {measure}", paths)
                _draw(path, name, measure, lines)
                paths.append(path)
    return paths


def _points(report: Report, name: str, measure: str) -> dict[str, list[_Point]]:
    """For each method in order, its points by rate."""
    lines: dict[str, list[_Point]] = {}
    for block in report[name].values():
        for one in block:
            if measure in one.measures:
                lines.setdefault(one.method, []).append((one, one.measures[measure]))
    return {method: sorted(line, key=lambda point: point[0].rate) for method, line in lines.items()}


def _path(folder: Path, title: str, taken: Sequence[Path]) -> Path:
    """A file name without spaces or slashes; a second one of the same letters gets a number."""
    stem = re.sub(r"[^\w.]+", "-", title.lower()).strip("-.")
    candidates: Iterator[Path] = (
        folder / f"{stem}{f'-{number}' if number else ''}.png" for number in range(len(taken) + 1)
    )
    return next(path for path in candidates if path not in taken)


def _draw(path: Path, name: str, measure: str, lines: dict[str, list[_Point]]) -> None:
    # Not pyplot, which keeps every figure in a global list.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for at, (method, line) in enumerate(lines.items()):
        _line(axes, at, method, line)
    count = max(found.count for line in lines.values() for _, found in line)
    axes.set_title(f"{name}: {count} examples, bands are {LEVEL:.0%} intervals", loc="left")
    axes.set_xlabel("tokens kept, share of those given")
    axes.set_ylabel(measure)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, handlelength=4)
    figure.savefig(path, dpi=_DOTS_PER_INCH)


def _line(axes: Axes, at: int, method: str, line: Sequence[_Point]) -> None:
    rates = [one.rate for one, _ in line]
    estimates = [measure.estimate for _, measure in line]
    colour = _COLOURS[(at - 1) % len(_COLOURS)] if at else _OURS
    dashes = _DASHES[(at - 1) % len(_DASHES)] if at else ()
    axes.plot(
        rates,
        [one.mean for one in estimates],
        label=method,
        color=colour,
        linestyle=(0, dashes) if dashes else "-",
        linewidth=_WIDTH if at else _FIRST_WIDTH,
        marker=_MARKERS[(at - 1) % len(_MARKERS)] if at else "o",
        markersize=5,
        markerfacecolor="white" if at else colour,
        zorder=2 if at else 3,
    )
    low, high = [one.low for one in estimates], [one.high for one in estimates]
    if len(line) > 1:
        axes.fill_between(rates, low, high, color=colour, alpha=0.08 if at else 0.16, linewidth=0)
    else:
        # A band of no width cannot be seen.
        axes.vlines(rates, low, high, color=colour, alpha=0.4)
