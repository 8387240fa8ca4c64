"""Read the training data: every query of the benchmark, and every gold text of it, left out."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.answers import mentions
from training.examples import (
    Group,
    LabelledDocument,
    annotated,
    answering,
    document,
    plain,
)
from training.holdout import is_benchmark, is_calibration, normalised
from training.mining import Pool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Row = dict[str, Any]
_MINED = 8


def data_folder() -> Path:
    """Where the shared data lies: ``CONDENSERY_DATA``, or beside the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("CONDENSERY_DATA", default))


def rows(name: str) -> Iterator[Row]:
    """The objects of one file of the shared data, by its name without the ending."""
    with gzip.open(data_folder() / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def benchmark_rows() -> dict[str, list[Row]]:
    """The benchmark sets, none of whose queries is ever trained on."""
    return {
        "nq20": list(rows("lost_in_the_middle/nq_20docs_original")),
        "squad10": list(rows("squad/rag_10docs_dev")),
        "hotpotqa": [
            row for row in rows("hotpotqa/multihop") if is_benchmark("hotpotqa", row["id"])
        ],
        "2wiki": [
            row
            for row in rows("2wikimultihopqa/multihop")
            if is_benchmark("2wikimultihopqa", row["id"])
        ],
    }


@dataclass(frozen=True, slots=True)
class Corpus:
    """Groups to train on by source, groups to calibrate on, and compression pairs."""

    train: dict[str, list[Group]]
    calibration: dict[str, list[Group]]
    pairs: list[tuple[str, str]]
    """The original, and one 0 or 1 for each of its words and punctuation marks."""


def corpus(seed: int = 13) -> Corpus:
    """Everything there is to train on."""
    forbidden = _Forbidden(benchmark_rows())
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    groups = [*_squad(rng, forbidden), *_wikipedia(forbidden), *_multihop(), *_papers(rng)]
    groups += _meetings(rng)
    train: dict[str, list[Group]] = defaultdict(list)
    calibration: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        if not any(one.support for one in group.gold) or forbidden.group(group):
            continue
        key = group.id.split("#")[0] if group.source == "squad" else group.id
        target = calibration if is_calibration(group.source, key) else train
        target[group.source].append(group)
    return Corpus(dict(train), dict(calibration), compression_pairs())


def compression_pairs() -> list[tuple[str, str]]:
    """News sentences, and one 0 or 1 for each of their words and punctuation marks."""
    found = rows("sentence_compression/google_eval_train_part")
    return [(row["original"], row["keep"]) for row in found]


class _Forbidden:
    def __init__(self, benchmark: dict[str, list[Row]]) -> None:
        everything = [row for part in benchmark.values() for row in part]
        self._queries = {normalised(row["query"]) for row in everything}
        self._texts = {
            normalised(one["text"])[:200]
            for row in everything
            for one in row["documents"]
            if one["is_gold"]
        }
        self._texts |= {normalised(row["text"])[:200] for row in rows("xquad/xquad.en")}

    def group(self, group: Group) -> bool:
        asked = normalised(group.query) in self._queries
        return asked or any(self.text(one.text) for one in group.gold)

    def text(self, text: str) -> bool:
        return normalised(text)[:200] in self._texts


def _squad(rng: random.Random, forbidden: _Forbidden) -> Iterator[Group]:
    """Questions of the train articles; distractors of the same article, and a few random ones."""
    articles: dict[str, list[Row]] = defaultdict(list)
    barred = set()
    for row in rows("squad/paragraphs"):
        articles[row["title"]].append(row)
        if forbidden.text(row["text"]) or row["source"] != "squad1.1-train":
            barred.add(row["title"])
    for title in barred:
        del articles[title]
    others = [document(title, row["text"]) for title in articles for row in articles[title]]
    for title, paragraphs in articles.items():
        pool = Pool([document(title, row["text"]) for row in paragraphs])
        for row in paragraphs:
            for question in row["qas"]:
                answers = tuple(question["answers"])
                evidence = tuple(
                    (start, start + len(answer))
                    for start, answer in zip(question["answer_starts"], answers, strict=True)
                )
                near = _without(answers, pool.nearest(question["query"], _MINED + 2), _MINED)
                yield Group(
                    "squad",
                    f"{title}#{question['id']}",
                    question["query"],
                    (document(title, row["text"], evidence),),
                    (*near, rng.choice(others)),
                    answers,
                )


def _wikipedia(forbidden: _Forbidden) -> list[Group]:
    """NaturalQuestions and its like: gold passages, with distractors mined from all of them."""
    ready = list(_nq_oracle())
    single = [*_sentences("qed_nq/train"), *_sentences("clapnq/dev")]
    single += _sentences("selqa/ass_dev_test_part")
    single = [one for one in single if not forbidden.group(one)]
    passages = {
        one.text: LabelledDocument(one.title, one.text, one.spans)
        for group in [*ready, *single]
        for one in (*group.gold, *group.distractors)
    }
    pool = Pool(list(passages.values()))
    mined = []
    for group in single:
        own = {one.text for one in group.gold}
        near = [one for one in pool.nearest(group.query, _MINED + 4) if one.text not in own]
        distractors = (*group.distractors, *_without(group.answers, near, _MINED))
        mined.append(
            Group(group.source, group.id, group.query, group.gold, distractors, group.answers)
        )
    return ready + mined


def _nq_oracle() -> Iterator[Group]:
    for row in rows("lost_in_the_middle/nq_oracle_10docs_mined"):
        answers = tuple(row["answers"])
        gold = [answering(d["title"], d["text"], answers) for d in row["documents"] if d["is_gold"]]
        rest = [document(d["title"], d["text"]) for d in row["documents"] if not d["is_gold"]]
        yield Group("nq_oracle", row["id"], row["query"], tuple(gold), tuple(rest), answers)


def _sentences(name: str) -> Iterator[Group]:
    source = name.split("/", maxsplit=1)[0]
    ptb = source != "selqa"
    for row in rows(name):
        answers = tuple(plain(answer) for answer in row["answers"])
        gold = tuple(
            annotated(d["title"], d["sentences"], d.get("supporting", []), ptb=ptb)
            for d in row["documents"]
            if d.get("sentences") and d.get("supporting")
        )
        yield Group(source, row["id"], row["query"], gold, (), answers)


def _multihop() -> Iterator[Group]:
    for name in (
        "hotpotqa/multihop",
        "hotpotqa/fullwiki_partial_evidence",
        "2wikimultihopqa/multihop",
        "musique/multihop",
    ):
        source = name.split("/")[0]
        for row in rows(name):
            if is_benchmark(source, row["id"]) and name.endswith("multihop"):
                continue
            label = "partial" if name.endswith("evidence") else source
            steps = row["meta"].get("decomposition") or []
            answers = (*row["answers"], *(one["answer"] for one in steps))
            gold, rest = [], []
            for d in row["documents"]:
                if not d["is_gold"]:
                    rest.append(document(d["title"], d["text"]))
                elif "sentences" in d:
                    gold.append(annotated(d["title"], d["sentences"], d.get("supporting", [])))
                else:
                    gold.append(answering(d["title"], d["text"], tuple(answers)))
            answers = tuple(row["answers"])
            yield Group(label, row["id"], row["query"], tuple(gold), tuple(rest), answers)


def _papers(rng: random.Random) -> Iterator[Group]:
    """Windows of medical papers; the distractors are other windows of the same paper."""
    for row in rows("covid_qa/articles"):
        if is_benchmark("covid_qa", row["id"]):
            continue
        text = row["text"]
        for question in rng.sample(row["qas"], min(6, len(row["qas"]))):
            start, length = question["answer_starts"][0], len(question["answers"][0])
            from_ = max(0, start - rng.randrange(600))
            first = text.find(" ", from_) + 1 if from_ else 0
            to = first + max(900, start + length - first)
            evidence = ((start - first, start - first + length),)
            gold = document(row["title"], text[first:to], evidence)
            rest = []
            for _ in range(4):
                other = rng.randrange(max(1, len(text) - 900))
                if other + 900 < first or other > to:
                    rest.append(document(row["title"], text[other : other + 900]))
            yield Group("covid_qa", question["id"], question["query"], (gold,), tuple(rest))


def _meetings(rng: random.Random) -> Iterator[Group]:
    """Specific questions on meetings: what was said in the relevant turns, and elsewhere."""
    for row in rows("qmsum/train"):
        turns = [plain(f"{who}: {said}") for who, said in row["turns"]]
        for question in row["queries"]:
            if question["kind"] != "specific" or not question.get("relevant_turns"):
                continue
            first, last = question["relevant_turns"][0]
            inside = "\n".join(turns[first : last + 1])[:900]
            outside = [i for i in range(len(turns)) if not first - 8 <= i <= last]
            if len(inside) < 300 or len(outside) < 8 or rng.random() > 0.4:
                continue
            rest = ["\n".join(turns[i : i + 8])[:900] for i in rng.sample(outside, 4)]
            yield Group(
                "qmsum",
                question["id"],
                question["query"],
                (document("", inside, ((0, len(inside)),)),),
                tuple(document("", one) for one in rest),
            )


def _without(
    answers: tuple[str, ...], documents: Iterable[LabelledDocument], count: int
) -> list[LabelledDocument]:
    return [one for one in documents if not mentions(one.text, answers)][:count]
