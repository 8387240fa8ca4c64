"""The training of the reader, and what it leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from compressors.models import embedded, reader  # noqa: E402
from training import checkpoints  # noqa: E402
from training.batches import tokenizer  # noqa: E402
from training.model import base_folder  # noqa: E402
from training.optimizing import optimizer_of  # noqa: E402
from training.reader import SpanModel, _step, export, span_loss  # noqa: E402
from training.reader_data import Context, ReaderRecipe, row  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path


START = embedded.WEIGHTS / "model.safetensors"
TEXT = "The mill at Bryn lost its sails in 1874. A museum has been in it since 1980."


@pytest.fixture
def model() -> SpanModel:
    return SpanModel.from_relevance(checkpoints.weights(START))


def test_any_right_place_is_right() -> None:
    """Two right starts of three equal places: 2/3; one right end: 1/3."""
    units = torch.tensor([[0, 3, 1, -1]])

    found = span_loss(torch.zeros(1, 4, 2), units)

    assert found.tolist() == pytest.approx(
        [-(torch.tensor(2 / 3).log() + torch.tensor(1 / 3).log()).item() / 2]
    )


def test_places_where_nothing_can_be_do_not_count() -> None:
    logits = torch.zeros(1, 3, 2)
    logits[0, 2] = 50.0

    found = span_loss(logits, torch.tensor([[0, 3, -1]]))

    assert found.tolist() == pytest.approx([torch.tensor(2.0).log().item()])


def test_starts_with_the_layers_of_the_relevance_model(model: SpanModel) -> None:
    layers = {k: v for k, v in load_file(START).items() if k.startswith("encoder.")}

    trained = model.trained()

    assert trained.keys() == {*layers, "span.weight", "span.bias"}
    assert all(torch.equal(trained[name], one.float()) for name, one in layers.items())


def test_what_was_learnt_is_saved_exported_and_read(model: SpanModel, tmp_path: Path) -> None:
    recipe = ReaderRecipe(steps=1000, warmup=1)
    at = TEXT.index("1874")
    one = row("when", [Context("Mill", TEXT, ((at, at + 4),))], tokenizer(base_folder()), 384)
    assert one is not None
    optimizer = optimizer_of(model, recipe)

    losses = [_step(model, optimizer, recipe, step, [one]) for step in range(25)]
    checkpoints.save(tmp_path, 25, model, optimizer)
    (tmp_path / "recipe.json").write_text(json.dumps({"start_sha256": "s", "length": 384}))
    sha256 = export(tmp_path, tmp_path / "out")
    (found,) = reader.ExtractiveReader.load(tmp_path / "out").read([("when", [("Mill", TEXT)])])

    assert losses[-1] < losses[0] / 4
    assert found is not None
    assert (found.answer, found.start) == ("1874", at)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["sha256"], config["steps"]) == (sha256, 25)
    assert (tmp_path / "out" / "model.safetensors").stat().st_size < 22_000_000


def test_goes_on_from_where_it_was(model: SpanModel, tmp_path: Path) -> None:
    recipe = ReaderRecipe(steps=10, warmup=1)
    rows = [row("when", [Context("", TEXT, ((0, 3),))], tokenizer(base_folder()), 384)]
    optimizer = optimizer_of(model, recipe)
    _step(model, optimizer, recipe, 0, [one for one in rows if one])
    checkpoints.save(tmp_path, 1, model, optimizer)

    other = SpanModel.from_relevance(checkpoints.weights(START))
    again = optimizer_of(other, recipe)
    first = checkpoints.resume(tmp_path, other, again)

    assert first == 1
    here, there = (
        _step(one, how, recipe, 1, [r for r in rows if r])
        for one, how in ((model, optimizer), (other, again))
    )
    assert here == there
    assert all(torch.equal(one, other.trained()[name]) for name, one in model.trained().items())
