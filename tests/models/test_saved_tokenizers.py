"""Tokenizers as people save them, with settings that are no part of the model."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from compressors.models.token_classifier import TokenClassifier
from tests.models.test_token_classifier import TEXTS, words

if TYPE_CHECKING:
    from pathlib import Path


def test_padding_and_truncation_that_a_tokenizer_was_saved_with_do_not_count(
    classifier_model: Path, tmp_path: Path
) -> None:
    """Tokenizers for sentence vectors are often saved so: padded to 128, cut there."""
    folder = tmp_path / "padded"
    shutil.copytree(classifier_model, folder)
    spec = json.loads((folder / "tokenizer.json").read_text())
    spec["padding"] = {
        "strategy": {"Fixed": 128},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 1,
        "pad_type_id": 0,
        "pad_token": "x",
    }
    spec["truncation"] = {
        "direction": "Right",
        "max_length": 20,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    (folder / "tokenizer.json").write_text(json.dumps(spec))
    pieces = [words(text) for text in TEXTS]

    (found, wanted) = (
        TokenClassifier.load(str(path), device="cpu").score(pieces)
        for path in (folder, classifier_model)
    )

    for row, own in zip(found, wanted, strict=True):
        assert row == pytest.approx(own, abs=1e-6)
