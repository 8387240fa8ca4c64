"""P1 to P8 of spec/llmlingua2.md 2.9: the numbers of the paper's algorithm, worked out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from compressors.parity.decisions import decide
from compressors.parity.values import ParityOptions
from compressors.parity.words import Merger, Rules, total
from tests.models.probabilities_on_hand import Table, bert_tokens, letters, ones

if TYPE_CHECKING:
    from collections.abc import Sequence

TEN = dict(zip("abcdefghij", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99), strict=True))


def kept(text: str, model: Table, **options: object) -> str:
    (found,) = decide(model, [text], ParityOptions(**options), ones).texts  # type: ignore[arg-type] - names of options
    return found


def worth(text: str, model: Table, **rules: bool) -> list[float]:
    """What the words of a text are worth."""
    (tokens,) = model.tokens.strings([text])
    row = model.tokens.row(tokens)
    merger = Merger(Rules(model.tokens, **rules))  # type: ignore[arg-type] - flags only
    return merger.words(row, model.probabilities([row])[0]).values.tolist()


def test_p1_parts_end_behind_a_full_stop_and_are_glued_together() -> None:
    model = letters({"a": 0.2, "b": 0.9}, usual=0.9)
    half = ["a"] * 150 + ["b"] * 150

    found = kept(" ".join([*half, ".", *half]), model, rate=0.6)

    # 301 tokens and the frame, then the rest. The decoder drops the space before a full stop, and
    # nothing stands between two parts.
    assert [len(row) for row in model.rows] == [303, 302]
    assert found == " ".join(["b"] * 149 + ["b.b"] + ["b"] * 149)


def test_p1_a_part_may_have_511_tokens_and_then_loses_its_separator() -> None:
    model = letters({"a": 0.2})

    kept(" ".join(["a"] * 600), model)

    separator = model.tokens.tokenizer.token_to_id("[SEP]")
    assert [len(row) for row in model.rows] == [512, 91]
    assert [row.ids[-1] == separator for row in model.rows] == [False, True]


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (0.5, "f g h i j"),
        (0.33, "h i j"),
        (0.1, "j"),
        # 1 - .9 is less than .1, so the 10th percentile decides, not the 11th.
        (0.9, "b c d e f g h i j"),
        (1.0, "a b c d e f g h i j"),
    ],
)
def test_p2_the_threshold_is_a_percentile_in_whole_percents(rate: float, expected: str) -> None:
    assert kept(" ".join(TEN), letters(TEN), rate=rate) == expected


def test_p2_a_single_word_and_equal_words_vanish() -> None:
    assert kept("a", letters(TEN)) == ""
    assert kept("a a a", letters(TEN)) == ""


def test_p2_two_forced_words_of_ten_are_all_that_stays_at_a_tenth() -> None:
    assert kept(" ".join(TEN), letters(TEN), rate=0.1, force_tokens=("c", "e")) == "c e"


def test_p3_a_word_is_worth_the_mean_of_its_pieces_or_the_first() -> None:
    model = Table(bert_tokens("a", "##b"), {"a": 0.9, "##b": 0.1})

    assert worth("ab", model) == pytest.approx([0.5])
    assert worth("ab", model, first=True) == pytest.approx([0.9])


def test_p4_a_piece_with_a_digit_is_worth_one() -> None:
    model = Table(bert_tokens("20", "##th"), {"20": 0.2, "##th": 0.2})

    assert worth("20th", model, reserve_digits=True) == pytest.approx([0.6])
    assert worth("20th", model, reserve_digits=True, first=True) == [1.0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a . . b c d e f g h", "a. b"),  # nothing between two
        ("a . b . c d e f g h", "a. b."),  # something that is kept between them
        ("a . c . b d e f g h", "a. b"),  # something that is not
    ],
)
def test_p5_a_forced_word_stands_once_in_a_row(text: str, expected: str) -> None:
    model = Table(bert_tokens(*"abcdefgh"), {"a": 0.8, "b": 0.9}, usual=0.1)

    found = kept(text, model, rate=0.4, force_tokens=(".",), drop_consecutive=True)

    assert found == expected


def test_p5_without_it_every_forced_word_stays() -> None:
    model = letters(dict.fromkeys("cdefgh", 0.1) | {"a": 0.8, "b": 0.9})

    assert kept("a . . b c d e f g h", model, rate=0.4, force_tokens=(".",)) == "a.. b"


def filtered(forced: Sequence[int] = ()) -> list[str]:
    model = letters({"a": 0.2, "b": 0.4, "c": 0.6, "d": 0.8})
    options = ParityOptions(
        rate=1.0,
        use_context_level_filter=True,
        context_level_rate=0.5,
        force_context_ids=tuple(forced),
    )
    return decide(model, ["a a", "b b", "c c", "d d"], options, ones).texts


def test_p6_documents_stay_that_reach_the_percentile_of_their_means() -> None:
    assert filtered() == ["c c", "d d"]


def test_p6_forced_documents_stay_too_and_all_keep_their_order() -> None:
    assert filtered(forced=[0]) == ["a a", "c c", "d d"]


def test_p6_a_document_is_read_once() -> None:
    """The package reads what stays a second time (L20)."""
    model = letters(TEN)
    options = ParityOptions(rate=0.5, use_context_level_filter=True)

    decide(model, ["a b c", "h i j"], options, ones)

    assert len(model.rows) == 2


def test_p7_as_many_labels_as_kept_words_and_all_words_are_the_part() -> None:
    text = " ".join(TEN)

    (document,) = decide(letters(TEN), [text], ParityOptions(), ones).documents

    (judged,) = document.judged
    assert sum(label for _, label in document.labels) == judged.kept.sum() == 5
    assert " ".join(word for word, _ in document.labels) == judged.part.text == text


def test_p8_equal_tables_of_tokens_and_probabilities_keep_equal_words() -> None:
    """Beside the package itself: test_llmlingua2_parity.py, over 1,200 random cases."""
    once = decide(letters(TEN), [" ".join(TEN)] * 2, ParityOptions(rate=0.4), ones)

    again = decide(letters(TEN), [" ".join(TEN)] * 2, ParityOptions(rate=0.4), ones)

    assert [list(d.judged[0].kept) for d in once.documents] == [
        list(d.judged[0].kept) for d in again.documents
    ]
    assert once.texts == ["g h i j"] * 2


def test_p1_sums_are_pythons_own_in_single_precision() -> None:
    """Added in pairs, or in double precision, a value next to a threshold would be another."""
    dice = np.random.default_rng(1)
    model = Table(bert_tokens("a", "##b"), {})
    merger = Merger(Rules(model.tokens))
    for length in (2, 3, 9, 40, 300):
        values = dice.random(length + 2, dtype=np.float32)
        row = model.tokens.row(["a", *["##b"] * (length - 1)])

        words = merger.words(row, values)

        assert words.values.tolist() == [float(sum(values[1:-1]) / length)]
        assert total(values) == sum(values)
