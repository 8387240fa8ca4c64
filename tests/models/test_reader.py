"""The reader that ships with the project, as it is shipped."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from compressors.errors import Unavailable
from compressors.models import minilm
from compressors.models.reader import WEIGHTS, ExtractiveReader
from compressors.models.tokenization import ThreadTokenizers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from compressors.protocols import Encoded

BUILT = (
    "The mill was built by Anders Bryn, a carpenter. A storm took its sails in 1874. "
    "A museum of bread has been in the mill since 1980."
)
MILL = ("Bryn mill", BUILT)
HARBOUR = ("Harbour", "The harbour froze in 1881. Boats could not leave it for a month.")
FILLING = ("Weather", "It was neither warm nor cold, and a little rain fell. " * 60)


@pytest.fixture(scope="module")
def reader() -> ExtractiveReader:
    return ExtractiveReader.load()


class Chosen:
    """A ``Forward`` that finds starts and ends at words, by what these are worth."""

    def __init__(self, starts: dict[str, float], ends: dict[str, float]) -> None:
        self.rows: list[Encoded] = []
        vocabulary = minilm.tokenizer()
        self._worth = [
            {vocabulary.token_to_id(word): worth for word, worth in kind.items()}
            for kind in (starts, ends)
        ]

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[NDArray[np.float32]]:
        self.rows += batch
        return [
            np.array([[kind.get(one, 0.0) for kind in self._worth] for one in row.ids], np.float32)
            for row in batch
        ]


def choosing(starts: dict[str, float], ends: dict[str, float]) -> ExtractiveReader:
    return ExtractiveReader(Chosen(starts, ends), ThreadTokenizers(minilm.tokenizer), 384, "0")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When did a storm take the sails of the mill?", "1874"),
        ("When did the harbour freeze?", "1881"),
        ("Who built Bryn mill?", "Anders Bryn"),
    ],
)
def test_finds_answers_in_either_document(
    reader: ExtractiveReader, question: str, answer: str
) -> None:
    (found,) = reader.read([(question, [MILL, HARBOUR])])

    assert found is not None
    assert answer in found.answer
    text = (MILL, HARBOUR)[found.document][1]
    assert text[found.start : found.end] == found.answer


def test_finds_an_answer_at_the_end_of_much_text(reader: ExtractiveReader) -> None:
    (found,) = reader.read([("When did the harbour freeze?", [FILLING, HARBOUR])])

    assert found is not None
    assert (found.document, found.answer) == (1, "1881")


def test_what_is_not_there_scores_less(reader: ExtractiveReader) -> None:
    question = "When did the harbour freeze?"

    there, not_there = reader.read([(question, [HARBOUR]), (question, [MILL])])

    assert there is not None
    assert not_there is not None
    assert there.score > 0
    assert there.score > not_there.score + 2


def test_answers_do_not_depend_on_what_else_is_asked(reader: ExtractiveReader) -> None:
    questions = [
        ("When did the harbour freeze?", [HARBOUR]),
        ("Who built Bryn mill?", [FILLING, MILL]),
        ("What museum is in the mill?", [MILL]),
    ]

    together = reader.read(questions)

    for question, found in zip(questions, together, strict=True):
        (alone,) = reader.read([question])
        assert found is not None
        assert alone is not None
        assert (alone.document, alone.start, alone.end) == (found.document, found.start, found.end)
        assert alone.score == pytest.approx(found.score, abs=1e-3)


def test_without_words_there_is_no_answer(reader: ExtractiveReader) -> None:
    assert reader.read([]) == []
    assert (
        reader.read([("Who?", []), ("Who?", [("", "")]), ("Who?", [("Title", " ")])]) == [None] * 3
    )


def test_control_tokens_in_a_text_are_text(reader: ExtractiveReader) -> None:
    (found,) = reader.read(
        [("When did the harbour [SEP] freeze?", [("[CLS]", f"[SEP] {HARBOUR[1]}")])]
    )

    assert found is not None
    assert found.answer == "1881"


def test_an_answer_lies_in_one_document() -> None:
    reader = choosing({"anders": 9.0, "storm": 1.0}, {"froze": 9.0, "1874": 1.0})

    (found,) = reader.read([("q", [MILL, HARBOUR])])

    assert found is not None
    assert (found.document, found.answer) == (
        0,
        "Anders Bryn, a carpenter. A storm took its sails in 1874",
    )


def test_an_answer_has_at_most_30_tokens() -> None:
    text = " ".join(["storm", *["the"] * 28, "1874"])
    reader = choosing({"storm": 9.0}, {"1874": 9.0})

    (short,) = reader.read([("q", [("", text)])])
    (long,) = reader.read([("q", [("", text.replace("1874", "the 1874"))])])

    assert short is not None
    assert long is not None
    assert short.answer == text
    assert len(long.answer.split()) < 30


def test_an_answer_is_whole_words() -> None:
    """Its first piece alone, or its last, would be worth more."""
    pieces = minilm.tokenizer().encode("unbelievableness", add_special_tokens=False).tokens
    reader = choosing({pieces[1]: 9.0}, {pieces[0]: 9.0})

    (found,) = reader.read([("q", [("", "an unbelievableness it is")])])

    assert len(pieces) > 1
    assert found is not None
    assert set(found.answer.split()) <= {"an", "unbelievableness", "it", "is"}


def test_titles_are_read_but_hold_no_answer() -> None:
    reader = choosing({"harbour": 9.0}, {"harbour": 9.0})

    (found,) = reader.read([("q", [("Harbour", "Boats are in the harbour.")])])

    assert found is not None
    assert (found.start, found.answer) == (17, "harbour")


def test_windows_share_text_and_have_the_question_in_front() -> None:
    forward = Chosen({}, {})
    reader = ExtractiveReader(forward, ThreadTokenizers(minilm.tokenizer), 384, "0")

    reader.read([("which weather", [FILLING])])

    (question,) = reader.tokenizers.encode(["which weather"])
    own = [minilm.CLS, *question.ids, minilm.SEP]
    assert len(forward.rows) > 2
    for row in forward.rows:
        assert len(row) == 384
        assert list(row.ids[: len(own)]) == own
        assert row.types == (0,) * len(own) + (1,) * (384 - len(own))
    assert forward.rows[0].ids[-128:] == forward.rows[1].ids[len(own) :][:128]


def copied(folder: Path, **changed: str) -> Path:
    shutil.copytree(WEIGHTS, folder, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changed}))
    return folder


def test_refuses_weights_for_another_base(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="another base model"):
        ExtractiveReader.load(copied(tmp_path, base_sha256="0" * 64))


def test_refuses_weights_that_are_not_the_known_ones(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)

    with pytest.raises(Unavailable, match="sha256"):
        ExtractiveReader.load(folder)


def test_the_model_card_names_the_weights() -> None:
    config = json.loads((WEIGHTS / "config.json").read_text())
    card = (WEIGHTS / "README.md").read_text()

    assert config["sha256"] in card
    assert config["base_sha256"] in card
    assert config["start_sha256"] in card
