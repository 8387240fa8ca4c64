"""One copy of each tiny model for the whole session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from compressors.llmlingua2 import Llmlingua2
from compressors.models.batches import SmallBatches
from compressors.models.causal_lm import CausalLmScorer
from compressors.models.token_classifier import Checkpoint
from tests.models import models_made_here as made
from tests.models.span_mode import staged

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session", params=made.CAUSAL)
def causal_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a tiny causal language model, one of each family."""
    return made.causal(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a tiny Gemma, which knows EXIT's turn markers."""
    return made.causal("gemma", tmp_path_factory.mktemp("a-gemma"))


@pytest.fixture(scope="session")
def scorer(gemma: Path) -> CausalLmScorer:
    return CausalLmScorer.load(str(gemma), device="cpu")


@pytest.fixture(scope="session", params=made.CLASSIFIERS)
def classifier_model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The directory of a tiny token classifier, one of each family."""
    return made.classifier(request.param, tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A tiny token classifier, as it was loaded."""
    folder = made.classifier("bert", tmp_path_factory.mktemp("some-model"))
    return Checkpoint.load(str(folder), device="cpu")


@pytest.fixture(scope="session")
def stage(checkpoint: Checkpoint) -> Llmlingua2:
    """Mode span of LLMLingua-2 on the tiny token classifier."""
    return staged(checkpoint, SmallBatches(checkpoint.forward()))
