"""Load what the settings name."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from compressors.engine import Engine, EngineSettings, available_cpus
from compressors.errors import Unavailable
from compressors.extractive import ExtractiveSummarizer
from compressors.longllmlingua import QuestionReader
from compressors.matching import Matching
from compressors.models.cache import Cache
from compressors.models.coverage import VocabularyReader
from compressors.models.embedded import EmbeddedModel
from compressors.models.loading import Placement
from compressors.models.minilm import MiniLmEncoder
from compressors.protocols import (
    Encoder,
    Segmenter,
    SentenceScorer,
    Summarizer,
    TokenScorer,
)
from compressors.rarity import Rarity
from compressors.reading import ReadSentences, ReadWords
from compressors.segmentation import RuleSegmenter
from compressors.structures.segmenter import StructuredSegmenter
from compressors.summary_cache import CachedSummarizer, SummaryCache
from retrieval.retriever import Retriever as IndexRetriever
from retrieval.storage import load
from service.catalogue import Backend, Catalogue, Retriever
from service.guarding import WantedSegmenter
from service.openai_llm import read_key
from service.settings import Settings
from service.stages import (
    EXTRACTIVE,
    exit_backends,
    llmlingua2_backends,
    longllmlingua_backends,
    made_crag,
    made_tcra_summary,
    summarizing_backends,
    tcra_semantic_backends,
)
from service.tokenizers import load_counters

EMBEDDED = "embedded"
CAUSAL_LM = "causal-lm"
CHECKPOINT = "checkpoint"
SEQ2SEQ = "seq2seq"
OPENAI = "openai"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads models onto one place, each run by the engine under a name of its own."""

    settings: Settings
    placement: Placement
    engine: Engine
    cache: Cache | None = None
    """What the models that come with this package remember, if they do."""

    def sentence_scorers(self, embedded: EmbeddedModel) -> dict[str, SentenceScorer]:
        scorers: dict[str, SentenceScorer] = {}
        if model := self.settings.exit_causal_lm:
            from compressors.models.causal_lm import CausalLmScorer
            from compressors.models.exit.overflow import Overflow

            scorer = CausalLmScorer.load(
                model, adapter=self.settings.exit_lora, **self._options("exit-causal-lm")
            )
            scorers[CAUSAL_LM] = scorer.overflowing(Overflow(self.settings.exit_overflow))
        reading = VocabularyReader.of(embedded.sentences.tokenizers)
        return scorers | {EMBEDDED: ReadSentences(embedded.sentences, reading, Matching())}

    def llmlingua2(self, embedded: EmbeddedModel) -> dict[str, Backend]:
        reading = VocabularyReader.of(embedded.words.tokenizers)
        words = ReadWords(embedded.words, reading, Rarity(RuleSegmenter()))
        scorers: dict[str, TokenScorer] = {EMBEDDED: words}
        model = self.settings.llmlingua2_model
        if model is None:
            return llmlingua2_backends(scorers, {})
        from compressors.models.package_classifier import PackageClassifier
        from compressors.models.token_classifier import Checkpoint, TokenClassifier

        checkpoint = Checkpoint.load(
            model, device=self.placement.device, dtype=self.placement.dtype
        )
        forward = self.engine.wrap(checkpoint.forward(), name="llmlingua2")
        scorers = {CHECKPOINT: TokenClassifier.of(checkpoint, forward), **scorers}
        try:
            parities = {CHECKPOINT: PackageClassifier.of(checkpoint, forward)}
        except Unavailable as error:
            _LOG.info("the backend %s has no parity: %s", CHECKPOINT, error)
            parities = {}
        return llmlingua2_backends(scorers, parities)

    def encoders(self) -> dict[str, Encoder]:
        encoders: dict[str, Encoder] = {}
        if model := self.settings.encoder_model:
            from compressors.models.sentence_encoder import SentenceEncoder

            encoders[CHECKPOINT] = SentenceEncoder.load(model, **self._options("encoder"))
        return encoders | {EMBEDDED: MiniLmEncoder.load(**self._own_options("minilm"))}

    def question_readers(self) -> dict[str, QuestionReader]:
        model = self.settings.longllmlingua_model
        if model is None:
            return {}
        from compressors.models.longllmlingua import LongLlmlinguaReader

        # The package runs it: nothing of it goes through the engine.
        placement = self.placement
        reader = LongLlmlinguaReader.load(model, device=placement.device, dtype=placement.dtype)
        return {CAUSAL_LM: reader}

    def segmenter(self) -> Segmenter:
        if self.settings.sat_model is None:
            return StructuredSegmenter(RuleSegmenter())
        from compressors.models.sat import SatSegmenter

        sat = SatSegmenter.load(
            self.settings.sat_model,
            threshold=self.settings.sat_threshold,
            threads=self.settings.threads or available_cpus(),
            wrap=partial(self.engine.wrap, name="sat"),
        )
        return StructuredSegmenter(sat)

    def summarizers(self, encoder: Encoder, segmenter: Segmenter) -> dict[str, Summarizer]:
        summarizers: dict[str, Summarizer] = {EXTRACTIVE: ExtractiveSummarizer(encoder, segmenter)}
        if models := self.settings.summary_model:
            name = f"{models} {self.placement.dtype}"
            summarizers[SEQ2SEQ] = self._remembered(self._seq2seq(models), name, reads_query=False)
        if self.settings.summarizer_openai:
            name = f"{self.settings.llm_model} {self.settings.llm_base_url}"
            summarizers[OPENAI] = self._remembered(_openai(self.settings), name, reads_query=True)
        return summarizers

    def _seq2seq(self, models: str) -> Summarizer:
        from compressors.models.by_rate import ByRate
        from compressors.models.seq2seq import Seq2SeqSummarizer

        loaded: list[Seq2SeqSummarizer] = []
        for number, model in enumerate(models.split(",")):
            options = self._options(f"seq2seq-{number}" if number else "seq2seq")
            if not self.settings.summary_gate:
                options["gate"] = None
            loaded.append(Seq2SeqSummarizer.load(model.strip(), **options))
        return ByRate(loaded) if len(loaded) > 1 else loaded[0]

    def _remembered(
        self, summarizer: Summarizer, identity: str, *, reads_query: bool
    ) -> Summarizer:
        if not self.settings.summary_cache_entries:
            return summarizer
        cache = SummaryCache(max_entries=self.settings.summary_cache_entries)
        return CachedSummarizer(summarizer, cache, identity, reads_query=reads_query)

    def embedded(self) -> EmbeddedModel:
        return EmbeddedModel.load(**self._own_options("embedded"))

    def _own_options(self, name: str) -> dict[str, Any]:
        return {**self._options(name), "cache": self.cache}

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
    """Sizes for the device, or those that were set, and who may have how much."""
    given = {
        "batch_tokens": settings.batch_tokens,
        "max_queued_tokens": settings.max_queued_tokens,
    }
    usual = EngineSettings.for_device(placement.device)
    return replace(
        usual,
        **{name: value for name, value in given.items() if value},
        bulk_share=settings.bulk_share,
        tenant_tokens_per_minute=settings.tenant_tokens_per_minute,
        tenant_quotas={name: int(tokens) for name, tokens in settings.tenant_quotas.items()},
    )


