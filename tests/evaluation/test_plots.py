"""Pictures, looked at by the numbers of their dots."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evaluation.plots import curves
from evaluation.summary import Report, summed
from tests.evaluation.outcomes_on_hand import outcome, outcomes

PNG = b"\x89PNG\r\n\x1a\n"


def some(*names: str, methods: int = 2) -> Report:
    return summed(
        {
            name: {
                f"rate {rate}": {
                    f"method {number}": outcomes([True] * (9 - number) + [False] * 3, rate=rate)
                    for number in range(methods)
                }
                for rate in (0.1, 0.3)
            }
            for name in names
        }
    )


def test_draws_a_picture_for_each_set_and_measure_that_it_has(tmp_path: Path) -> None:
    meetings = summed({"QMSum": {"rate 0.1": {"ours": [outcome(answered=None, f1=0.5)]}}})
    report = {**some("SQuAD, 10 documents"), **meetings}

    paths = curves(report, tmp_path / "curves")

    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "curves/squad-10-documents-answers-kept.png",
        "curves/squad-10-documents-support-recall.png",
        "curves/qmsum-support-recall.png",
        "curves/qmsum-f1.png",
    ]
    assert all(path.read_bytes().startswith(PNG) for path in paths)


def test_names_that_files_cannot_have_neither_leave_the_folder_nor_meet(tmp_path: Path) -> None:
    paths = curves(some("../a/b", "a b"), tmp_path)

    assert len({*paths}) == len(paths) == 4
    assert all(path.parent == tmp_path and path.exists() for path in paths)


def test_every_method_of_many_looks_different(tmp_path: Path) -> None:
    from matplotlib.axes import Axes

    drawn: list[tuple[object, ...]] = []
    plot = Axes.plot

    def watched(self: Axes, *args: object, **kwargs: object) -> object:
        drawn.append((kwargs["color"], kwargs["linestyle"], kwargs["marker"]))
        return plot(self, *args, **kwargs)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Axes, "plot", watched)
        curves({"many": some("many", methods=9)["many"]}, tmp_path)

    assert len(drawn) == 18
    assert len({*drawn[:9]}) == 9
    without_colour = {(dashes, marker) for _, dashes, marker in drawn[:9]}
    assert len(without_colour) == 9


def test_the_same_report_gives_the_same_picture(tmp_path: Path) -> None:
    (one, *_), (other, *_) = (
        curves(some("set"), tmp_path / "a"),
        curves(some("set"), tmp_path / "b"),
    )

    assert one.read_bytes() == other.read_bytes()


def test_a_report_of_nothing_gives_no_picture(tmp_path: Path) -> None:
    assert curves({"set": {"rate 0.1": ()}}, tmp_path) == []


def test_pictures_need_no_screen_and_no_global_figure(tmp_path: Path) -> None:
    # Others may have imported it.
    before = "matplotlib.pyplot" in sys.modules

    curves(some("set"), tmp_path)

    assert ("matplotlib.pyplot" in sys.modules) == before
