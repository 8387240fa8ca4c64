"""Examples of every shape, and complaints about lines that have none."""

from __future__ import annotations

import gzip
import json
import os
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.rows import BadRow, examples
from evaluation.values import Example, Source

DATA = Path(os.environ.get("CONDENSERY_DATA", Path(__file__).parents[3] / "shared/data"))
SHARED = (
    "2wikimultihopqa/multihop",
    "clapnq/dev",
    "cmrc2018/dev",
    "covid_qa/articles",
    "drcd/dev",
    "hotpotqa/multihop",
    "jaquad/train_part",
    "leval/natural_question",
    "lost_in_the_middle/nq_20docs_original",
    "lost_in_the_middle/nq_oracle_10docs_mined",
    "musique/multihop",
    "pubmedqa/pqal_5docs",
    "qed_nq/dev",
    "qmsum/val",
    "selqa/ass_dev_test_part",
    "squad/paragraphs",
    "squad/rag_10docs_dev",
    "xquad/xquad.ar",
    "xquad/xquad.zh",
)
FERRY = "The ferry sails at dawn. It carries mail, art and goats. Nobody starts before noon."


def read(folder: Path, *rows: dict[str, Any]) -> list[Example]:
    path = folder / "set.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return list(examples(path))


def asking(*documents: object, answers: object, **more: object) -> dict[str, Any]:
    return {"id": "q1", "query": "what?", "answers": answers, "documents": documents, **more}


def gold(text: str, **more: object) -> dict[str, Any]:
    return {"id": "d", "title": "Ferry", "text": text, "is_gold": True, **more}


def needed(source: Source) -> list[str]:
    return [source.text[start:end] for start, end in source.support]


def test_a_retrieved_document_keeps_title_text_and_what_it_is(tmp_path: Path) -> None:
    other = {"id": "e", "title": "Goat_(animal)", "text": "Goats eat.", "is_gold": False}

    (example,) = read(tmp_path, asking(gold(FERRY), other, answers=["dawn"]))

    assert (example.id, example.query, example.answers) == ("q1", "what?", ("dawn",))
    assert [(one.title, one.text, one.is_gold) for one in example.documents] == [
        ("Ferry", FERRY, True),
        ("Goat (animal)", "Goats eat.", False),
    ]


def test_supporting_sentences_are_found_whatever_their_white_space(tmp_path: Path) -> None:
    sentences = ["It rains.", " It  rains.", "", "\tIt rains. "]
    row = gold("It rains.  It\nrains. It rains.", sentences=sentences, supporting=[1, 3])

    (example,) = read(tmp_path, asking(row, answers=["x"]))

    assert example.documents[0].support == ((11, 20), (21, 30))
    assert needed(example.documents[0]) == ["It\nrains.", "It rains."]


def test_a_document_without_text_is_its_sentences_with_spaces_between(tmp_path: Path) -> None:
    row = {"id": "d", "is_gold": True, "sentences": ["Rain .", "Sun ."], "supporting": [1]}

    (example,) = read(tmp_path, asking(row, answers=["Sun"]))

    assert example.documents[0] == Source("", "Rain . Sun .", is_gold=True, support=((7, 12),))


def test_sentences_of_which_none_is_marked_mean_that_none_is_needed(tmp_path: Path) -> None:
    row = gold("Rain at dawn.", sentences=["Rain at dawn."])

    (example,) = read(tmp_path, asking(row, answers=["dawn"]))

    assert example.documents[0].support == ()


def test_an_answer_span_is_widened_to_its_sentence(tmp_path: Path) -> None:
    at = FERRY.index("mail")
    row = gold(FERRY, answer_spans=[[at, at + 4], [at + 6, at + 9]])

    (example,) = read(tmp_path, asking(row, answers=["mail"]))

    assert needed(example.documents[0]) == ["It carries mail, art and goats."]


def test_an_answer_span_over_two_sentences_needs_both(tmp_path: Path) -> None:
    row = gold(FERRY, answer_spans=[[FERRY.index("dawn"), FERRY.index("It") + 2]])

    (example,) = read(tmp_path, asking(row, answers=["dawn. It"]))

    assert needed(example.documents[0]) == [
        "The ferry sails at dawn.",
        "It carries mail, art and goats.",
    ]


def test_only_gold_documents_need_the_sentences_that_hold_an_answer_as_words(
    tmp_path: Path,
) -> None:
    distractor = {"id": "e", "title": "", "text": "Art is long.", "is_gold": False}

    (example,) = read(tmp_path, asking(gold(FERRY), distractor, answers=["Art"]))

    assert needed(example.documents[0]) == ["It carries mail, art and goats."]
    assert example.documents[1].support == ()


