"""What the reader of the evaluation is trained on."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from training.batches import tokenizer  # noqa: E402
from training.examples import Group, document  # noqa: E402
from training.model import base_folder  # noqa: E402
from training.reader_data import (  # noqa: E402
    END,
    START,
    Context,
    Questions,
    ReaderRecipe,
    answered,
    occurrences,
    row,
    shortened,
)
from training.recipe import chance  # noqa: E402

TOKENS = tokenizer(base_folder())
TEXT = (
    "The mill was built by the brothers Anders and Ole Bryn. It ground rye until 1931. "
    "In 1874 a storm took its sails. The sails were replaced in the same year. "
    "A museum has been in the mill since 1980."
)
EVIDENCE = (TEXT.index("In 1874"), TEXT.index(" The sails"))
GOLD = document("Bryn mill", TEXT, (EVIDENCE,))
OTHER = document("Harbour", "The harbour froze in 1881. Boats could not leave it for a month.")
GROUP = Group("squad", "1", "when did a storm take the sails", (GOLD,), (OTHER,), ("1874",))


def marked(ids: list[int], unit: list[int]) -> list[str]:
    starts = [at for at, bits in enumerate(unit) if bits > 0 and bits & START]
    ends = [at for at, bits in enumerate(unit) if bits > 0 and bits & END]
    return [TOKENS.decode(ids[a : b + 1]) for a, b in zip(starts, ends, strict=True)]


def test_an_answer_is_whole_words_whatever_its_case() -> None:
    text = "Ole, ole! Not Oleander, nor 1ole."

    assert occurrences(text, ["OLE"]) == [(0, 3), (5, 8)]


def test_yes_and_no_are_not_in_a_text() -> None:
    assert occurrences("There is no mill, yes.", ["no", "Yes", " ", ""]) == []


def test_a_question_counts_only_if_its_support_holds_the_answer() -> None:
    elsewhere = Group("squad", "2", "q", (GOLD,), (), ("1931",))

    assert answered(GROUP)
    assert not answered(elsewhere)


def test_no_sentence_with_the_answer_is_left_out() -> None:
    for seed in range(200):
        rng = chance(seed, 0)

        context = shortened(GOLD, ("1874",), rng.randrange(10, 300), rng.random() / 2, rng)

        assert [context.text[a:b] for a, b in context.answers] == ["1874"]
        assert "In 1874 a storm took its sails." in context.text


def test_what_is_left_of_a_document_keeps_its_order_and_words() -> None:
    sentences = [TEXT[a:b].strip() for a, b in GOLD.spans]
    lengths = set()
    for seed in range(50):
        left = shortened(GOLD, ("1874",), 120, 0.5, chance(seed, 0)).text
        chosen = [one for one in sentences if one in left]

        assert left == " ".join(chosen)
        lengths.add(len(chosen))
    assert len(lengths) > 2


def test_tokens_of_the_answer_are_marked_and_titles_hold_none() -> None:
    text = "It was Anders Bryn in 1874."
    answers = ((text.index("Anders"), text.index(" in")), (text.index("1874"), len(text) - 1))

    made = row("who and when", [Context("Bryn mill", text, answers)], TOKENS, 384)

    assert made is not None
    assert TOKENS.decode(made.ids, skip_special_tokens=False) == (
        "[CLS] who and when [SEP] bryn mill. it was anders bryn in 1874. [SEP]"
    )
    assert marked(made.ids, made.unit) == ["anders bryn", "1874"]
    first = made.ids.index(TOKENS.token_to_id("it"))
    assert made.unit[0] == 0
    assert set(made.unit[1:first]) == {-1}
    assert made.unit[-1] == -1
    assert made.types == [0] * 5 + [1] * (len(made.ids) - 5)


def test_the_first_token_is_the_answer_where_none_is() -> None:
    made = row("who", [Context("", "Nobody was there.", ())], TOKENS, 384)

    assert made is not None
    assert made.unit[0] == START | END
    assert max(made.unit[1:]) == 0


def test_what_is_cut_off_is_not_an_answer() -> None:
    context = Context("", TEXT, ((TEXT.index("1874"), TEXT.index("1874") + 4),))

    assert row("when", [context], TOKENS, 22) is None


def test_a_step_is_the_same_again_and_no_longer_than_the_recipe_says() -> None:
    recipe = ReaderRecipe(steps=4, rows=12, mix={"squad": 1.0}, length=64, unanswerable=0.5)

    first = Questions(recipe, {"squad": [GROUP] * 3}, TOKENS)
    again = Questions(recipe, {"squad": [GROUP] * 3}, TOKENS)
    rows = [one for step in range(4) for one in first.rows(step)]

    assert [again.rows(step) for step in range(4)] == [first.rows(step) for step in range(4)]
    assert max(len(one.ids) for one in rows) <= 64
    nothing = [one for one in rows if one.unit[0] == START | END]
    assert 0 < len(nothing) < len(rows)
    assert all(marked(one.ids, one.unit) == ["1874"] for one in rows if one not in nothing)
