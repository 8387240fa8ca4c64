"""A report to read and to calculate with: a table, JSON and CSV, all of it without any text."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from evaluation.statistics import LEVEL, RESAMPLES, Estimate
from evaluation.summary import MEASURES, Report, Summary

_HEADER: Final = (
    f"{'n':>5}   rate {'answers kept':^19} recall prec.    EM    F1 empty longer seconds"
)
_NONE: Final = "–"
_KEYS: Final = {name: name.lower().replace(" ", "_") for name in MEASURES}
_PARTS: Final = ("mean", "low", "high")
_COLUMNS: Final = (
    *("set", "point", "method", "examples", "token_rate", "empty", "longer", "seconds"),
    *(
        f"{key}_{part}"
        for key in _KEYS.values()
        for part in ("examples", *_PARTS, *(f"first_ahead_{part}" for part in _PARTS))
    ),
)


def table(report: Report) -> Iterator[str]:
    """Lines for a terminal: for each set and point a block of one line for each method.

    Below it stands, for each measure, how far the first method is from the best other one, and
    whether the interval of that says anything.
    """
    yield f"Means over n examples, with their {LEVEL:.0%} interval ({RESAMPLES:,} resamples)."
    yield "Seconds are for one example."
    for name, points in report.items():
        for point, block in points.items():
            if block:
                yield ""
                yield from _lines(f"{name}, {point}", block)


def write_json(report: Report, path: Path) -> None:
    """Every number, by set, point and method. Raises ``OSError`` if that fails."""
    data = {
        name: {
            point: {one.method: _numbers(one) for one in block} for point, block in points.items()
        }
        for name, points in report.items()
    }
    text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def write_csv(report: Report, path: Path) -> None:
    """The same numbers, a row for each set, point and method; empty where there is none.

    Raises ``OSError`` if the file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, restval="")
        writer.writeheader()
        for name, points in report.items():
            for point, block in points.items():
                for one in block:
                    row = {"set": name, "point": point, "method": one.method}
                    writer.writerow(row | _flat(_numbers(one)))


def _lines(title: str, block: Sequence[Summary]) -> Iterator[str]:
    width = max(len(one.method) for one in block)
    yield title
    yield f"  {'':{width}} {_HEADER}"
    for one in block:
        yield f"  {one.method:{width}} {_line(one)}"
    comparisons = list(_comparisons(block))
    if comparisons:
        yield f"  {block[0].method} against the best other method:"
        yield from comparisons


def _comparisons(block: Sequence[Summary]) -> Iterator[str]:
    for name in MEASURES:
        others = [
            (found.estimate.mean, found.ahead, one)
            for one in block[1:]
            if (found := one.measures.get(name)) and found.ahead
        ]
        if others:
            mean, ahead, best = max(others, key=itemgetter(0))
            rival = f"{best.method} ({mean:.3f} at rate {best.rate:.4f})"
            yield f"    {name:17} {_verdict(ahead)} {rival}"


def _line(one: Summary) -> str:
    estimates = {name: measure.estimate for name, measure in one.measures.items()}
    kept, *others = (estimates.get(name) for name in MEASURES)
    shown = f"{kept.mean:.3f} [{kept.low:.3f} {kept.high:.3f}]" if kept else _NONE
    cells = " ".join(f"{other.mean:.3f}" if other else f"{_NONE:>5}" for other in others)
    counts = f"{one.empty:5} {one.longer:6} {one.seconds:7.3f}"
    return f"{one.count:5} {one.rate:.4f} {shown:^19}  {cells} {counts}"


def _verdict(ahead: Estimate) -> str:
    numbers = f"{ahead.mean:+.3f} [{ahead.low:+.3f} {ahead.high:+.3f}]"
    if ahead.low > 0:
        return f"{numbers} better than"
    if ahead.high < 0:
        return f"{numbers} worse than"
    return f"{numbers} not told apart from"


def _numbers(one: Summary) -> dict[str, Any]:
    measures = {
        _KEYS[name]: {
            "examples": measure.count,
            **measure.estimate._asdict(),
            "first_ahead": measure.ahead and measure.ahead._asdict(),
        }
        for name, measure in one.measures.items()
    }
    return {
        "examples": one.count,
        "token_rate": one.rate,
        "empty": one.empty,
        "longer": one.longer,
        "seconds": one.seconds,
        **measures,
    }


def _flat(numbers: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{name}_")
        elif value is not None:
            flat[before + name] = value
    return flat
