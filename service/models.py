"""Load what the settings name, and say how each stage is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from compressors.crag import Crag
from compressors.engine import Engine, EngineSettings
from compressors.exit import Exit
from compressors.extractive import ExtractiveSummarizer
from compressors.llmlingua2 import Llmlingua2
from compressors.models.embedded import EmbeddedModel
from compressors.models.loading import Placement
from compressors.models.minilm import MiniLmEncoder
from compressors.protocols import (
    Compressor,
    Encoder,
    Forward,
    Segmenter,
    SentenceScorer,
    Summarizer,
    TokenScorer,
)
from compressors.segmentation import RuleSegmenter
from compressors.tcra_semantic import TcraSemantic
from compressors.tcra_summary import TcraSummary
from retrieval.clustering import SphericalKMeans
from retrieval.retriever import Retriever as IndexRetriever
from retrieval.storage import load
from service.catalogue import Backend, Catalogue, Retriever, named
from service.openai_llm import read_key
from service.settings import Settings
from service.tokenizers import load_counters

EMBEDDED = "embedded"
CAUSAL_LM = "causal-lm"
CHECKPOINT = "checkpoint"
EXTRACTIVE = "extractive"
SEQ2SEQ = "seq2seq"
OPENAI = "openai"

Wrap = Callable[[Forward], Forward]


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads models onto one place, each run by the engine under a name of its own."""

    settings: Settings
    placement: Placement
    engine: Engine

    def sentence_scorers(self, embedded: EmbeddedModel) -> dict[str, SentenceScorer]:
        scorers: dict[str, SentenceScorer] = {}
        if model := self.settings.exit_causal_lm:
            from compressors.models.causal_lm import CausalLmScorer

            scorers[CAUSAL_LM] = CausalLmScorer.load(
                model, adapter=self.settings.exit_lora, **self._options("exit-causal-lm")
            )
        return scorers | {EMBEDDED: embedded.sentences}

    def token_scorers(self, embedded: EmbeddedModel) -> dict[str, TokenScorer]:
        scorers: dict[str, TokenScorer] = {}
        if model := self.settings.llmlingua2_model:
            from compressors.models.token_classifier import TokenClassifier

            scorers[CHECKPOINT] = TokenClassifier.load(model, **self._options("llmlingua2"))
        return scorers | {EMBEDDED: embedded.words}

    def encoders(self) -> dict[str, Encoder]:
        encoders: dict[str, Encoder] = {}
        if model := self.settings.encoder_model:
            from compressors.models.sentence_encoder import SentenceEncoder

            encoders[CHECKPOINT] = SentenceEncoder.load(model, **self._options("encoder"))
        return encoders | {EMBEDDED: MiniLmEncoder.load(**self._options("minilm"))}

    def summarizers(self, encoder: Encoder, segmenter: Segmenter) -> dict[str, Summarizer]:
        summarizers: dict[str, Summarizer] = {EXTRACTIVE: ExtractiveSummarizer(encoder, segmenter)}
        if model := self.settings.summary_model:
            from compressors.models.seq2seq import Seq2SeqSummarizer

            summarizers[SEQ2SEQ] = Seq2SeqSummarizer.load(model, **self._options("seq2seq"))
        if self.settings.summarizer_openai:
            summarizers[OPENAI] = _openai(self.settings)
        return summarizers

    def embedded(self) -> EmbeddedModel:
        return EmbeddedModel.load(**self._options("embedded"))

    def _options(self, name: str) -> dict[str, Any]:
        return {
            "device": self.placement.device,
            "dtype": self.placement.dtype,
            "wrap": partial(self.engine.wrap, name=name),
        }


def placement_of(settings: Settings) -> Placement:
    """Where models run. Raises ``Unavailable`` if that does not exist here."""
    return Placement.of(settings.device, settings.dtype)


def sized(settings: Settings, placement: Placement) -> EngineSettings:
    """Sizes for the device, or those that were set."""
    given = {
        "batch_tokens": settings.batch_tokens,
        "max_queued_tokens": settings.max_queued_tokens,
    }
    usual = EngineSettings.for_device(placement.device)
    return replace(usual, **{name: value for name, value in given.items() if value})


