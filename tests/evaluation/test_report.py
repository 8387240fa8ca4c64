"""Tables and files of a small report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from evaluation.report import table, write_csv, write_json
from evaluation.summary import Report, summed
from tests.evaluation.outcomes_on_hand import outcome, outcomes

MANY = 40


@pytest.fixture(scope="module")
def report() -> Report:
    best = outcomes([True] * MANY)
    half = outcomes([True, False] * (MANY // 2), rate=0.19)
    no_answers = [outcome(str(at), answered=None, seconds=1.5) for at in range(MANY)]
    return summed(
        {
            "won": {"rate 0.2": {"ours": best, "BM25": half, "lead": outcomes([False] * MANY)}},
            "lost": {"rate 0.2": {"ours": half, "BM25": best}},
            "even": {"rate 0.2": {"ours": half, "BM25": outcomes([False, True] * (MANY // 2))}},
            "meetings": {"rate 0.1": {"ours": no_answers}, "rate 0.2": {}},
        }
    )


def block(report: Report, name: str) -> str:
    return "\n".join(table({name: report[name]}))


def test_a_method_has_a_line_with_all_its_numbers(report: Report) -> None:
    lines = [line.split() for line in table({"won": report["won"]})]

    assert ["40", "0.2000", "1.000", "[1.000", "1.000]"] in [line[1:6] for line in lines]
    assert [line[6:] for line in lines if line[:1] == ["BM25"]] == [
        ["1.000", "0.500", "–", "–", "0", "0", "0.250"]
    ]
    assert [line[0] for line in lines[5:8]] == ["ours", "BM25", "lead"]


def test_every_column_is_under_its_header(report: Report) -> None:
    header, first, second = list(table({"won": report["won"]}))[4:7]

    ends = [len(header[: header.index(word)]) + len(word) for word in ("n ", "rate", "seconds")]
    assert len(header) == len(first) == len(second) == ends[-1]
    assert first[: ends[1]].endswith(" 0.2000")
    assert first[: ends[0] - 1].endswith(" 40")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("won", "answers kept +0.500 [+0.350 +0.650] better than BM25 (0.500 at rate 0.1900)"),
        ("lost", "answers kept -0.500 [-0.650 -0.350] worse than BM25 (1.000 at rate 0.2000)"),
        ("even", "not told apart from BM25 (0.500 at rate 0.2000)"),
    ],
)
def test_losses_are_shown_like_wins_over_the_best_other_method(
    report: Report, name: str, line: str
) -> None:
    shown = " ".join(block(report, name).split())

    assert "ours against the best other method:" in shown
    assert line in shown


def test_what_nobody_measured_is_a_dash_and_compared_with_nobody(report: Report) -> None:
    shown = block(report, "meetings")

    assert "meetings, rate 0.1" in shown
    assert "–" in shown
    assert "against" not in shown
    assert "rate 0.2" not in shown


def test_json_holds_every_number(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"

    write_json(report, path)

    data = json.loads(path.read_text(encoding="utf-8"))
    bm25 = data["won"]["rate 0.2"]["BM25"]
    assert list(data) == ["won", "lost", "even", "meetings"]
    assert (bm25["examples"], bm25["token_rate"]) == (40, pytest.approx(0.19))
    assert (bm25["empty"], bm25["longer"], bm25["seconds"]) == (0, 0, 0.25)
    assert (bm25["answers_kept"]["examples"], bm25["answers_kept"]["mean"]) == (40, 0.5)
    assert bm25["answers_kept"]["first_ahead"]["mean"] == 0.5
    assert bm25["answers_kept"]["low"] < 0.5 < bm25["answers_kept"]["high"]
    assert data["won"]["rate 0.2"]["ours"]["answers_kept"]["first_ahead"] is None
    assert "answers_kept" not in data["meetings"]["rate 0.1"]["ours"]
    assert data["meetings"]["rate 0.2"] == {}


def test_csv_holds_the_same_numbers(report: Report, tmp_path: Path) -> None:
    write_json(report, tmp_path / "report.json")
    write_csv(report, tmp_path / "report.csv")

    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    numbers = {
        (row["set"], row["point"], row["method"]): {
            key: float(value)
            for key, value in row.items()
            if value and key not in {"set", "point", "method"}
        }
        for row in rows
    }
    assert numbers == {
        (name, point, method): _flat(found)
        for name, points in data.items()
        for point, methods in points.items()
        for method, found in methods.items()
    }


def test_files_of_nothing_have_nothing_but_a_header(tmp_path: Path) -> None:
    write_json({}, tmp_path / "report.json")
    write_csv({}, tmp_path / "report.csv")

    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == {}
    (header,) = (tmp_path / "report.csv").read_text(encoding="utf-8").splitlines()
    assert header.startswith("set,point,method,examples,token_rate,empty,longer,seconds,")


def _flat(found: dict[str, object], before: str = "") -> dict[str, float]:
    flat: dict[str, float] = {}
    for key, value in found.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{key}_")
        elif isinstance(value, int | float):
            flat[before + key] = value
    return flat
