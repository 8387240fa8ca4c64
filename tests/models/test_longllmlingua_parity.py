"""LongLLMLingua's reader against the package ``llmlingua``, called as anybody would call it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import pytest
import tiktoken
import torch
from llmlingua import PromptCompressor
from transformers import DynamicCache

from compressors import Context, Document
from compressors.longllmlingua import LongLlmlingua, Method
from compressors.models.longllmlingua import LongLlmlinguaReader, arguments, window_size
from tests.models import models_made_here as made
from tests.models.questions import ASKED, QUESTION, requests, text_of, tokens
from tests.models.texts import Words

if TYPE_CHECKING:
    from pathlib import Path

POSITIONS = 512


class Plain:
    """A model for the package as it is: a cache of pairs, put into and out of one of today."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, ids: Any, *, past_key_values: Any, **options: Any) -> Any:
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(past_key_values or []):
            cache.update(keys, values, layer)
        output = self.model(ids, past_key_values=cache, **options)
        output.past_key_values = [[layer.keys, layer.values] for layer in cache.layers]
        return output


class Utf8:
    """An encoding for the package's statistics, instead of tiktoken's that is on the network."""

    def encode(self, text: str) -> list[int]:
        return list(text.encode())


@pytest.fixture(scope="module", params=made.CAUSAL)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = str(request.param)
    return made.causal(name, tmp_path_factory.mktemp(name), positions=POSITIONS)


@pytest.fixture(scope="module")
def reader(folder: Path) -> LongLlmlinguaReader:
    return LongLlmlinguaReader.load(str(folder), device="cpu")


@pytest.fixture(scope="module")
def package(folder: Path) -> PromptCompressor:
    """The package's own object, made by its own constructor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiktoken, "encoding_for_model", lambda _: Utf8())
        own = PromptCompressor(str(folder), device_map="cpu", model_config={})
    own.model = Plain(own.model)
    return own


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def by_package(
    package: PromptCompressor, reader: LongLlmlinguaReader, texts: list[str], share: float, how: Any
) -> str:
    total = tokens(reader, *texts)
    target = round(share * total)
    size = window_size(tokens(reader, QUESTION), total, target, POSITIONS)
    options = arguments(how, QUESTION, target)
    return cast(
        "str", package.compress_prompt(texts, iterative_size=size, **options)["compressed_prompt"]
    )


def check_parity(reader: LongLlmlinguaReader, package: PromptCompressor, count: int) -> None:
    several, different, shorter, broken = 0, 0, 0, 0
    for texts, share, method in requests(count):
        answer = reader.keep(QUESTION, texts, share, method)

        try:
            wanted = by_package(package, reader, texts, share, method)
        except IndexError:
            # A text of one token has no losses, of which the package takes the least.
            assert min(tokens(reader, text) for text in texts) == 1
            broken += 1
            continue
        order = range(len(texts))
        if method.reorder_context == "sort":
            order = sorted(order, key=lambda i: answer.kept[i].surprise)
        slices = [texts[i][a:b] for i in order for a, b in answer.kept[i].ranges]
        different += bare("".join(slices)) != bare(wanted)
        several += len(texts) > 1
        shorter += len(bare(wanted)) < 0.8 * len(bare("".join(texts)))

    assert different == 0
    assert broken < 0.1 * count
    # So that not everything is one document, or kept whole.
    assert several > count / 2
    assert shorter > count / 3


def test_keeps_what_the_package_keeps(
    reader: LongLlmlinguaReader, package: PromptCompressor
) -> None:
    """Parity: 30 random requests for each family, no difference but in white space."""
    check_parity(reader, package, 30)


@pytest.mark.slow
def test_keeps_what_the_package_keeps_of_many(
    reader: LongLlmlinguaReader, package: PromptCompressor
) -> None:
    """Parity: 200 random requests for each family, no difference but in white space."""
    check_parity(reader, package, 200)


def test_the_stage_in_parity_gives_the_package_s_text(
    reader: LongLlmlinguaReader, package: PromptCompressor
) -> None:
    texts = [text_of(60, 1), text_of(40, 2), text_of(80, 3)]
    stage = LongLlmlingua(reader, "llmlingua", mode="parity", reorder_context="original")
    context = Context.of(QUESTION, [Document(str(i), text) for i, text in enumerate(texts)])

    result = stage.compress(context, Words().budget())

    wanted = by_package(package, reader, texts, 0.5, stage.method)
    assert bare(result.text) == bare(wanted)
    assert len(result.text) < 0.9 * len(context.text)


def test_documents_come_before_the_question_that_they_explain(reader: LongLlmlinguaReader) -> None:
    """The surprise is the mean loss of the question's tokens, by plain transformers code."""
    texts = [text_of(30, 1), text_of(30, 2)]

    answer = reader.keep(QUESTION, texts, 0.5, Method())

    model, tokenizer = reader._package.model._model, reader._package.tokenizer
    for text, kept in zip(texts, answer.kept, strict=True):
        ids = torch.tensor([tokenizer(text + ASKED)["input_ids"]])
        first = len(tokenizer(text)["input_ids"])
        with torch.no_grad():
            logits = model(ids).logits[0, first - 1 : -1]
        loss = torch.nn.functional.cross_entropy(logits, ids[0, first:])
        assert kept.surprise == pytest.approx(float(loss), abs=1e-4)


def test_the_question_s_tokens_are_counted_as_the_package_counts(
    reader: LongLlmlinguaReader, package: PromptCompressor
) -> None:
    for number in range(30):
        prefix, text = text_of(3 + number, number) + "?\n\n", text_of(20, number + 99)

        assert reader._package.get_prefix_length(prefix, text) == package.get_prefix_length(
            prefix, text
        )


def test_the_cache_in_parts_gives_the_logits_of_the_whole(reader: LongLlmlinguaReader) -> None:
    package = reader._package
    ids = torch.tensor([package.tokens_of(text_of(40, 1))[0]])
    mask = torch.ones_like(ids)

    whole = package.model(ids, attention_mask=mask, past_key_values=None, use_cache=True)
    pairs: Any = None
    for start in range(0, ids.shape[1], 7):
        end = min(start + 7, ids.shape[1])
        part = package.model(
            ids[:, start:end], attention_mask=mask[:, :end], past_key_values=pairs, use_cache=True
        )
        pairs = part.past_key_values
        torch.testing.assert_close(part.logits, whole.logits[:, start:end], atol=1e-4, rtol=1e-4)
