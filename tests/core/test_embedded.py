"""The bundled model itself, on the processor, as it is shipped."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from compressors import Context, Document, Encoded, Exit, Llmlingua2, Pieces, Unavailable
from compressors.budget import Budget
from compressors.models import embedded, minilm
from compressors.models.embedded import WEIGHTS, EmbeddedModel
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.models.tokenization import ThreadTokenizers, Tokens, windows
from compressors.segmentation import RuleSegmenter
from compressors.words import word_ranges

QUERY = "When was Halvorsen Light converted to electric light?"
TEXT = (
    "Halvorsen Light stands on the western cape. It was first lit in 1871. "
    "In 1927 the tower was converted to electric light. The keeper's house is a museum today."
)


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    return EmbeddedModel.load()


def pieces(text: str, title: str = "") -> Pieces:
    return Pieces(text, tuple(RuleSegmenter().spans(text)), title)


def test_finds_the_sentence_that_answers(model: EmbeddedModel) -> None:
    [scores] = model.sentences.score(QUERY, [pieces(TEXT, "Halvorsen Light")])

    assert len(scores) == 4
    assert max(range(4), key=scores.__getitem__) == 2
    assert all(0.0 <= score <= 1.0 for score in scores)


def test_scores_do_not_depend_on_what_else_is_in_the_batch(model: EmbeddedModel) -> None:
    other = pieces("Herring is a fish. " * 40, "Herring")
    alone = model.sentences.logits(QUERY, [pieces(TEXT)])[0]

    together = model.sentences.logits(QUERY, [other, pieces(TEXT)])[1]

    assert together == pytest.approx(alone, abs=1e-4)


def test_reads_long_documents_to_their_end(model: EmbeddedModel) -> None:
    text = "Nothing of interest happened on that day in the harbour. " * 200
    document = pieces(
        text + "In 1927 the tower of Halvorsen Light was converted to electric light."
    )

    [scores] = model.sentences.score(QUERY, [document])

    assert len(scores) == 201
    assert max(range(201), key=scores.__getitem__) == 200


@pytest.mark.parametrize(
    "text", ["[SEP] [CLS] [MASK] <end_of_turn>", "\x00\x01", "." * 5000, "a" * 5000, "茶" * 700]
)
def test_control_tokens_and_oddities_are_plain_text(model: EmbeddedModel, text: str) -> None:
    document = pieces(text)

    [scores] = model.sentences.score("query [SEP] [SEP]", [document])
    [words] = model.words.score([Pieces(text, tuple(word_ranges(text)))])

    assert len(scores) == len(document.ranges)
    assert all(0.0 <= score <= 1.0 for score in [*scores, *words])


def test_control_tokens_in_texts_never_become_control_tokens() -> None:
    [encoding] = ThreadTokenizers(minilm.tokenizer).encode(["a [SEP] b [CLS]"])

    assert encoding.tokens == ["a", "[", "sep", "]", "b", "[", "cl", "##s", "]"]


def test_words_of_substance_are_worth_more_than_fillers(model: EmbeddedModel) -> None:
    text = "The mayor of Maren resigned on Tuesday after the council had rejected the budget."
    ranges = tuple(word_ranges(text))

    [scores] = model.words.score([Pieces(text, ranges)])

    by_word = {text[a:b]: score for (a, b), score in zip(ranges, scores, strict=True)}
    assert by_word["resigned"] > by_word["had"]
    assert by_word["mayor"] > by_word["the"]


def test_compresses_the_same_on_every_thread(model: EmbeddedModel) -> None:
    budget = Budget(MiniLmCounter(), 20)
    stages = (
        Exit(model.sentences, RuleSegmenter(), "embedded"),
        Llmlingua2(model.words, "embedded", min_words=0),
    )
    seen: list[Sequence[str]] = []

    def run() -> None:
        context = Context.of(QUERY, [Document("1", TEXT), Document("2", "Herring is a fish.")])
        seen.append([stage.compress(context, budget).text for stage in stages])

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 8
    assert all(result == seen[0] for result in seen)


def test_refuses_weights_made_for_another_base(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(minilm, "SHA256", "0" * 64)

    with pytest.raises(Unavailable, match="another base model"):
        EmbeddedModel.load()
    with pytest.raises(Unavailable, match="sha256"):
        minilm.weights()


def test_refuses_weights_that_are_not_what_their_configuration_says(tmp_path: Path) -> None:
    config = json.loads((WEIGHTS / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"sha256": "0" * 64}))
    shutil.copy(WEIGHTS / "model.safetensors", tmp_path)

    with pytest.raises(Unavailable, match="not the known one"):
        EmbeddedModel.load(tmp_path)


def test_the_model_card_names_the_hash_of_the_weights() -> None:
    digest = hashlib.sha256((WEIGHTS / "model.safetensors").read_bytes()).hexdigest()

    assert digest in (WEIGHTS / "README.md").read_text(encoding="utf-8")
    assert json.loads((WEIGHTS / "config.json").read_text())["base_sha256"] == minilm.SHA256


def test_a_forward_gives_a_row_of_two_logits_for_every_token(model: EmbeddedModel) -> None:
    outputs = model.words.forward([Encoded((101, 2003, 102)), Encoded((101, 102))])

    assert [output.shape for output in outputs] == [(3, 2), (2, 2)]


def test_encodes_texts_to_unit_vectors_that_know_what_is_alike() -> None:
    encoder = MiniLmEncoder.load()

    vectors = encoder.encode(["The cat sleeps.", "A kitten is asleep.", "Interest rates rose."])

    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3
    assert encoder.encode([]).shape == (0, 384)


def test_counts_tokens_and_says_where_they_begin() -> None:
    counter = MiniLmCounter()

    assert counter.count(["", "Unbelievable!", "茶 ok"]) == [0, 2, 2]
    assert counter.starts("Hi, Ünal") == [0, 2, 4, 7]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, []),
        (5, [(0, 5)]),
        (10, [(0, 10)]),
        (11, [(0, 10), (1, 11)]),
        (24, [(0, 10), (8, 18), (14, 24)]),
    ],
)
def test_windows_cover_and_overlap(length: int, expected: list[tuple[int, int]]) -> None:
    assert windows(length, 10, 2) == expected


def test_every_token_belongs_to_the_range_that_it_ends_in() -> None:
    [encoding] = ThreadTokenizers(minilm.tokenizer).encode(["One two. Three"])

    owners = Tokens.of(encoding).owners([(0, 8), (9, 14)])

    assert owners.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a b", [(0, 1), (2, 3)]),
        ("." * 100_000, [(n, n + 1) for n in range(8)]),
        ("x" + "-" * 9 + "y", [(0, 1), *((n, n + 1) for n in range(1, 9)), (10, 11)]),
        (". , " * 6, [(n, n + 1) for n in range(0, 24, 2)]),
    ],
)
def test_what_is_repeated_counts_only_at_first(text: str, expected: list[tuple[int, int]]) -> None:
    [encoding] = ThreadTokenizers(minilm.tokenizer).encode([text])

    tokens = Tokens.of(encoding).without_repeats()

    assert list(zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)) == expected


def test_each_thread_has_a_tokenizer_of_its_own() -> None:
    tokenizers = ThreadTokenizers(minilm.tokenizer)
    own: list[object] = []
    thread = threading.Thread(target=lambda: own.append(tokenizers.own))
    thread.start()
    thread.join()

    assert own[0] is not tokenizers.own
    assert tokenizers.own is tokenizers.own


def test_the_room_for_a_document_is_left_by_a_long_query_and_title(model: EmbeddedModel) -> None:
    document = pieces(TEXT, "title " * 500)

    [scores] = model.sentences.score("why " * 1000, [document])

    assert len(scores) == 4
    assert model.sentences.max_length > embedded._QUERY_TOKENS + embedded._TITLE_TOKENS
