"""E10: what prompts share is read once, and every score is that of the prompt by itself."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from compressors.models.causal_lm import CausalLmScorer
from compressors.models.exit.attention import NAME, register
from compressors.models.exit.branches import Branched, Shared, steps
from compressors.models.exit.forward import Branching, Head, OneByOne
from compressors.models.exit.layout import Sizes
from tests.models.decoders_made_here import ALONE, FAMILIES, WINDOW, decoder
from tests.models.test_causal_lm import naive
from tests.models.texts import DOCUMENTS, QUERY, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from transformers import PreTrainedModel

YES, NO = 300, 301
TIGHT = (Sizes(step=48, tile=16, whole=0), Sizes(step=160, tile=32, whole=64))
"""Limits that make many steps and tiles, and that make few."""


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return decoder(request.param, tmp_path_factory.mktemp(request.param))


def some_rows(count: int, seed: int) -> list[Branched]:
    """Prefixes of up to 90 tokens, longer than any window, with up to 9 branches."""
    dice = random.Random(seed)  # noqa: S311 - a test

    def ids(most: int) -> tuple[int, ...]:
        return tuple(dice.choices(range(10, 300), k=dice.randint(1, most)))

    return [
        Branched(ids(90), branches=tuple(ids(24) for _ in range(dice.randint(1, 9))))
        for _ in range(count)
    ]


def scores(forward: Any, rows: Sequence[Branched]) -> list[float]:
    return [answer.score for row in rows for answer in forward([row])[0]]


def both_ways(
    folder: Path, dtype: torch.dtype, sizes: Sizes, rows: Sequence[Branched] = ()
) -> tuple[list[float], list[float]]:
    """Scores of each prompt alone by the family's own attention, and of all rows in one batch."""
    rows = rows or some_rows(6, seed=1)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    head = Head(model, (YES, NO))
    alone = scores(OneByOne(model, head, 0), [part for row in rows for part in row.apart])
    register()
    model.set_attn_implementation(NAME)
    shared = [a.score for answers in Branching(model, head, sizes)(rows) for a in answers]
    return alone, shared


@pytest.mark.parametrize("sizes", TIGHT)
def test_e10_scores_are_those_of_each_prompt_alone(family: Path, sizes: Sizes) -> None:
    alone, shared = both_ways(family, torch.float32, sizes)

    assert max(abs(one - other) for one, other in zip(alone, shared, strict=True)) < 2e-6
    assert [one >= 0.5 for one in alone] == [other >= 0.5 for other in shared]
    assert max(alone) - min(alone) > 0.1


def test_e10_scores_are_those_of_plain_transformers_code(family: Path) -> None:
    """From texts to scores, against one call of the whole model for each sentence."""
    scorer = CausalLmScorer.load(str(family), device="cpu")

    found = [score for row in scorer.score(QUERY, DOCUMENTS) for score in row]

    wanted = [score for row in naive(family, QUERY, DOCUMENTS) for score in row]
    assert max(abs(one - other) for one, other in zip(wanted, found, strict=True)) < 2e-6
    assert [one >= 0.5 for one in wanted] == [other >= 0.5 for other in found]


def test_e10_long_prefixes_are_alike_too(tmp_path: Path) -> None:
    """Longer than what is computed at once where logits are capped, in one tile and in many."""
    folder = decoder("Gemma2", tmp_path, max_position_embeddings=1024)
    dice = random.Random(3)  # noqa: S311 - a test
    row = Branched(
        tuple(dice.choices(range(10, 300), k=600)), branches=((20, 21), (22,), (23, 24, 25))
    )

    for sizes in (Sizes(), Sizes(whole=1000), Sizes(step=300, tile=2, whole=0)):
        alone, shared = both_ways(folder, torch.float32, sizes, [row])

        assert max(abs(one - other) for one, other in zip(alone, shared, strict=True)) < 2e-6


@pytest.mark.parametrize("kind", ["Gemma", "Llama", "Qwen2"])
def test_e10_in_half_precision_decisions_are_equal(kind: str, tmp_path: Path) -> None:
    """But for scores within 5e-3 of the threshold, which rounding may take to its other side."""
    folder = decoder(kind, tmp_path, initializer_range=0.1)

    alone, shared = both_ways(folder, torch.bfloat16, TIGHT[0])

    clear = [(a, s) for a, s in zip(alone, shared, strict=True) if abs(a - 0.5) > 5e-3]
    assert len(clear) > 10
    assert all((one >= 0.5) == (other >= 0.5) for one, other in clear)
    assert {one >= 0.5 for one, _ in clear} == {True, False}