def load_catalogue(settings: Settings, placement: Placement, engine: Engine) -> Catalogue:
    """Everything that the settings name. Raises ``ValueError`` or ``CompressionError``."""
    loader = Loader(settings, placement, engine)
    # What is quick to refuse comes first.
    counters = load_counters(settings.tokenizers, settings.default_tokenizer)
    embedded, segmenter, encoders = loader.embedded(), RuleSegmenter(), loader.encoders()
    default = next(iter(encoders.values()))
    summarizers = loader.summarizers(default, segmenter)
    return Catalogue(
        backends={
            "exit": _exit(loader.sentence_scorers(embedded), segmenter),
            "llmlingua2": _llmlingua2(loader.token_scorers(embedded)),
            "crag": _summarizing(_made_crag, encoders, segmenter, summarizers),
            "tcra-summary": _summarizing(_made_tcra_summary, encoders, segmenter, summarizers),
            "tcra-semantic": _tcra_semantic(encoders, segmenter),
        },
        counters=counters,
        summarizers=tuple(summarizers),
        retrievers=_retrievers(settings, default),
    )


def _openai(settings: Settings) -> Summarizer:
    from compressors.models.openai_summarizer import OpenAiSummarizer

    file = settings.llm_api_key_file
    key = read_key(file) if file is not None else "unused"
    return OpenAiSummarizer.load(
        settings.llm_model or "", api_key=key, base_url=settings.llm_base_url
    )


def _exit(scorers: Mapping[str, SentenceScorer], segmenter: Segmenter) -> dict[str, Backend]:
    return {name: partial(_made_exit, name, scorer, segmenter) for name, scorer in scorers.items()}


def _made_exit(
    name: str, scorer: SentenceScorer, segmenter: Segmenter, options: Mapping[str, Any]
) -> Compressor:
    return Exit(scorer, segmenter, name, **options)


def _llmlingua2(scorers: Mapping[str, TokenScorer]) -> dict[str, Backend]:
    return {name: partial(_made_llmlingua2, name, scorer) for name, scorer in scorers.items()}


def _made_llmlingua2(name: str, scorer: TokenScorer, options: Mapping[str, Any]) -> Compressor:
    return Llmlingua2(scorer, name, **options)


def _summarizing(
    made: Callable[..., Compressor],
    encoders: Mapping[str, Encoder],
    segmenter: Segmenter,
    summarizers: Mapping[str, Summarizer],
) -> dict[str, Backend]:
    """One backend for each encoder; requests choose the summarizer."""
    return {
        name: partial(made, name, encoder, segmenter, summarizers)
        for name, encoder in encoders.items()
    }


def _made_crag(
    name: str,
    encoder: Encoder,
    segmenter: Segmenter,
    summarizers: Mapping[str, Summarizer],
    options: Mapping[str, Any],
) -> Compressor:
    wanted = options.get("summarizer")
    values = {key: value for key, value in options.items() if key != "summarizer"}
    if wanted is not None:
        values["summarizer"] = named(summarizers, wanted, "crag.summarizer")
        name = f"{name}+{wanted}"
    return Crag(encoder, SphericalKMeans(), segmenter, name, **values)


def _made_tcra_summary(
    name: str,
    encoder: Encoder,
    segmenter: Segmenter,
    summarizers: Mapping[str, Summarizer],
    options: Mapping[str, Any],
) -> Compressor:
    extractive = ExtractiveSummarizer(encoder, segmenter)
    wanted = options.get("summarizer", EXTRACTIVE)
    summarizer = named(summarizers, wanted, "tcra_summary.summarizer")
    if wanted == EXTRACTIVE:
        # The stage's own way is as extractive, and keeps spans of the documents.
        return TcraSummary(extractive, name)
    return TcraSummary(extractive, f"{name}+{wanted}", summarizer)


def _tcra_semantic(encoders: Mapping[str, Encoder], segmenter: Segmenter) -> dict[str, Backend]:
    return {
        name: partial(_made_tcra_semantic, name, encoder, segmenter)
        for name, encoder in encoders.items()
    }


def _made_tcra_semantic(
    name: str, encoder: Encoder, segmenter: Segmenter, options: Mapping[str, Any]
) -> Compressor:
    return TcraSemantic(encoder, segmenter, name, **options)


def encoder_name(settings: Settings) -> str:
    """What an index calls the encoder that searches it."""
    return settings.encoder_model or MiniLmEncoder.name


def _retrievers(settings: Settings, encoder: Encoder) -> dict[str, Retriever]:
    name = encoder_name(settings)
    return {
        index: IndexRetriever(load(Path(folder), encoder=name), encoder)
        for index, folder in settings.indexes.items()
    }
