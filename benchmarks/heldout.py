"""Write the sets that nothing was trained on: ``python -m benchmarks.heldout DIRECTORY``.

Each becomes a file of rows as the shared data has them, for ``condensery eval``. In other languages
there are paragraphs with questions only; they become requests with hard distractors.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from training.data import rows
from training.holdout import is_benchmark

Row = dict[str, Any]

DOCUMENTS: Final = 10
"""Of a request that is made here."""
QUESTIONS: Final = 150
"""Of a set that is made here, at most."""

_SEED: Final = 13
_LANGUAGES: Final = {
    **{f"xquad_{code}": f"xquad/xquad.{code}" for code in ("de", "es", "ru", "zh", "ar")},
    "cmrc2018": "cmrc2018/dev",
    "drcd": "drcd/dev",
    "jaquad": "jaquad/train_part",
}


def shuffled(row: Row) -> Row:
    """A row with its documents in an order that its id decides: there, the gold one is first."""
    documents = list(row["documents"])
    random.Random(row["id"]).shuffle(documents)  # noqa: S311 - reproducible, not secret
    return row | {"documents": documents}


def held_out(source: str, name: str) -> list[Row]:
    """The rows of a file that training leaves alone."""
    return [row for row in rows(name) if is_benchmark(source, row["id"])]


def requests(name: str, paragraphs: Iterable[Row]) -> list[Row]:
    """Questions on paragraphs as requests, in their order.

    ``name`` up to an underline seeds what is drawn, so that XQuAD is asked alike in its languages.
    The distractors are the paragraphs with most of the query's character trigrams that hold none
    of its answers. Questions for which there are too few are left out.
    """
    rng = random.Random(f"{_SEED} {name.partition('_')[0]}")  # noqa: S311 - reproducible, not secret
    pool = [(row, _trigrams(row["text"])) for row in paragraphs]
    asked = [(row, question) for row, _ in pool for question in row["qas"]]
    order = list(range(len(asked)))
    rng.shuffle(order)
    made: dict[int, Row] = {}
    for index in order:
        gold, question = asked[index]
        others = _nearest(question, gold, pool)
        place = rng.randrange(DOCUMENTS)
        if len(others) == DOCUMENTS - 1:
            documents = [_document(row) for row in others]
            documents.insert(place, _document(gold, question))
            made[index] = {
                "id": question["id"],
                "query": question["query"],
                "answers": question["answers"],
                "documents": documents,
                "meta": {"lang": gold["lang"]},
            }
        if len(made) == QUESTIONS:
            break
    return [made[index] for index in sorted(made)]


SETS: Final[Mapping[str, Callable[[], list[Row]]]] = MappingProxyType(
    {
        "nq20": lambda: [shuffled(row) for row in rows("lost_in_the_middle/nq_20docs_original")],
        "squad10": lambda: list(rows("squad/rag_10docs_dev")),
        "hotpotqa": lambda: held_out("hotpotqa", "hotpotqa/multihop"),
        "2wiki": lambda: held_out("2wikimultihopqa", "2wikimultihopqa/multihop"),
        "musique": lambda: held_out("musique", "musique/multihop"),
        "qmsum": lambda: list(rows("qmsum/val")),
        "covid_qa": lambda: held_out("covid_qa", "covid_qa/articles"),
        **{
            name: lambda name=name, file=file: requests(name, rows(file))  # type: ignore[misc]
            for name, file in _LANGUAGES.items()
        },
    }
)
"""The held-out sets by name; each is read, and made, when it is called."""


def write(folder: Path, name: str) -> Path:
    """Write a set as a packed file of rows, the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.jsonl.gz"
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in SETS[name]())
    file.write_bytes(gzip.compress(lines.encode(), mtime=0))
    return file


def _nearest(question: Row, gold: Row, pool: Iterable[tuple[Row, frozenset[str]]]) -> list[Row]:
    wanted = _trigrams(question["query"])
    answers = [answer.lower() for answer in question["answers"]]
    others = [
        (row, found)
        for row, found in pool
        if row is not gold and not any(answer in row["text"].lower() for answer in answers)
    ]
    # Sorting is stable: of equals, the first of the file.
    others.sort(key=lambda each: -len(wanted & each[1]))
    return [row for row, _ in others[: DOCUMENTS - 1]]


def _trigrams(text: str) -> frozenset[str]:
    flat = " ".join(text.lower().split())
    return frozenset(flat[at : at + 3] for at in range(len(flat) - 2))


def _document(row: Row, question: Row | None = None) -> Row:
    document = {
        "id": row["id"],
        "title": row["title"].replace("_", " "),
        "text": row["text"],
        "is_gold": question is not None,
    }
    if question is not None:
        document["answer_spans"] = [
            [start, start + len(answer)]
            for start, answer in zip(question["answer_starts"], question["answers"], strict=True)
        ]
    return document


def main() -> None:
    """Write all sets, and say how many rows each has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIRECTORY")
    folder = parser.parse_args().folder
    for name in SETS:
        file = write(folder, name)
        count = gzip.decompress(file.read_bytes()).count(b"\n")
        sys.stdout.write(f"{file}: {count} rows\n")


if __name__ == "__main__":
    main()
