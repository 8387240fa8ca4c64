"""Sentence-transformers models, against sentence-transformers' own encode."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

from compressors.errors import Unavailable
from compressors.models.sentence_encoder import SentenceEncoder
from compressors.one_pass import TokenEncoder
from tests.models import models_made_here

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = (
    "The Louvre is a museum in Paris.",
    "Museum",
    "",
    "  Das Museum ist\n\nam Montag geschlossen; 1,234 cafés. 北京.  ",
    "It opened in 1793. " * 40,
)


def saved(folder: Path, kind: str, pooling: str, *, dense: bool = False) -> Path:
    """A sentence-transformers directory around the body of a tiny classifier."""
    base = models_made_here.classifier(kind, folder / "base")
    modules: list[torch.nn.Module] = [Transformer(str(base), max_seq_length=48)]
    modules.append(Pooling(32, pooling_mode=pooling))
    if dense:
        modules.append(Dense(32, 8))
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "model"))
    return folder / "model"


@pytest.mark.parametrize("kind", models_made_here.CLASSIFIERS)
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_vectors_are_those_of_sentence_transformers(
    kind: str, pooling: str, tmp_path: Path
) -> None:
    folder = saved(tmp_path, kind, pooling)

    vectors = SentenceEncoder.load(str(folder), device="cpu").encode(TEXTS)

    wanted = SentenceTransformer(str(folder), device="cpu").encode(
        list(TEXTS), normalize_embeddings=True
    )
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 32)
    assert vectors == pytest.approx(wanted, abs=1e-5)


def test_further_modules_are_run_too(tmp_path: Path) -> None:
    folder = saved(tmp_path, "bert", "mean", dense=True)

    encoder = SentenceEncoder.load(str(folder), device="cpu")

    wanted = SentenceTransformer(str(folder), device="cpu").encode(
        list(TEXTS), normalize_embeddings=True
    )
    assert encoder.dimension == 8
    assert encoder.encode(TEXTS) == pytest.approx(wanted, abs=1e-5)


def test_the_models_default_prompt_goes_in_front(tmp_path: Path) -> None:
    folder = saved(tmp_path, "bert", "mean")
    path = folder / "config_sentence_transformers.json"
    config = json.loads(path.read_text())
    config |= {"prompts": {"passage": "Query: "}, "default_prompt_name": "passage"}
    path.write_text(json.dumps(config))

    vectors = SentenceEncoder.load(str(folder), device="cpu").encode(TEXTS[:2])

    wanted = SentenceTransformer(str(folder), device="cpu").encode(
        list(TEXTS[:2]), normalize_embeddings=True
    )
    assert vectors == pytest.approx(wanted, abs=1e-5)


def test_all_vectors_have_length_one(tmp_path: Path) -> None:
    vectors = SentenceEncoder.load(str(saved(tmp_path, "bert", "mean")), device="cpu").encode(TEXTS)

    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-6)


def test_no_texts_have_no_vectors(tmp_path: Path) -> None:
    encoder = SentenceEncoder.load(str(saved(tmp_path, "bert", "mean")), device="cpu")

    assert encoder.encode([]).shape == (0, 32)


def test_refuses_a_module_that_is_a_pickle(tmp_path: Path) -> None:
    """sentence-transformers would read it."""
    folder = saved(tmp_path, "bert", "mean", dense=True)
    (weights,) = folder.glob("*_Dense/model.safetensors")
    torch.save({}, weights.with_name("pytorch_model.bin"))
    weights.unlink()

    with pytest.raises(Unavailable, match=r"pickled weights: .*_Dense/pytorch_model\.bin"):
        SentenceEncoder.load(str(folder), device="cpu")


def test_threads_get_the_vectors_that_one_gets(tmp_path: Path) -> None:
    encoder = SentenceEncoder.load(str(saved(tmp_path, "xlm-roberta", "mean")), device="cpu")
    wanted = encoder.encode(TEXTS)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: encoder.encode(TEXTS), range(24)))

    for vectors in found:
        assert vectors == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("kind", models_made_here.CLASSIFIERS)
def test_a_mean_is_given_with_what_it_is_the_mean_of(kind: str, tmp_path: Path) -> None:
    """For the fast mode of tcra-semantic."""
    encoder = SentenceEncoder.load(str(saved(tmp_path, kind, "mean")), device="cpu")
    texts = [text.strip() for text in TEXTS if text]

    assert isinstance(encoder, TokenEncoder)
    states, vectors = encoder.states(texts), encoder.encode(texts)

    for one, vector, text in zip(states, vectors, texts, strict=True):
        mean = one.vectors.mean(axis=0)
        assert mean / np.linalg.norm(mean) == pytest.approx(vector, abs=1e-5)
        assert one.places[0] == one.places[-1] == (0, 0) or len(text) > 200
        starts = [start for start, end in one.places if start < end]
        assert starts[0] == 0
        assert starts == sorted(starts)
        assert all(0 <= start <= end <= len(text) for start, end in one.places)


def test_a_prompt_is_no_part_of_the_places(tmp_path: Path) -> None:
    folder = saved(tmp_path, "bert", "mean")
    config = json.loads((folder / "config_sentence_transformers.json").read_text())
    config |= {"prompts": {"query": "museum: "}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(config))
    encoder = SentenceEncoder.load(str(folder), device="cpu")

    assert isinstance(encoder, TokenEncoder)
    (states,) = encoder.states(["Paris"])

    assert "".join("Paris"[start:end] for start, end in states.places) == "Paris"
    assert len(states.places) > len([place for place in states.places if place != (0, 0)]) + 2


@pytest.mark.parametrize(("pooling", "dense"), [("cls", False), ("max", False), ("mean", True)])
def test_what_is_no_mean_has_no_token_vectors(pooling: str, dense: bool, tmp_path: Path) -> None:  # noqa: FBT001
    encoder = SentenceEncoder.load(str(saved(tmp_path, "bert", pooling, dense=dense)), device="cpu")

    assert not isinstance(encoder, TokenEncoder)
