"""The held-out sets: whole, the same every time, and never trained on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.heldout import DOCUMENTS, QUESTIONS, SETS, Row, requests, shuffled, write
from evaluation.rows import examples
from training.data import corpus, data_folder
from training.holdout import normalised

needs_data = pytest.mark.skipif(
    not (data_folder() / "README.md").exists(), reason="the shared data is not here"
)
MADE = ("xquad_de", "xquad_es", "xquad_ru", "xquad_zh", "xquad_ar", "cmrc2018", "drcd", "jaquad")
TOWNS = ("Brno", "Lund", "Graz", "Nice", "Cork", "Riga", "Oulu", "Bern", "Pisa", "Vigo", "Gent")


def paragraphs(*texts: str) -> list[Row]:
    """One question for each: what stands at its beginning."""
    return [
        {
            "id": f"p{number}",
            "lang": "en",
            "title": f"Town_{number}",
            "text": text,
            "qas": [
                {
                    "id": f"q{number}",
                    "query": f"Which town has a mill of {number} wheels?",
                    "answers": [text.split()[0]],
                    "answer_starts": [0],
                }
            ],
        }
        for number, text in enumerate(texts)
    ]


def test_a_question_becomes_a_request_with_its_paragraph_among_others() -> None:
    made = requests("towns", paragraphs(*(f"{town} has a mill." for town in TOWNS)))

    assert [one["id"] for one in made] == [f"q{number}" for number in range(len(TOWNS))]
    for one in made:
        (gold,) = [each for each in one["documents"] if each["is_gold"]]
        assert len({each["id"] for each in one["documents"]}) == DOCUMENTS
        assert gold["title"] == f"Town {one['id'][1:]}"
        ((start, end),) = gold["answer_spans"]
        assert [gold["text"][start:end]] == one["answers"]
    places = {[d["is_gold"] for d in one["documents"]].index(True) for one in made}
    assert len(places) > 3


def test_distractors_are_near_and_hold_no_answer() -> None:
    near = [f"{town} has a mill of many wheels." for town in TOWNS]
    far = ["Zzz.", "Qqq.", "Xxx."]
    holding = "A mill of wheels is what the town of brno has."

    made = requests("towns", paragraphs(*far, holding, *near))

    one = next(each for each in made if each["answers"] == ["Brno"])
    texts = [each["text"] for each in one["documents"]]
    assert holding not in texts
    assert not set(far) & set(texts)


def test_a_question_without_enough_distractors_is_left_out() -> None:
    assert requests("towns", paragraphs(*(f"{town} it is." for town in TOWNS[:9]))) == []


def test_documents_are_shuffled_by_the_id_alone() -> None:
    row: Row = {"id": "a", "documents": [{"id": str(number)} for number in range(20)]}

    assert shuffled(row) == shuffled(dict(row))
    assert shuffled(row)["documents"] != row["documents"]
    assert sorted(d["id"] for d in shuffled(row)["documents"]) == sorted(
        d["id"] for d in row["documents"]
    )
    assert shuffled(row | {"id": "b"})["documents"] != shuffled(row)["documents"]


@needs_data
def test_the_same_bytes_are_written_every_time(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one", "xquad_de"), write(tmp_path / "other", "xquad_de")

    assert one.read_bytes() == other.read_bytes()


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_every_set_is_read_by_the_evaluation(name: str, tmp_path: Path) -> None:
    found = list(examples(write(tmp_path, name)))

    assert len(found) >= 70
    assert len({one.id for one in found}) == len(found)
    assert all(any(document.support for document in one.documents) for one in found)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_requests_of_other_languages_are_whole(name: str) -> None:
    made = SETS[name]()

    assert len(made) == QUESTIONS
    for row in made:
        gold = [one for one in row["documents"] if one["is_gold"]]
        assert (len(gold), len(row["documents"])) == (1, DOCUMENTS)
        spans = zip(gold[0]["answer_spans"], row["answers"], strict=True)
        assert all(gold[0]["text"][start:end] == answer for (start, end), answer in spans)
    places = Counter([one["is_gold"] for one in row["documents"]].index(True) for row in made)
    assert set(places) == set(range(DOCUMENTS))


@needs_data
@pytest.mark.slow
def test_nothing_that_is_held_out_is_trained_on(tmp_path: Path) -> None:
    everything = corpus()
    groups = [
        group
        for split in (everything.train, everything.calibration)
        for part in split.values()
        for group in part
    ]
    # Questions of one kind are asked about many meetings, so that those are told apart by ids.
    queries = {normalised(group.query) for group in groups if group.source != "qmsum"}
    ids = {group.id for group in groups if group.source == "qmsum"}
    gold = {normalised(one.text)[:200] for group in groups for one in group.gold}

    for name in ("nq20", "squad10", "hotpotqa", "2wiki", "musique", "qmsum", "covid_qa"):
        for one in examples(write(tmp_path, name)):
            texts = {normalised(d.text)[:200] for d in one.documents if d.is_gold}
            assert normalised(one.query) not in queries or name == "qmsum", (name, one.id)
            assert one.id not in ids, (name, one.id)
            assert not texts & gold or name not in {"nq20", "squad10"}, (name, one.id)