def load_catalogue(settings: Settings, placement: Placement, engine: Engine) -> Catalogue:
    """Everything that the settings name. Raises ``ValueError`` or ``CompressionError``."""
    cache = Cache(settings.cache_bytes) if settings.cache_bytes else None
    loader = Loader(settings, placement, engine, cache)
    # What is quick to refuse comes first.
    counters = load_counters(settings.tokenizers, settings.default_tokenizer, cache)
    embedded, encoders = loader.embedded(), loader.encoders()
    segmenter = WantedSegmenter(loader.segmenter())
    default = next(iter(encoders.values()))
    summarizers = loader.summarizers(default, segmenter)
    backends = {
        "exit": exit_backends(loader.sentence_scorers(embedded), segmenter),
        "llmlingua2": loader.llmlingua2(embedded),
        "crag": summarizing_backends(made_crag, encoders, segmenter, summarizers),
        "tcra-summary": summarizing_backends(made_tcra_summary, encoders, segmenter, summarizers),
        "tcra-semantic": tcra_semantic_backends(encoders, segmenter),
        "longllmlingua": longllmlingua_backends(loader.question_readers()),
    }
    return Catalogue(
        backends={stage: known for stage, known in backends.items() if known},
        counters=counters,
        summarizers=tuple(summarizers),
        retrievers=_retrievers(settings, default),
        cache=cache,
    )


def _openai(settings: Settings) -> Summarizer:
    from compressors.models.openai_summarizer import OpenAiSummarizer

    file = settings.llm_api_key_file
    key = read_key(file) if file is not None else "unused"
    return OpenAiSummarizer.load(
        settings.llm_model or "", api_key=key, base_url=settings.llm_base_url
    )


def encoder_name(settings: Settings) -> str:
    """What an index calls the encoder that searches it."""
    return settings.encoder_model or MiniLmEncoder.name


def _retrievers(settings: Settings, encoder: Encoder) -> dict[str, Retriever]:
    name = encoder_name(settings)
    return {
        index: IndexRetriever(load(Path(folder), encoder=name), encoder)
        for index, folder in settings.indexes.items()
    }
