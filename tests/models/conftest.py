"""One copy of each tiny model for the whole session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from compressors.models.causal_lm import CausalLmScorer
from tests.models import models_made_here as made

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