def test_e10_layers_that_look_back_a_little_way_only_do_so_here_too(tmp_path: Path) -> None:
    """The windows of Gemma 2 and 3 and Mistral matter: without them scores are others."""
    narrow = decoder("Mistral", tmp_path / "narrow")
    wide = decoder("Mistral", tmp_path / "wide", sliding_window=None)
    rows = some_rows(6, seed=1)
    assert max(len(prompt) for row in rows for prompt in row.prompts) > 3 * WINDOW

    (one, _), (other, _) = (both_ways(f, torch.float32, TIGHT[0]) for f in (narrow, wide))

    assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.01


@pytest.mark.parametrize("kind", ALONE)
def test_e10_a_family_that_cannot_is_asked_one_prompt_at_a_time(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Sinks, slopes instead of positions: found out at load, said once, and served all the same."""
    folder = decoder(kind, tmp_path)
    with caplog.at_level(logging.WARNING):
        scorer = CausalLmScorer.load(str(folder), device="cpu")

    found = [score for row in scorer.score(QUERY, DOCUMENTS) for score in row]

    wanted = [score for row in naive(folder, QUERY, DOCUMENTS) for score in row]
    assert found == pytest.approx(wanted, abs=1e-5)
    assert "reads every sentence with its whole document" in caplog.text


def test_e10_positions_that_grow_with_their_neighbours_are_not_shared(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scaling = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10_000.0}
    folder = decoder("Llama", tmp_path, rope_parameters=scaling)

    with caplog.at_level(logging.WARNING):
        CausalLmScorer.load(str(folder), device="cpu")

    assert "positions of kind dynamic" in caplog.text


def read_by(model: PreTrainedModel, forward: Branching, rows: Sequence[Branched]) -> list[int]:
    """How many tokens the model reads in each of its calls."""
    seen: list[int] = []
    hook = model.get_input_embeddings().register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].numel())
    )
    try:
        forward(rows)
    finally:
        hook.remove()
    return seen


def test_e10_a_document_costs_its_prefix_once_and_every_branch_once(gemma: Path) -> None:
    """The cost model, at the model's own door: common prefix plus suffixes, without padding."""
    model = AutoModelForCausalLM.from_pretrained(gemma).eval()
    head = Head(model, (YES, NO))
    register()
    model.set_attn_implementation(NAME)
    rows = some_rows(8, seed=2)

    for limit in (40, 200, 10_000):
        sizes = Sizes(step=limit, tile=32, whole=0)
        calls = read_by(model, Branching(model, head, sizes), rows)

        assert sum(calls) == sum(map(len, rows))
        most = max(len(row.ids) + len(row.branches[0]) for row in rows)
        assert max(calls) <= max(limit, most)


def test_e10_a_document_of_many_sentences_is_one_row_with_one_prefix(gemma: Path) -> None:
    """2,000 characters and 70 sentences: a fifth of what prompts apart would be, and less."""
    seen: list[Branched] = []
    scorer = CausalLmScorer.load(
        str(gemma),
        device="cpu",
        max_tokens=4096,
        wrap=lambda forward: lambda batch: [seen.extend(batch), *forward(batch)][1:],  # type: ignore[func-returns-value]
    )
    document = pieces("".join(f"Number {number} of these. " for number in range(18)))

    scorer.score(QUERY, [document])

    (row,) = seen
    assert len(row.branches) == 18
    assert len(row) < 0.5 * sum(map(len, row.prompts))
    others = row.prompts[1:]
    assert all(prompt[: len(row.ids)] == row.ids for prompt in others)
    assert len({prompt[len(row.ids)] for prompt in row.prompts}) > 1  # It could be no longer.


prompts = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=6)


@given(prompts)
def test_the_prefix_is_the_longest_that_leaves_each_prompt_a_branch(
    given_: list[list[int]],
) -> None:
    first, *others = (torch.tensor(prompt).numpy() for prompt in given_)
    shared = Shared(first)
    for prompt in others:
        shared.add(prompt)
    row = shared.row

    assert [list(prompt) for prompt in row.prompts] == given_
    assert all(row.branches)
    longer = {tuple(prompt[: len(row.ids) + 1]) for prompt in given_}
    assert len(longer) > 1 or min(map(len, given_)) == len(row.ids) + 1


@given(st.integers(1, 60), st.integers(0, 1000))
def test_steps_have_every_branch_once_and_a_prefix_only_in_a_rows_first(
    limit: int, seed: int
) -> None:
    rows = some_rows(4, seed)

    parts = [part for step in steps(rows, limit) for part in step]

    assert [(p.row, n) for p in parts for n in range(p.first, p.last)] == [
        (index, n) for index, row in enumerate(rows) for n in range(len(row.branches))
    ]
    assert [p.row for p in parts if p.reads_prefix] == list(range(len(rows)))
    for index in range(len(rows)):
        own = [part for part in parts if part.row == index]
        assert all(part.kept == (len(own) > 1) for part in own)