def test_a_document_that_answers_a_part_of_the_question_needs_that_answer(tmp_path: Path) -> None:
    documents = (gold("Ann runs it. She is old."), gold("Ann was born in Ork. Ork is wet."))
    hops = [{"question": "who?", "answer": "Ann", "doc": 0}, {"answer": "Ork", "doc": 1}]

    (example,) = read(
        tmp_path, asking(*documents, answers=["Ork"], meta={"decomposition": hops, "type": "2hop"})
    )

    assert needed(example.documents[0]) == ["Ann runs it."]
    assert needed(example.documents[1]) == ["Ann was born in Ork.", "Ork is wet."]


def test_answers_that_no_text_holds_are_left_out(tmp_path: Path) -> None:
    (example,) = read(tmp_path, asking(gold(FERRY), answers=["Yes", "no.", "", "?", "no one"]))

    assert example.answers == ("no one",)


def test_a_paragraph_gives_an_example_for_each_question(tmp_path: Path) -> None:
    questions = [
        {"id": "a", "query": "when?", "answers": ["dawn"], "answer_starts": [19]},
        {"id": "b", "query": "why?", "answers": [], "answer_starts": []},
    ]

    first, second = read(tmp_path, {"id": "p", "title": "T_1", "text": FERRY, "qas": questions})

    assert (first.id, first.query, first.answers) == ("a", "when?", ("dawn",))
    assert first.documents[0].title == "T 1"
    assert needed(first.documents[0]) == ["The ferry sails at dawn."]
    assert (second.id, second.answers, second.documents[0].support) == ("b", (), ())


def test_a_meeting_is_a_document_of_lines_of_which_some_turns_are_needed(tmp_path: Path) -> None:
    turns = [["Ann", "Hello."], ["Bo", "The goat left. "], ["Cy", ""], ["Bo", "At dawn."]]
    queries = [
        {"id": "m-g0", "kind": "general", "query": "Summarize", "answer": "They met."},
        {
            "id": "m-s0",
            "kind": "specific",
            "query": "which goat?",
            "answer": "Bo's.",
            "relevant_turns": [[1, 2], [1, 1], [3, 3]],
        },
    ]

    (example,) = read(tmp_path, {"id": "m", "turns": turns, "queries": queries})

    assert (example.id, example.query, example.answers) == ("m-s0", "which goat?", ())
    assert example.documents[0].text == "Ann: Hello.\nBo: The goat left.\nCy: \nBo: At dawn."
    assert needed(example.documents[0]) == ["Bo: The goat left.", "Bo: At dawn."]


def test_a_long_document_gives_the_queries_whose_answers_it_holds(tmp_path: Path) -> None:
    queries = [
        {"query": "what of it?", "answers": ["a summary of ferries"]},
        {"query": "when?", "answers": ["DAWN", "at sunrise"]},
        {"query": "what?", "answers": ["goat"]},
    ]

    (example,) = read(tmp_path, {"id": "l", "document": FERRY, "queries": queries})

    assert (example.id, example.query, example.answers) == ("l#1", "when?", ("DAWN",))
    assert example.documents == (Source("", FERRY, is_gold=True),)


def test_reads_plain_and_gzipped_files_alike_and_skips_empty_lines(tmp_path: Path) -> None:
    row = json.dumps(asking(gold(FERRY), answers=["dawn"])).encode()
    plain, packed = tmp_path / "set.jsonl", tmp_path / "set.jsonl.gz"
    plain.write_bytes(row + b"\n\n" + row + b"\n")
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    assert list(examples(plain)) == list(examples(packed))
    assert len(list(examples(plain))) == 2


