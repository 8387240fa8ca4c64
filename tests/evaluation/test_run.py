"""What a run does, what it leaves to the next one, and what it never writes down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from compressors import Overloaded
from condensery import Client
from evaluation.chains import ChainMethod
from evaluation.run import Contestant, Evaluation, Failed, Outcomes
from evaluation.values import Example, Kept, Shortened, Source
from evaluation.work import Point, Task, first_alone
from tests.client.opening import local, model, opened, opening
from tests.core.words_on_hand import WordCounter
from tests.service.hand import Overlap

__all__ = ["local", "model", "opened", "opening"]

HALF, TENTH, SURE = Point("rate", 0.5), Point("rate", 0.1), Point("threshold", 0.5)


@dataclass
class Beginning:
    """A ``Method``: the first words of the first document. Remembers what it was asked."""

    name: str = "beginning"
    fails_at: str | None = None
    asked: list[tuple[str, list[int]]] = field(default_factory=list)

    def shorten(self, example: Example, budgets: Sequence[int]) -> Sequence[Shortened]:
        if example.id == self.fails_at:
            raise Overloaded("too much", retry_after=1.0)
        self.asked.append((example.id, list(budgets)))
        words = example.documents[0].text.split()
        return [(Kept(0, " ".join(words[:budget]), None),) for budget in budgets]


@dataclass
class Echo:
    """A ``Reader`` that answers with all that it was given."""

    name: str = "echo"
    asked: list[tuple[str, Sequence[tuple[str, str]]]] = field(default_factory=list)

    def read(self, asked: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> Sequence[str]:
        self.asked += asked
        return [" ".join(text for _, text in documents) for _, documents in asked]


def row(number: int, **values: Any) -> dict[str, Any]:
    text = f"Tower {number} stands in Brno. Nobody lives in it today. Birds do. It is very high."
    document = {"id": "a", "title": "Towers", "text": text, "is_gold": True}
    usual = {"id": f"q{number}", "query": f"Where is tower {number}?", "answers": ["Brno"]}
    return usual | {"documents": [document]} | values


def written(folder: Path, *rows: Mapping[str, Any], name: str = "towers.jsonl") -> Path:
    file = folder / name
    file.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return file


@pytest.fixture
def towers(tmp_path: Path) -> Path:
    return written(tmp_path, *(row(number) for number in range(40)))


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    return Evaluation((HALF, TENTH), WordCounter(), None, tmp_path / "outcomes")


@pytest.fixture
def chain(local: Client) -> Contestant:
    return Contestant.chain(ChainMethod.of(local, "default", tokenizer="words"), {}, at_once=3)


def alone(evaluation: Evaluation, file: Path, method: Beginning, version: int = 1) -> Outcomes:
    return evaluation.run(file, Contestant.other(method, {"version": version}), [])


def timeless(outcomes: Outcomes) -> Any:
    return {
        point: {name: [replace(each, seconds=0) for each in own] for name, own in methods.items()}
        for point, methods in outcomes.items()
    }


def test_measures_every_example_at_every_point(evaluation: Evaluation, towers: Path) -> None:
    results = alone(evaluation, towers, Beginning())

    assert list(results) == ["rate 0.5", "rate 0.1"]
    half, tenth = (results[point]["beginning"] for point in results)
    assert [one.id for one in half] == [f"q{number}" for number in range(40)]
    assert {(one.tokens_before, one.tokens_after, one.answered) for one in half} == {(16, 8, True)}
    assert {(one.tokens_after, one.answered) for one in tenth} == {(1, False)}


def test_the_time_for_one_budget_is_that_of_a_call_of_its_own() -> None:
    method = Beginning()
    example = Example("1", "?", (), (Source("", "one two three four five six"),))

    timed = first_alone(method, Task(example, 6, {HALF: 4, TENTH: 1, SURE: 2}))

    assert method.asked == [("1", [4]), ("1", [1, 2])]
    assert len({seconds for _, seconds in timed}) == 1
    assert [len(left[0].text.split()) for left, _ in timed] == [4, 1, 2]


def test_a_second_run_asks_for_nothing(evaluation: Evaluation, towers: Path) -> None:
    first, second = Beginning(), Beginning()

    before = alone(evaluation, towers, first)
    after = alone(evaluation, towers, second)

    assert after == before
    assert len(first.asked) == 80
    assert second.asked == []


def test_a_point_more_is_all_that_is_done(evaluation: Evaluation, towers: Path) -> None:
    method = Beginning()
    alone(evaluation, towers, Beginning())

    results = alone(replace(evaluation, points=(TENTH, Point("rate", 0.25), HALF)), towers, method)

    assert list(results) == ["rate 0.1", "rate 0.25", "rate 0.5"]
    assert [budgets for _, budgets in method.asked] == [[4]] * 40


def test_what_decides_an_outcome_makes_it_anew(evaluation: Evaluation, towers: Path) -> None:
    alone(evaluation, towers, Beginning())
    changes: list[tuple[Evaluation, int]] = [
        (evaluation, 2),
        (replace(evaluation, counter=WordCounter("others")), 1),
        (replace(evaluation, reader=Echo()), 1),
        (replace(evaluation, deciding={"code": 2}), 1),
    ]

    for changed, version in changes:
        method = Beginning()
        alone(changed, towers, method, version)
        assert len(method.asked) == 80
    towers.write_text(towers.read_text() + "\n")
    method = Beginning()
    alone(evaluation, towers, method)
    assert len(method.asked) == 80


def test_a_run_that_fails_names_the_example_and_loses_little(
    evaluation: Evaluation, towers: Path
) -> None:
    method = Beginning()
    with pytest.raises(Failed, match="towers, q20, beginning: too much"):
        alone(evaluation, towers, Beginning(fails_at="q20"))

    results = alone(evaluation, towers, method)

    assert [id_ for id_, _ in method.asked[::2]] == [f"q{number}" for number in range(16, 40)]
    assert len(results["rate 0.5"]["beginning"]) == 40


def test_a_torn_line_is_done_again_and_spoils_no_other(
    evaluation: Evaluation, towers: Path
) -> None:
    whole = alone(evaluation, towers, Beginning())
    (file,) = evaluation.folder.iterdir()
    file.write_bytes(file.read_bytes()[:-20])
    method, nothing = Beginning(), Beginning()

    again = alone(evaluation, towers, method)
    third = alone(evaluation, towers, nothing)

    assert method.asked == [("q39", [1])]
    assert nothing.asked == []
    assert timeless(again) == timeless(third) == timeless(whole)


def test_at_a_threshold_others_get_the_tokens_that_the_chain_used(
    evaluation: Evaluation, tmp_path: Path, chain: Contestant
) -> None:
    # Of the query's four words, the first sentence has three.
    other = "Towers are high. Some fall."
    documents = [{"id": "b", "title": "", "text": other, "is_gold": False}]
    file = written(tmp_path, row(1), row(2, documents=row(2)["documents"] + documents))
    method = Beginning()

    results = replace(evaluation, points=(SURE,)).run(file, chain, [Contestant.other(method, {})])

    ours, theirs = results["threshold 0.5"].values()
    assert [one.tokens_after for one in ours] == [5, 5]
    assert [one.tokens_after for one in theirs] == [5, 5]
    assert method.asked == [("q1", [5]), ("q2", [5])]


def test_several_requests_at_once_give_the_same_in_the_same_order(
    evaluation: Evaluation, towers: Path, tmp_path: Path, chain: Contestant
) -> None:
    both = replace(evaluation, points=(HALF, SURE))

    many = both.run(towers, chain, [])
    one = replace(both, folder=tmp_path / "one").run(towers, replace(chain, at_once=1), [])

    assert timeless(many) == timeless(one)


def test_a_second_run_leaves_the_model_alone(
    evaluation: Evaluation, towers: Path, chain: Contestant, model: Overlap
) -> None:
    evaluation.run(towers, chain, [])
    seen = model.seen

    evaluation.run(towers, chain, [])

    assert model.seen == seen > 0


def test_a_limit_takes_an_even_part(evaluation: Evaluation, towers: Path) -> None:
    results = alone(replace(evaluation, limit=15), towers, Beginning())

    assert [one.id for one in results["rate 0.5"]["beginning"]] == [
        f"q{number}" for number in range(0, 40, 3)
    ]


def test_a_reader_is_asked_with_titles_where_there_is_an_answer(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    file = written(tmp_path, row(1), row(2, answers=["yes"]), row(3, answers=["tower 3 stands"]))
    reader = Echo()

    results = alone(replace(evaluation, reader=reader, points=(HALF,)), file, Beginning())

    assert [query for query, _ in reader.asked] == ["Where is tower 1?", "Where is tower 3?"]
    assert reader.asked[0][1] == [("Towers", "Tower 1 stands in Brno. Nobody lives in")]
    outcomes = results["rate 0.5"]["beginning"]
    assert [one.em for one in outcomes] == [0.0, None, 0.0]
    # Of eight words that were read, one was wanted, and three.
    assert [one.f1 for one in outcomes] == [pytest.approx(2 / 9), None, pytest.approx(6 / 11)]


def test_no_text_is_ever_written(evaluation: Evaluation, towers: Path, chain: Contestant) -> None:
    reading = replace(evaluation, reader=Echo(), points=(HALF, SURE))

    reading.run(towers, chain, [Contestant.other(Beginning(), {})])

    for file in evaluation.folder.iterdir():
        told = file.read_text().lower()
        assert not any(word in told for word in ("tower ", "brno", "where", "birds", "nobody"))
    assert {file.name for file in evaluation.folder.iterdir()} == {
        "towers.beginning.jsonl",
        "towers.condensery-default.jsonl",
    }


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([row(1), row(1)], "same id"),
        ([], "no example"),
        ([row(1, documents=[])], "q1 have no text"),
        ([row(1), {"id": "x"}], "towers.jsonl:2"),
    ],
)
def test_files_that_cannot_be_used_are_refused(
    evaluation: Evaluation, tmp_path: Path, rows: list[dict[str, Any]], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        alone(evaluation, written(tmp_path, *rows), Beginning())


@pytest.mark.parametrize(
    ("kind", "value"), [("rate", 0.0), ("rate", 1.1), ("threshold", -0.1), ("rate", float("nan"))]
)
def test_points_that_cannot_be_are_refused(kind: Any, value: float) -> None:
    with pytest.raises(ValueError, match=kind):
        Point(kind, value)
