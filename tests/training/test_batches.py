from __future__ import annotations

import random

import pytest

torch = pytest.importorskip("torch")

from training.batches import Listing, Row, keeping, padded, ranking, tokenizer  # noqa: E402
from training.examples import document  # noqa: E402
from training.losses import sentence_scores  # noqa: E402
from training.model import base_folder  # noqa: E402

_TEXT = "Paris is in France. Rome is in Italy."


def test_only_tokens_of_sentences_belong_to_one() -> None:
    tokens = tokenizer(base_folder())
    one = document("Cities", _TEXT, ((0, 19),))

    batch = ranking([Listing("where is Rome", [one])], tokens, (64, 64))

    (row,) = batch.rows
    words = [tokens.id_to_token(id_) for id_ in row.ids]
    assert words[: words.index("[SEP]") + 3] == [
        "[CLS]",
        "where",
        "is",
        "rome",
        "[SEP]",
        "cities",
        ".",
    ]
    assert [word for word, unit in zip(words, row.unit, strict=True) if unit == 0] == [
        "paris", "is", "in", "france", ".",
    ]  # fmt: skip
    assert [word for word, unit in zip(words, row.unit, strict=True) if unit == 1] == [
        "rome", "is", "in", "italy", ".",
    ]  # fmt: skip
    assert batch.sentences.targets.tolist() == [1.0, 0.0]


def test_sentences_are_numbered_over_all_documents_and_queries() -> None:
    tokens = tokenizer(base_folder())
    one = document("", _TEXT)

    batch = ranking([Listing("q", [one, one]), Listing("q", [one])], tokens, (64, 64))

    assert batch.sentences.group_of.tolist() == [0, 0, 0, 0, 1, 1]
    assert [max(row.unit) for row in batch.rows] == [1, 3, 5]


def test_documents_together_share_a_row_as_far_as_they_fit() -> None:
    tokens = tokenizer(base_folder())
    first, second = document("", _TEXT, ((0, 19),)), document("", _TEXT)

    batch = ranking([Listing("q", [first, second, second], together=True)], tokens, (64, 28))

    (row,) = batch.rows
    assert len(row.ids) == len(row.types) == len(row.unit) == len(row.passage) <= 28
    assert set(row.unit) == {-1, 0, 1, 2, 3}
    ends = [at for at, number in enumerate(row.passage) if number >= 0]
    assert [row.passage[at] for at in ends] == [0, 1]
    assert {tokens.id_to_token(row.ids[at]) for at in ends} == {"[SEP]"}
    assert batch.sentences.targets.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert batch.passages.targets.tolist() == [1.0, 0.0]


def test_a_document_that_is_too_long_loses_its_end_but_not_its_separator() -> None:
    tokens = tokenizer(base_folder())

    batch = ranking([Listing("q", [document("", _TEXT)])], tokens, (8, 8))

    (row,) = batch.rows
    assert len(row.ids) == 8
    assert row.passage == [-1] * 7 + [0]


def test_every_piece_of_a_kept_word_is_labelled_so() -> None:
    tokens = tokenizer(base_folder())
    pairs = [("Unbelievableness wins!", "101")] * 5

    rows, targets = keeping(pairs, random.Random(1), 1, tokens, 64)  # noqa: S311

    words = [tokens.id_to_token(id_) for id_ in rows[0].ids]
    kept = [w for w, u in zip(words, rows[0].unit, strict=True) if u >= 0 and targets[u] > 0]
    assert kept == [w for w in words if w not in {"wins", "[CLS]", "[SEP]"}]
    assert len(kept) > 2 * words.count("!")


def test_batches_hold_rows_of_like_length_within_the_limit() -> None:
    rows = [Row([1] * n, [0] * n, [-1] * n) for n in (9, 2, 3, 8, 1)]

    shapes = [tuple(part.ids.shape) for part in padded(rows, 9)]

    assert shapes == [(3, 3), (1, 8), (1, 9)]


def test_a_sentence_without_tokens_has_no_score() -> None:
    scores, seen = sentence_scores(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 2]), 3)

    assert scores.tolist() == [2.0, 0.0, 5.0]
    assert seen.tolist() == [True, False, True]