def test_reads_a_file_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps(asking(gold(FERRY), answers=["dawn"])) + "\nSECRET", "utf-8")
    reading = examples(path)

    assert next(reading).id == "q1"
    with pytest.raises(BadRow, match=r"set\.jsonl:2: the line is no JSON"):
        next(reading)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ([], "the line is no object"),
        ({"id": "SECRET"}, "the line has neither documents, qas"),
        (asking("SECRET", answers=[]), r"documents\[0\] is no object"),
        (asking(gold("SECRET"), answers="SECRET"), "answers is no list"),
        (asking(gold("SECRET"), answers=[7]), r"answers\[0\] is no text"),
        ({"id": "q", "answers": [], "documents": []}, "query is missing"),
        ({"query": "q", "answers": [], "documents": []}, "id is missing"),
        (asking({"is_gold": True, "title": "SECRET"}, answers=[]), r"\.sentences is missing"),
        (asking({"text": "SECRET"}, answers=[]), r"documents\[0\]\.is_gold is missing"),
        (asking(gold("\ud800SECRET"), answers=[]), r"\.text is no valid Unicode"),
        (asking(gold("SECRET", supporting=[0]), answers=[]), r"\.sentences is missing"),
        (
            asking(gold("SECRET", supporting=[1], sentences=["SECRET"]), answers=[]),
            r"documents\[0\]\.supporting\[0\] is no whole number from 0 to 0",
        ),
        (
            asking(gold("SECRET", supporting=[], sentences=["SECRET", "SECRET"]), answers=[]),
            r"\.sentences\[1\] is not in the text after the sentences before it",
        ),
        (
            asking(gold("SECRET", answer_spans=[[2, 2]]), answers=[]),
            r"\.answer_spans\[0\] is an empty range",
        ),
        (
            asking(gold("SECRET", answer_spans=[[0, 7]]), answers=[]),
            r"\.answer_spans\[0\]\[1\] is no whole number from 0 to 6",
        ),
        (
            asking(gold("SECRET", answer_spans=[[0]]), answers=[]),
            r"\.answer_spans\[0\] is no pair",
        ),
        (
            asking(gold("S"), answers=[], meta={"decomposition": [{"doc": True, "answer": "S"}]}),
            r"meta\.decomposition\[0\]\.doc is no whole number",
        ),
        (
            {"text": "SECRET", "qas": [{"answers": ["SEC"], "answer_starts": []}]},
            r"qas\[0\]\.answer_starts does not have one number for each answer",
        ),
        (
            {"text": "SECRET", "qas": [{"answers": ["SEC"], "answer_starts": [1]}]},
            r"qas\[0\]\.answer_starts\[0\] is not where the answer starts",
        ),
        ({"turns": [["SECRET"]], "queries": []}, r"turns\[0\] is no pair"),
        (
            {"turns": [["A", "SECRET"]], "queries": [{"relevant_turns": [[0, 1]]}]},
            r"queries\[0\]\.relevant_turns\[0\]\[1\] is no whole number from 0 to 0",
        ),
        ({"document": 5, "queries": []}, "document is no text"),
    ],
)
def test_a_bad_line_is_named_with_its_field_and_never_quoted(
    tmp_path: Path, row: object, complaint: str
) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text("\n" + json.dumps(row), encoding="utf-8")

    with pytest.raises(BadRow, match=rf"^{path}:2: .*{complaint}") as caught:
        list(examples(path))

    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("line", [b"{", b"\xff\xfeSECRET", b"[" * 200_000])
def test_a_line_that_is_no_json_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "set.jsonl"
    path.write_bytes(line)

    with pytest.raises(BadRow, match=r":1: the line is no JSON"):
        list(examples(path))


def test_a_gzip_file_that_ends_early_is_named(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" * 50)[:-12])

    with pytest.raises(BadRow, match=r"set\.jsonl\.gz:\d+: the file is broken gzip"):
        list(examples(path))


def test_a_file_that_is_not_there_is_the_systems_complaint(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(examples(tmp_path / "set.jsonl"))


@given(
    st.lists(st.text(" ab.\n", max_size=6), min_size=1, max_size=6),
    st.data(),
)
def test_support_is_the_marked_sentences_in_order_and_apart(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[str], data: st.DataObject
) -> None:
    gaps = data.draw(st.lists(st.sampled_from(["", " ", "\n "]), min_size=6, max_size=6))
    marked = data.draw(st.sets(st.integers(0, len(sentences) - 1)))
    text = "".join(gap + one.strip() for gap, one in zip(gaps, sentences, strict=False))
    row = gold(text, sentences=sentences, supporting=sorted(marked))

    (example,) = read(tmp_path_factory.mktemp("rows"), asking(row, answers=["x"]))
    (source,) = example.documents

    wanted = ["".join(sentences[at].split()) for at in sorted(marked)]
    assert ["".join(one.split()) for one in needed(source)] == [one for one in wanted if one]
    assert all(one.strip() == one for one in needed(source))
    _check(source)


@pytest.mark.parametrize("name", SHARED)
def test_shared_sets_give_support_inside_their_texts(name: str) -> None:
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip("the shared data is not here")

    found = list(islice(examples(path), 40))

    assert len({one.id for one in found}) == len(found) > 0
    for example in found:
        assert example.query.strip()
        for source in example.documents:
            _check(source)
    if name.split("/", maxsplit=1)[0] not in {"leval", "pubmedqa"}:
        assert any(source.support for one in found for source in one.documents)


def test_multi_hop_questions_need_something_of_nearly_every_gold_document() -> None:
    path = DATA / "musique/multihop.jsonl.gz"
    if not path.exists():
        pytest.skip("the shared data is not here")

    gold_ones = [one for e in islice(examples(path), 60) for one in e.documents if one.is_gold]

    # Not all: where a space is missing, an answer is no whole word.
    assert len(gold_ones) > 60
    assert sum(bool(one.support) for one in gold_ones) >= 0.98 * len(gold_ones)


def _check(source: Source) -> None:
    assert all(0 <= start < end <= len(source.text) for start, end in source.support)
    assert all(one[1] <= other[0] for one, other in pairwise(source.support))
