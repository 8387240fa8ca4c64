"""The whole pipeline on models with a few random weights, and requests that say nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration

from compressors.engine import BatchReport, Engine, EngineSettings
from compressors.extractive import ExtractiveSummarizer
from compressors.fusion import Fusion
from compressors.matching import Matching
from compressors.models import minilm
from compressors.models.batches import steady
from compressors.models.cache import Cache, cached
from compressors.models.coverage import VocabularyReader
from compressors.models.embedded import EmbeddedSentenceScorer, EmbeddedTokenScorer, TwoHeads
from compressors.models.minilm import MeanPooling, MiniLmCounter, MiniLmEncoder
from compressors.protocols import Forward
from compressors.rarity import Rarity
from compressors.reading import ReadSentences, ReadWords
from compressors.segmentation import RuleSegmenter
from compressors.structures.segmenter import StructuredSegmenter
from compressors.values import Document
from service.border_out import response_to_pb
from service.catalogue import Catalogue
from service.limits import Limits
from service.pipeline import Pipeline
from service.request import BudgetSpec, Request, Result
from service.settings import Settings
from service.stages import (
    EXTRACTIVE,
    exit_backends,
    llmlingua2_backends,
    made_crag,
    made_tcra_summary,
    summarizing_backends,
    tcra_semantic_backends,
)

if TYPE_CHECKING:
    from transformers import BertModel

WIDTH = 32
REMEMBERED = ("tokens_spent", "tokens_reused", "ledger")
"""Fields that tell whether a summary was there already; with all durations, they are no part of
the promise."""

_TEXT = (
    "the a of in and to is was on for harbour keeper light tower town water winter ships council "
    "museum bridge river north old stone built converted electric year repaired opened closed "
    "every first fishing market road island storm lamp never not 1871 1927 forty small large"
)
WORDS = tuple(_TEXT.split())


def bert() -> BertModel:
    """One layer with MiniLM's vocabulary, always the same."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=2 * WIDTH,
        # Larger than usual, so that tokens tell a difference.
        initializer_range=0.2,
    )
    model = BertModel(config, add_pooling_layer=False)
    model.train(mode=False)
    return model


def sentence_scorer(forward: Forward, cache: Cache | None = None) -> EmbeddedSentenceScorer:
    fusion = Fusion(bias=-0.2, neural=0.8, lexical=0.5, document=0.1)
    return EmbeddedSentenceScorer(forward, minilm.tokenizers(cache), fusion, 256)


def two_heads(model: BertModel) -> TwoHeads:
    import torch

    torch.manual_seed(1)
    return TwoHeads(model, torch.randn(2, WIDTH) / 4, torch.zeros(2), "cpu")


@contextmanager
def pipeline(
    *,
    observe: Callable[[BatchReport], None] = lambda _: None,
    cache: Cache | None = None,
) -> Iterator[Pipeline]:
    """What ``Pipeline.open`` opens, with other weights."""
    model = bert()
    with Engine(EngineSettings(launch_tokens=256), observe=observe) as engine:

        def loaded(forward: Forward, kind: str) -> Forward:
            wrapped = engine.wrap(steady(forward, "cpu"), name=kind)
            return cached(wrapped, cache, kind=kind, identity="")

        scoring = loaded(two_heads(model), "scores")
        pooling = loaded(MeanPooling(model, "cpu"), "vectors")
        catalogue = _catalogue(scoring, pooling, cache)
        yield Pipeline(catalogue, engine=engine, limits=Limits.of(Settings()))


def _catalogue(forward: Forward, pooling: Forward, cache: Cache | None) -> Catalogue:
    sentences = sentence_scorer(forward, cache)
    tokenizers = sentences.tokenizers
    reading = VocabularyReader.of(tokenizers)
    words = EmbeddedTokenScorer(forward, tokenizers, 256)
    segmenter = StructuredSegmenter(RuleSegmenter())
    encoder = MiniLmEncoder(pooling, tokenizers)
    encoders = {"embedded": encoder}
    summarizers = {EXTRACTIVE: ExtractiveSummarizer(encoder, segmenter)}
    return Catalogue(
        backends={
            "exit": exit_backends(
                {"embedded": ReadSentences(sentences, reading, Matching())}, segmenter
            ),
            "llmlingua2": llmlingua2_backends(
                {"embedded": ReadWords(words, reading, Rarity(RuleSegmenter()))}, {}
            ),
            "crag": summarizing_backends(made_crag, encoders, segmenter, summarizers),
            "tcra-summary": summarizing_backends(
                made_tcra_summary, encoders, segmenter, summarizers
            ),
            "tcra-semantic": tcra_semantic_backends(encoders, segmenter),
        },
        counters={"minilm": MiniLmCounter(tokenizers)},
        summarizers=(),
        retrievers={},
    )


def requests(
    count: int, *, chains: Sequence[str | None], sentences: int = 2, seed: int = 1
) -> list[Request]:
    """So many different ones, with each of the chains in turn, and with budgets or thresholds."""
    dice = random.Random(seed)  # noqa: S311 - a test
    budgets = (BudgetSpec(), BudgetSpec(rate=0.5), BudgetSpec(max_tokens=20))
    return [
        Request(
            query=text(dice, 1),
            documents=tuple(
                Document(str(place), text(dice, dice.randint(1, sentences)))
                for place in range(dice.randint(1, 5))
            ),
            chain=chains[number % len(chains)],
            budget=budgets[number % len(budgets)],
        )
        for number in range(count)
    ]


def text(dice: random.Random, sentences: int) -> str:
    return " ".join(
        " ".join(dice.choices(WORDS, k=dice.randint(3, 12))).capitalize() + "."
        for _ in range(sentences)
    )


def bytes_of(result: Result) -> bytes:
    """What goes over the wire, without what was measured."""
    response = response_to_pb(result)
    for message in (response.totals, *response.stages):
        for field, value in message.ListFields():
            if isinstance(value, Duration) or field.name in REMEMBERED:
                message.ClearField(field.name)
    return response.SerializeToString(deterministic=True)
