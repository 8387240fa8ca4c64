"""Mode parity beside the package llmlingua 0.2.2 itself (spec/llmlingua2.md 2.2, 2.3, 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from benchmarks.llmlingua_cases import Case
from benchmarks.llmlingua_parity import Sides, compare, sides, summary
from benchmarks.llmlingua_peer import CORPUS, FAMILIES, encoding, package, undisturbed
from compressors.engine import Engine
from compressors.errors import InvalidInput, Unavailable
from compressors.models.package_classifier import PackageClassifier
from compressors.models.token_classifier import Checkpoint, TokenClassifier
from compressors.parity.decisions import decide
from compressors.parity.tokens import LONGEST, Family, Row
from compressors.parity.values import ParityOptions
from compressors.protocols import Pieces
from compressors.words import word_ranges
from tests.models import models_made_here

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

CASES, SEED = 1200, 1
TEXTS = (
    f"{CORPUS[0]}\n{CORPUS[1]}",
    f"{CORPUS[3]} don't say (never)!",
    "the cat sat on her mat. Where? Here: https://a.example/b?c=d " * 30,
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[Sides]:
    """The package and ours, on a tiny checkpoint of each family."""
    folder = tmp_path_factory.mktemp("package")
    return [sides(family, folder) for family in FAMILIES]


def test_p1_p8_decides_as_the_package_does(
    both: list[Sides], capsys: pytest.CaptureFixture[str]
) -> None:
    """P1, P8: ids, masks, texts, labels and counts of random cases, to the last character."""
    done = compare(CASES, SEED, both)

    with capsys.disabled():
        print(f"\n{summary(done)}")  # noqa: T201 - the count is the point
    assert [one.case for one in done if not one.same] == []
    assert len(done) == CASES >= 1000
    judged = [one for one in done if one.words]
    assert {one.family for one in judged} == set(FAMILIES)
    assert len(judged) > CASES / 2
    assert sum(one.parts > len(one.case.texts) for one in judged) >= 10  # more than 512 tokens
    # Every argument was out of the ordinary in many cases that were compared.
    for name in judged[0].case.arguments:
        assert sum(name in one.case.flags for one in done if not one.refused) >= 50, name


def test_the_harness_sees_a_difference(both: list[Sides]) -> None:
    """A comparison that nothing could fail would prove nothing: here the weights differ."""
    altered = [replace(one, counts=lambda texts: [1] * len(texts)) for one in both]

    done = compare(60, SEED, altered)

    assert sum(not one.same for one in done) > 30


@pytest.mark.parametrize("family", FAMILIES)
def test_probabilities_of_a_real_model_are_those_of_the_package(
    both: list[Sides], family: Family
) -> None:
    """B7: rows padded to the longest of their batch, not to 512, give the same within 1e-5."""
    side = next(one for one in both if one.family is family)
    theirs = Recorded(_model_of(side))
    side.theirs.model = theirs
    options = ParityOptions(rate=0.4, force_tokens=("\n", "museum in", "!"))
    ours = Kept(side.ours)

    with undisturbed():
        expected = side.theirs.compress_prompt_llmlingua2(
            list(TEXTS), return_word_label=True, **Case(TEXTS, options, 0, 1).arguments
        )
        found = decide(ours, TEXTS, options, side.counts)

    assert len(theirs.probabilities) == len(ours.probabilities_seen) > len(TEXTS)
    for wanted, own in zip(theirs.probabilities, ours.probabilities_seen, strict=True):
        assert own == pytest.approx(wanted[: len(own)].numpy(), abs=1e-5)
    assert found.texts == expected["compressed_prompt_list"]
    assert found.labelled() == expected["fn_labeled_original_prompt"]
    assert found.compressed_tokens == expected["compressed_tokens"] > 0


class Recorded:
    """The package's model, and the probability of keeping each token that it gave."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.probabilities: list[torch.Tensor] = []

    def __call__(self, **inputs: torch.Tensor) -> Any:
        output = self._model(**inputs)
        self.probabilities += output.logits.softmax(-1)[..., 1].unbind()
        return output


class Kept:
    """A ``TokenProbabilities`` that remembers what another gave."""

    def __init__(self, model: PackageClassifier) -> None:
        self.tokens = model.tokens
        self._model = model
        self.probabilities_seen: list[NDArray[np.float32]] = []

    def probabilities(self, rows: list[Row]) -> list[NDArray[np.float32]]:
        found = list(self._model.probabilities(rows))
        self.probabilities_seen += found
        return found


