"""Evaluate methods on sets, do what is missing, and go on where it stopped."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from compressors.budget import Counter, share_of
from compressors.errors import CompressionError
from condensery import CondenseryError
from evaluation.chains import ChainMethod
from evaluation.measures import Outcome, measured
from evaluation.rows import examples
from evaluation.store import Store, digest, fingerprint
from evaluation.values import Example, Method, Reader, Shortened
from evaluation.work import Point, Task, Timed, Way, by_chain, first_alone

_TOGETHER: Final = 16
"""Examples that are read, and written down, at a time: what a run that is killed loses."""
_SUFFIX: Final = re.compile(r"\.jsonl(\.gz)?$|\.gz$")
_UNFIT: Final = re.compile(r"[^\w.-]+")

Outcomes = dict[str, dict[str, list[Outcome]]]
"""Of one set, by point and method, the first method first; what ``summed`` takes."""


class Failed(ValueError):
    """A method could not do an example; both are named. What is done stays done."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A method by the way to ask it, ``at_once`` examples at a time.

    ``deciding`` are its settings and versions: if they change, its outcomes are made again.
    """

    name: str
    way: Way
    deciding: Mapping[str, Any]
    at_once: int = 1
    has_thresholds: bool = False

    @classmethod
    def chain(
        cls, method: ChainMethod, deciding: Mapping[str, Any], *, at_once: int = 1
    ) -> Contestant:
        return cls(method.name, partial(by_chain, method), deciding, at_once, has_thresholds=True)

    @classmethod
    def other(cls, method: Method, deciding: Mapping[str, Any]) -> Contestant:
        return cls(method.name, partial(first_alone, method), deciding)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is measured of every set, and where it is remembered.

    ``deciding`` is what decides every outcome beside the file, the method and the names below.
    ``limit`` takes an even part of so many examples of a set at most.
    """

    points: Sequence[Point]
    counter: Counter
    reader: Reader | None
    folder: Path
    deciding: Mapping[str, Any] = field(default_factory=dict)
    limit: int | None = None

    def run(self, file: Path, first: Contestant, others: Sequence[Contestant]) -> Outcomes:
        """The outcomes of a set; those that are remembered are not made again.

        At thresholds, methods that have none get as many tokens as ``first`` used, example by
        example. Raises ``OSError`` and ``ValueError`` for a file that cannot be used, and
        ``Failed``.
        """
        given = self._examples(file)
        used: dict[tuple[Point, str], int] = {}
        results: Outcomes = {str(point): {} for point in self.points}
        for one in (first, *others):
            tasks = [
                Task(example, tokens, self._budgets(one, example.id, tokens, used))
                for example, tokens in given
            ]
            for point, outcomes in self._outcomes(file, one, tasks).items():
                results[str(point)][one.name] = outcomes
                if one is first:
                    used |= {(point, each.id): each.tokens_after for each in outcomes}
        return results

    def _examples(self, file: Path) -> list[tuple[Example, int]]:
        """The examples with their tokens."""
        given = list(examples(file))
        if len({one.id for one in given}) < len(given):
            raise ValueError(f"{file}: two examples have the same id")
        if not given:
            raise ValueError(f"{file}: there is no example in it")
        every = math.ceil(len(given) / self.limit) if self.limit else 1
        counted = []
        for one in given[::every]:
            tokens = sum(self.counter.count([document.text for document in one.documents]))
            if not tokens:
                raise ValueError(f"{file}: the documents of the example {one.id} have no text")
            counted.append((one, tokens))
        return counted

    def _budgets(
        self, one: Contestant, id_: str, tokens: int, used: Mapping[tuple[Point, str], int]
    ) -> dict[Point, int | None]:
        return {
            point: share_of(tokens, point.value)
            if point.kind == "rate"
            else None
            if one.has_thresholds
            else max(1, used[point, id_])
            for point in self.points
        }

    def _outcomes(
        self, file: Path, one: Contestant, tasks: Sequence[Task]
    ) -> dict[Point, list[Outcome]]:
        store = self._store(file, one)
        missing = [left for task in tasks if (left := _missing(task, store)).budgets]
        done = partial(_done, one, set_name(file))
        total = sum(len(task.budgets) for task in missing)
        label = f"{set_name(file)} {one.name}"
        with (
            ThreadPoolExecutor(one.at_once) as pool,
            tqdm(total=total, desc=label, ascii=True, mininterval=1, disable=not total) as bar,
        ):
            for group in _groups(missing):
                outcomes = self._measured(group, [*pool.map(done, group)])
                store.add(outcomes)
                bar.update(len(outcomes))
        return {point: [_found(task, store, point) for task in tasks] for point in self.points}

    def _store(self, file: Path, one: Contestant) -> Store:
        deciding = {
            "file": digest(file),
            "tokenizer": self.counter.name,
            "reader": self.reader.name if self.reader else None,
            "method": [one.name, one.deciding],
            "measures": self.deciding,
        }
        name = f"{set_name(file)}.{_UNFIT.sub('-', one.name)}.jsonl"
        return Store(self.folder / name, fingerprint(deciding))

    def _measured(
        self, tasks: Sequence[Task], timed: Sequence[Sequence[Timed]]
    ) -> list[tuple[str, int | None, Outcome]]:
        flat = [
            (task, point, budget, *result)
            for task, results in zip(tasks, timed, strict=True)
            for (point, budget), result in zip(task.budgets.items(), results, strict=True)
        ]
        predictions = self._predictions([(task.example, left) for task, _, _, left, _ in flat])
        return [
            (
                str(point),
                budget,
                measured(
                    task.example,
                    left,
                    before=task.tokens,
                    after=sum(self.counter.count([kept.text for kept in left])),
                    seconds=seconds,
                    prediction=prediction,
                ),
            )
            for (task, point, budget, left, seconds), prediction in zip(
                flat, predictions, strict=True
            )
        ]

    def _predictions(self, left: Sequence[tuple[Example, Shortened]]) -> list[str | None]:
        """The reader's answers, where there is a reader, and something to compare them with."""
        if self.reader is None:
            return [None] * len(left)
        asked = [
            (example.query, [(example.documents[one.document].title, one.text) for one in kept])
            for example, kept in left
            if example.answers
        ]
        answers = iter(self.reader.read(asked) if asked else [])
        return [next(answers) if example.answers else None for example, _ in left]


def set_name(file: Path) -> str:
    """What a set is called: its file without the ending."""
    return _SUFFIX.sub("", file.name)


def _missing(task: Task, store: Store) -> Task:
    budgets = {
        point: budget
        for point, budget in task.budgets.items()
        if store.get(str(point), budget, task.example.id) is None
    }
    return replace(task, budgets=budgets)


def _found(task: Task, store: Store, point: Point) -> Outcome:
    outcome = store.get(str(point), task.budgets[point], task.example.id)
    if outcome is None:
        raise LookupError(f"{task.example.id} was not done at {point}")
    return outcome


def _done(one: Contestant, where: str, task: Task) -> Sequence[Timed]:
    try:
        return one.way(task)
    except (CondenseryError, CompressionError) as error:
        raise Failed(f"{where}, {task.example.id}, {one.name}: {error}") from error


def _groups(tasks: Sequence[Task]) -> Iterator[Sequence[Task]]:
    for start in range(0, len(tasks), _TOGETHER):
        yield tasks[start : start + _TOGETHER]
