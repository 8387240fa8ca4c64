from __future__ import annotations

from collections.abc import Sequence

import pytest

pytest.importorskip("torch")

from benchmarks.exit_classifier import Judged, against, f1, judged
from compressors import Pieces
from training.examples import Group, document
from training.exit_rows import Kind, exit_rows


class LikesHarbours:
    """A ``SentenceScorer`` that goes by one word."""

    def __init__(self) -> None:
        self.asked = 0

    def score(self, query: str, documents: Sequence[Pieces]) -> list[list[float]]:
        self.asked += 1
        return [
            [0.9 if "harbour" in one.text[start:end] else 0.1 for start, end in one.ranges]
            for one in documents
        ]


def test_f1_counts_what_was_taken_for_a_positive() -> None:
    rows = [
        Judged(Kind.POSITIVE, 0.9),
        Judged(Kind.POSITIVE, 0.4),
        Judged(Kind.HARD, 0.8),
        Judged(Kind.RANDOM, 0.1),
    ]

    assert f1(rows, 0.5) == pytest.approx(0.5)
    assert f1(against(rows, [Kind.RANDOM]), 0.5) == pytest.approx(2 / 3)
    assert f1(rows, 0.0) == pytest.approx(2 * 2 / (4 + 2))
    assert f1(rows, 1.0) == 0.0


def test_a_sentence_is_judged_in_its_own_document_which_is_read_once() -> None:
    groups = [
        Group(
            "one",
            str(at),
            f"When was number {at} built?",
            (
                document(
                    f"Town {at}",
                    f"The harbour number {at} was built in 1904. Sheep graze on the hill. "
                    f"The harbour master of {at} lives there. It rains.",
                    ((0, 41), (70, 100)),
                ),
            ),
            (document(f"Mill {at}", f"Mill {at} grinds corn."),),
        )
        for at in range(12)
    ]
    scorer = LikesHarbours()
    rows = exit_rows(groups)

    found = judged(scorer, rows)

    assert [one.kind for one in found] == [row.kind for row in rows]
    assert {one.probability for one in found if one.kind is Kind.POSITIVE} == {0.9}
    assert scorer.asked == len({(row.prompt.query, row.prompt.context) for row in rows})
    assert f1(found, 0.5) > 0.7
