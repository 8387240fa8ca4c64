"""E9: what a causal language model is tuned on for EXIT."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch")

from compressors.models.causal_lm import CausalLmScorer  # noqa: E402
from compressors.models.exit.prompt import END, START, PromptTokenizer  # noqa: E402
from compressors.models.vocabulary import Vocabulary  # noqa: E402
from compressors.protocols import Pieces  # noqa: E402
from tests.models import models_made_here  # noqa: E402
from training.examples import Group, LabelledDocument, document  # noqa: E402
from training.exit_rows import IGNORED, ExitRow, Kind, exit_rows  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path


def gold(number: int) -> LabelledDocument:
    text = f"Fact {number} is this. It is {number} old. Nobody knows {number}."
    return document(f"Title {number}", text, ((0, len(f"Fact {number} is this.")),))


GROUPS = [
    Group(
        "made", str(n), f"what is fact {n}", (gold(n),), (document("Far", f"Far {n}. Away {n}."),)
    )
    for n in range(40)
]


def test_e9_rows_are_two_to_one_to_one() -> None:
    rows = exit_rows(GROUPS)

    assert Counter(row.kind for row in rows) == {Kind.POSITIVE: 40, Kind.HARD: 20, Kind.RANDOM: 20}
    assert len(set(rows)) >= 78  # A random one may come twice.
    assert rows == exit_rows(GROUPS)
    assert rows != exit_rows(GROUPS, seed=14)


@pytest.mark.parametrize("row", exit_rows(GROUPS), ids=lambda row: row.kind.value)
def test_e9_each_sentence_is_read_in_its_own_passage(row: ExitRow) -> None:
    """Hard negatives are from a passage that supports, random ones from another query's."""
    assert row.prompt.query == f"what is fact {row.query_id}"
    supporting = row.prompt.context.startswith("Title")
    number = row.source_query_id
    assert row.prompt.sentence in row.prompt.context
    if row.kind is Kind.RANDOM:
        assert row.source_query_id != row.query_id
    else:
        assert row.source_query_id == row.query_id
        assert row.prompt.context == f"Title {number}\n{gold(int(number)).text}"
        assert supporting
    is_fact = row.prompt.sentence == f"Fact {row.query_id} is this."
    assert is_fact == (row.kind is Kind.POSITIVE) == (row.answer == "Yes")


def test_e9_where_there_is_less_of_one_kind_there_is_less_of_all() -> None:
    bare = [
        Group(
            "made",
            str(n),
            f"why {n}",
            (LabelledDocument("", "So.", ((0, 3),), frozenset({0})),),
            (),
        )
        for n in range(9)
    ]

    assert exit_rows(bare) == []
    assert exit_rows(GROUPS[:1]) == []
    assert Counter(row.kind for row in exit_rows([*GROUPS[:2], *bare])) == {
        Kind.POSITIVE: 8,
        Kind.HARD: 4,
        Kind.RANDOM: 4,
    }


def test_e9_the_loss_is_on_the_one_token_of_the_answer(tmp_path: Path) -> None:
    """Behind the very prompt that the service asks: the loss is that of its score."""
    from transformers import AutoModelForCausalLM

    folder = models_made_here.causal("gemma", tmp_path)
    prompts = PromptTokenizer(Vocabulary.load(str(folder), controls=(START, END)))
    row = next(row for row in exit_rows(GROUPS) if row.kind is Kind.POSITIVE)

    target = row.target(prompts)

    *before, answer = target.labels
    assert set(before) == {IGNORED}
    assert target.input_ids[-1] == answer == prompts.answer("Yes")[0]
    assert target.input_ids[:-1] == tuple(prompts.encode([row.prompt])[0].tolist())
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        ids, labels = (torch.tensor([part]) for part in (target.input_ids, target.labels))
        output = model(input_ids=ids, labels=labels)
    both = [prompts.answer(word)[0] for word in ("Yes", "No")]
    logits = output.logits[0, -2]
    assert float(output.loss) == pytest.approx(-float(logits.log_softmax(0)[answer]), rel=1e-5)
    text = row.prompt.context.split("\n", 1)[1]
    span = (
        text.index(row.prompt.sentence),
        text.index(row.prompt.sentence) + len(row.prompt.sentence),
    )
    title = row.prompt.context.split("\n", 1)[0]
    ((score,),) = CausalLmScorer.load(str(folder), device="cpu").score(
        row.prompt.query, [Pieces(text, (span,), title)]
    )
    assert score == pytest.approx(float(logits[both].softmax(0)[0]), abs=1e-5)
    assert math.isfinite(score)