def _model_of(side: Sides) -> Any:
    """The package's model on the same directory: the harness put another in its place."""
    return package(side.folder, encoding()).model


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        (("{unknown}", "The museum."), ParityOptions()),
        (("{unknown}", "The museum."), ParityOptions(use_context_level_filter=True)),
        (("", "The museum."), ParityOptions(use_context_level_filter=True)),
        (("", ""), ParityOptions(target_token=5)),
        (("The museum.",), ParityOptions(rate=1e-300)),
    ],
)
def test_refuses_what_the_package_fails_on(
    both: list[Sides], texts: tuple[str, ...], options: ParityOptions
) -> None:
    """L14: IndexError, ZeroDivisionError and ValueError are one error that can be acted on."""
    for side in both:
        unknown = side.ours.tokens.tokenizer.id_to_token(side.ours.tokens.unknown)
        given = tuple(text.format(unknown=unknown) for text in texts)

        done = side.compared(Case(given, options, seed=1, levels=64))

        assert done.refused
        assert done.same


def test_refuses_arguments_that_the_package_refuses() -> None:
    for options in (
        {"token_to_word": "max"},
        {"force_tokens": ("x",) * 101},
        {"force_tokens": ("",)},
        {"rate": 0.0},
        {"target_token": -1},
    ):
        with pytest.raises(InvalidInput):
            ParityOptions(**options)  # type: ignore[arg-type] - that is the test


def test_a_control_token_in_a_text_is_hidden_as_the_package_hides_it(both: list[Sides]) -> None:
    """A literal [PAD] is in the row of a BERT, but nothing attends to it."""
    side = next(one for one in both if one.family is Family.BERT)
    tokens = side.ours.tokens
    (strings,) = tokens.strings(["The [PAD] museum"])
    row = tokens.row(strings)

    (with_it,) = side.ours.probabilities([row])
    (seen,) = side.ours.probabilities([Row(row.ids)])

    assert row.hidden == (2,)
    assert with_it[1] != pytest.approx(seen[1], abs=1e-6)


def test_the_engine_runs_both_modes_on_one_model(tmp_path: Path) -> None:
    """Rows of the two share batches; hidden tokens stay hidden."""
    loaded = Checkpoint.load(str(models_made_here.classifier("bert", tmp_path)), device="cpu")
    piece = Pieces(TEXTS[0], tuple(word_ranges(TEXTS[0])))
    alone = PackageClassifier.of(loaded, loaded.forward())
    row = alone.tokens.row(["The", "[PAD]", "museum"])

    with Engine() as engine:
        forward = engine.wrap(loaded.forward(), name="llmlingua2")
        shared = PackageClassifier.of(loaded, forward)
        (found,) = shared.probabilities([row])
        (scores,) = TokenClassifier.of(loaded, forward).score([piece])

    assert found == pytest.approx(alone.probabilities([row])[0], abs=1e-5)
    wanted = TokenClassifier.of(loaded, loaded.forward()).score([piece])[0]
    assert scores == pytest.approx(wanted, abs=1e-5)


def test_rows_end_at_512_tokens_whatever_is_lost(both: list[Sides]) -> None:
    """L3, as in the package."""
    for side in both:
        row = side.ours.tokens.row(["a"] * 600)

        assert len(row) == LONGEST


def test_loading_leaves_the_random_state_and_the_span_mode_alone(tmp_path: Path) -> None:
    """B9, L18: embeddings for added names are drawn as the package draws them, and no more."""
    folder = models_made_here.classifier("bert", tmp_path)
    piece = Pieces(TEXTS[0], tuple(word_ranges(TEXTS[0])))
    checkpoint = Checkpoint.load(str(folder), device="cpu")
    classifier = TokenClassifier.of(checkpoint, checkpoint.forward())
    (before,) = classifier.score([piece])
    torch.manual_seed(5)
    state = torch.random.get_rng_state()

    PackageClassifier.of(checkpoint, checkpoint.forward())

    assert torch.equal(torch.random.get_rng_state(), state)
    assert classifier.score([piece])[0] == pytest.approx(before, abs=1e-6)


def test_refuses_models_that_read_less_than_a_row(tmp_path: Path) -> None:
    folder = models_made_here.classifier("bert", tmp_path, positions=128)

    with pytest.raises(Unavailable, match="reads 128 tokens"):
        PackageClassifier.load(str(folder), device="cpu")
